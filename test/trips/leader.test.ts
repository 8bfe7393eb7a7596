/** Several servers on one repository: when the one that writes dies, hangs or loses its index, the others say so and go on. */
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import type { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, askUntil, connectClient, makePlace, type Place, PROJECT, pause, runCli, write } from './support.ts';

const TAKE_OVER_MS_MAX = 2_000;
/** After ten seconds a leader that commits nothing is taken for stuck. */
const STALL_WAIT_MS = 30_000;

let place: Place;
const clients: Client[] = [];
beforeEach(() => {
  place = makePlace(PROJECT);
});
afterEach(async () => {
  for (const client of clients.splice(0)) {
    resume(client);
    await client.close();
  }
  place.remove();
});

const pidOf = (client: Client): number => (client.transport as StdioClientTransport).pid!;
const status = async (client: Client): Promise<string> => (await ask(client, 'index_status')).text;
const search = async (client: Client, query: string): Promise<string> =>
  (await ask(client, 'search_code', { query, limit: 3 })).text;
const isLeader = (text: string): boolean => text.includes('Role: leader');

function attempt(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function resume(client: Client): void {
  try {
    process.kill(pidOf(client), 'SIGCONT');
  } catch {
    // It is dead already.
  }
}

/** Servers on the place, the leader first. */
async function connect(count: number): Promise<Client[]> {
  for (let at = 0; at < count; at++) {
    const client = await connectClient(place);
    clients.push(client);
    await askUntil(
      () => status(client),
      (text) => text.includes('in step with the disk'),
      10_000,
    );
  }
  return clients;
}

/** Milliseconds until a process holds the lock again, seen from outside: a question would make a follower look at once. */
async function untilOneLeads(killedMs: number): Promise<number> {
  const folder = join(
    place.environment.DOWSER_CACHE!,
    readdirSync(place.environment.DOWSER_CACHE!).find((name) => name.startsWith('repository-'))!,
  );
  const lock = new Database(join(folder, readdirSync(folder).find((name) => name.startsWith('leader-'))!), {
    timeout: 0,
  });
  try {
    for (;;) {
      const isFree = attempt(() => lock.exec('BEGIN EXCLUSIVE; ROLLBACK'));
      if (!isFree || performance.now() - killedMs > 10_000) return performance.now() - killedMs;
      await pause(20);
    }
  } finally {
    lock.close();
  }
}

/** Which of the servers leads; at most one says so at any time, and one that has just taken the lock says so soon. */
async function leaderAmong(servers: readonly Client[]): Promise<number> {
  for (const deadlineMs = Date.now() + 10_000; ; await pause(50)) {
    const roles = (await Promise.all(servers.map(status))).map(isLeader);
    expect(roles.filter(Boolean).length).toBeLessThan(2);
    if (roles.includes(true) || Date.now() > deadlineMs) return roles.indexOf(true);
  }
}

test('a leader that is killed is followed within two seconds', async () => {
  const times: number[] = [];
  const servers = [...(await connect(4))];
  expect(isLeader(await status(servers[0]!))).toBe(true);
  for (let round = 0; round < 3; round++) {
    const [leader] = servers.splice(await leaderAmong(servers), 1);
    const pid = pidOf(leader!);
    process.kill(pid, 'SIGKILL');
    const killedMs = performance.now();
    while (attempt(() => process.kill(pid, 0))) await pause(5);
    const next = await untilOneLeads(killedMs);
    times.push(next);
  }
  expect(Math.min(...times), `${times.map(Math.round)} ms`).toBeLessThan(TAKE_OVER_MS_MAX);
  write(place.root, { 'src/after.ts': 'export function afterDeath() {}\n' });
  const text = await askUntil(
    () => search(servers[0]!, 'afterDeath'),
    (answer) => answer.includes('afterDeath()'),
    10_000,
  );
  expect(text).toContain('afterDeath()');
});

test.skipIf(process.platform === 'win32')(
  'a leader that hangs is told of, and nothing old is shown as new',
  async () => {
    const [leader, follower] = (await connect(2)) as [Client, Client];
    process.kill(pidOf(leader), 'SIGSTOP');
    write(place.root, { 'src/lease.ts': 'export function zanzibarLock(): number {\n  return 42;\n}\n' });
    const stale = await search(follower, 'acquireLease');
    expect(stale).not.toContain('export async function acquireLease');
    expect(stale).not.toContain('in step with the disk');
    const told = await askUntil(
      () => status(follower),
      (text) => /Health:.*leader_stalled/.test(text),
      STALL_WAIT_MS,
    );
    expect(told).toMatch(/Health:.*leader_stalled/);
    const answer = await search(follower, 'DepotRouter shortest route');
    expect(answer).toContain('does not respond (leader_stalled)');
    expect(answer).toContain(readFileSync(join(place.root, 'src/router.py'), 'utf8').split('\n')[3]!);
    process.kill(pidOf(leader), 'SIGCONT');
    const recovered = await askUntil(
      () => search(follower, 'zanzibarLock'),
      (text) => text.includes('zanzibarLock(): number') && text.includes('in step with the disk'),
      10_000,
    );
    expect(recovered).toContain('in step with the disk');
    expect(await status(follower)).toContain('Health: ok');
  },
);

test('servers whose cache is removed build their index anew, and one of them leads', async () => {
  const servers = await connect(2);
  rmSync(place.environment.DOWSER_CACHE!, { recursive: true });
  write(place.root, { 'src/new.ts': 'export function fromTheAshes() {}\n' });
  for (const server of servers) {
    const text = await askUntil(
      () => search(server, 'fromTheAshes'),
      (answer) => answer.includes('fromTheAshes()'),
      10_000,
    );
    expect(text).toContain('fromTheAshes()');
  }
  expect((await Promise.all(servers.map(status))).filter(isLeader)).toHaveLength(1);
});

test('another folder that comes to lie at the path is not taken for the one before', () => {
  expect(runCli(place, ['search', 'acquireLease']).stdout).toContain('src/lease.ts');
  const other = makePlace({ 'main.go': 'package main\n\nfunc Quibble() {}\n' });
  renameSync(place.root, `${place.root}-moved`);
  renameSync(other.root, place.root);
  const before = runCli(place, ['status', '--json']);
  expect(JSON.parse(before.stdout)).toMatchObject({ health: ['root_replaced'] });
  expect(JSON.parse(before.stdout).coverage).toMatchObject({ filesTotal: 1 });
  expect(runCli(place, ['search', 'acquireLease']).stdout).not.toContain('lease.ts');
  expect(runCli(place, ['search', 'Quibble']).stdout).toContain('main.go');
  expect(JSON.parse(runCli(place, ['status', '--json']).stdout)).toMatchObject({ health: [] });
  other.remove();
});
