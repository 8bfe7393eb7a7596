/** Every way a client can leave, in every state of a server: no process outlives it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { BIN, environmentFor, membersOf } from '../bench/processes.ts';
import { manyFiles } from '../trips/projects.ts';
import { makeRepository } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

const EXIT_MS_MAX = 1_000;
/** The parent is looked for once a second (src/mcp/lifetime.ts). */
const ORPHAN_MS_MAX = 3_000;
/** What outlives this is killed and counted. */
const GIVE_UP_MS = 10_000;
const INDEXING_FILES = 3_000;
/** At once, so that the matrix takes a minute and a half and not three. */
const LANES = 2;

export const shutdown: Row = {
  name: 'shutdown: five endings x three states',
  promise: 'a server and all that it started are gone 1 s after its client, 3 s after a parent that was killed',
  counts: { quick: 120, full: 600 },
  run,
};

type Server = { readonly child: ChildProcess; readonly parent: ChildProcess | undefined; readonly pids: number[] };
type Ending = { readonly name: string; readonly msMax: number; end(server: Server): void };

const ENDINGS: readonly Ending[] = [
  { name: 'its input ends', msMax: EXIT_MS_MAX, end: ({ child }) => child.stdin!.end() },
  { name: 'SIGINT', msMax: EXIT_MS_MAX, end: ({ child }) => child.kill('SIGINT') },
  { name: 'SIGTERM', msMax: EXIT_MS_MAX, end: ({ child }) => child.kill('SIGTERM') },
  { name: 'parent killed', msMax: ORPHAN_MS_MAX, end: ({ parent }) => parent!.kill('SIGKILL') },
  {
    name: 'its output is closed',
    msMax: EXIT_MS_MAX,
    end({ child }) {
      child.stdout!.destroy();
      child.stdin!.write(request(99, 'tools/list', {}));
    },
  },
];
const STATES = ['idle', 'indexing', 'mid-query'] as const;

async function run({ count, folder, progress }: Context): Promise<Outcome> {
  const small = makeRepository(folder(), manyFiles(40));
  const large = makeRepository(folder(), manyFiles(INDEXING_FILES));
  const smallCache = folder();
  const losses: string[] = [];
  let slowestMs = 0;
  let [begun, done] = [0, 0];
  const lane = async (): Promise<void> => {
    for (let at = begun++; at < count; at = begun++) {
      const ending = ENDINGS[at % ENDINGS.length]!;
      const state = STATES[Math.floor(at / ENDINGS.length) % STATES.length]!;
      const root = state === 'indexing' ? large : small;
      const cache = state === 'indexing' ? folder() : smallCache;
      const server = await start([BIN, 'serve', '--root', root], cache, ending.name === 'parent killed');
      await bringInto(server, state);
      const ms = await endAndWait(server, ending);
      if (ms > ending.msMax) losses.push(`${ending.name} while ${state}: alive after ${Math.round(ms)} ms`);
      slowestMs = Math.max(slowestMs, ms);
      progress(++done, count);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return {
    faults: done,
    losses,
    control: { losses: await countSurvivors(folder()), of: 2, how: 'a server with a timer and no guard' },
    notes: [`slowest end ${Math.round(slowestMs)} ms`],
  };
}

function request(id: number, method: string, params: unknown): string {
  return `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
}

/** With a parent of its own, the server's input stays open when that parent dies: we hold the other end. */
async function start(words: readonly string[], cacheDir: string, ofParent: boolean): Promise<Server> {
  const options = { env: environmentFor(cacheDir), stdio: ['pipe', 'pipe', 'ignore'] as const };
  if (!ofParent) {
    const child = spawn(process.execPath, words, { ...options, stdio: [...options.stdio] });
    return prepare(child, undefined);
  }
  const parent = spawn(process.execPath, ['-e', PARENT, '--', ...words], { ...options, stdio: [...options.stdio] });
  return prepare(parent, parent);
}

const PARENT = `require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: 'inherit' }); setInterval(() => {}, 1000);`;

function prepare(child: ChildProcess, parent: ChildProcess | undefined): Server {
  child.stdin!.on('error', () => undefined); // it may be gone before we write
  return { child, parent, pids: [] };
}

async function bringInto(server: Server, state: (typeof STATES)[number]): Promise<void> {
  const { child } = server;
  child.stdin!.write(
    request(1, 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'faults', version: '1' },
    }),
  );
  await once(child.stdout!, 'data');
  child.stdin!.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
  const ask = (id: number): unknown =>
    child.stdin!.write(request(id, 'tools/call', { name: 'search_code', arguments: { query: `handle parcel ${id}` } }));
  if (state === 'indexing') await pause(400);
  else {
    ask(2);
    await once(child.stdout!, 'data');
  }
  child.stdout!.resume();
  if (state === 'mid-query') for (let id = 3; id < 20; id++) ask(id);
  server.pids.push(...membersOf(child.pid!));
}

/** Milliseconds until all processes of the server are gone, whatever its parent is. */
async function endAndWait(server: Server, ending: Ending): Promise<number> {
  const pids = server.pids.filter((pid) => pid !== server.parent?.pid);
  const startedMs = performance.now();
  ending.end(server);
  while (pids.some(isAlive) && performance.now() - startedMs < GIVE_UP_MS) await pause(10);
  const ms = performance.now() - startedMs;
  for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  return ms;
}

/** A process that has ended and was not yet waited for is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function countSurvivors(cacheDir: string): Promise<number> {
  const unguarded = `process.stdin.resume(); setInterval(() => {}, 1000); process.stdout.write('{}\\n');`;
  let survivors = 0;
  for (const ending of [ENDINGS[0]!, ENDINGS[3]!]) {
    const server = await start(['-e', unguarded], cacheDir, ending.name === 'parent killed');
    await once(server.child.stdout!, 'data');
    server.pids.push(...membersOf(server.child.pid!));
    if ((await endAndWait(server, ending)) > ending.msMax) survivors++;
  }
  return survivors;
}
