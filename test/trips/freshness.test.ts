/** Files change under a running server: the next answers know it, nothing is written into the repository, and servers share it in peace. */
import { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ask,
  askUntil,
  connectClient,
  makePlace,
  manyFiles,
  nameAt,
  type Place,
  PROJECT,
  pathAt,
  runCli,
  write,
} from './support.ts';

const VISIBLE_MS_MAX = 2_000;

let place: Place;
beforeEach(() => {
  place = makePlace(PROJECT);
});
afterEach(() => place.remove());

const search = (client: Client, query: string) => async (): Promise<string> =>
  (await ask(client, 'search_code', { query, limit: 5 })).text;

describe('within two seconds', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connectClient(place);
    await askUntil(search(client, 'acquireLease'), (text) => text.includes('1. src/lease.ts'), 10_000);
  });
  afterEach(() => client.close());

  test('an edit is in the answers, and the old text is not', async () => {
    write(place.root, { 'src/lease.ts': 'export function zanzibarLock(): number {\n  return 42;\n}\n' });
    const text = await askUntil(
      search(client, 'zanzibarLock'),
      (answer) => answer.includes('zanzibarLock(): number'),
      VISIBLE_MS_MAX,
    );
    expect(text).toContain('1. src/lease.ts:1-3');
    expect(await search(client, 'acquireLease')()).not.toContain('export async function acquireLease');
  });

  test('a new file in a new folder is in the answers', async () => {
    write(place.root, { 'src/new/deep/kiosk.rs': 'pub fn open_kiosk(hour: u8) -> bool {\n    hour > 8\n}\n' });
    const text = await askUntil(search(client, 'open_kiosk'), (answer) => answer.includes('kiosk.rs'), VISIBLE_MS_MAX);
    expect(text).toContain('1. src/new/deep/kiosk.rs:1-3');
  });

  test('a renamed file has its new name', async () => {
    renameSync(join(place.root, 'src/router.py'), join(place.root, 'src/wayfinder.py'));
    const text = await askUntil(
      search(client, 'shortest_route'),
      (answer) => answer.includes('src/wayfinder.py:'),
      VISIBLE_MS_MAX,
    );
    expect(text).not.toContain('src/router.py');
    expect(text).toContain('src/wayfinder.py:');
  });

  test('a deleted file is gone', async () => {
    rmSync(join(place.root, 'src/router.py'));
    const text = await askUntil(
      search(client, 'shortest_route'),
      (answer) => !answer.includes('src/router.py'),
      VISIBLE_MS_MAX,
    );
    expect(text).not.toContain('src/router.py');
  });

  test('a file that is ignored from now on is gone', async () => {
    write(place.root, { '.gitignore': '*.py\n' });
    const text = await askUntil(
      search(client, 'shortest_route'),
      (answer) => !answer.includes('src/router.py'),
      VISIBLE_MS_MAX,
    );
    expect(text).not.toContain('src/router.py');
  });
});

test('two servers answer on one repository while it changes, without a word of a busy store', async () => {
  const clients = await Promise.all([connectClient(place, 'auto'), connectClient(place, 'legacy')]);
  const answers: string[] = [];
  await Promise.all([
    ...clients.map(async (client) => {
      for (let round = 0; round < 15; round++)
        answers.push(await search(client, `lease round${round}`)(), (await ask(client, 'index_status')).text);
    }),
    (async () => {
      for (let round = 0; round < 15; round++) {
        write(place.root, { [`src/extra${round}.ts`]: `export const round${round} = ${round};\n` });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })(),
  ]);
  for (const text of answers) expect(text).not.toMatch(/busy|locked|internal error|can't be opened/i);
  for (const client of clients) {
    const text = await askUntil(
      search(client, 'round14'),
      (answer) => answer.includes('src/extra14.ts'),
      VISIBLE_MS_MAX,
    );
    expect(text).toContain('src/extra14.ts');
  }
  // The one that led goes away: the other takes over and still sees what changes.
  await clients[0]!.close();
  write(place.root, { 'src/after.ts': 'export function afterTheLeader() {}\n' });
  const text = await askUntil(
    search(clients[1]!, 'afterTheLeader'),
    (answer) => answer.includes('src/after.ts'),
    5_000,
  );
  expect(text).toContain('src/after.ts');
  await clients[1]!.close();
});

test('the command line answers beside a running server, and both know an edit', async () => {
  const client = await connectClient(place);
  await askUntil(search(client, 'acquireLease'), (text) => text.includes('src/lease.ts'), 10_000);
  write(place.root, { 'src/besides.ts': 'export function besidesTheServer() {}\n' });
  const { status, stdout, stderr } = runCli(place, ['search', 'besidesTheServer']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^src\/besides\.ts:1-1/);
  expect(await search(client, 'besidesTheServer')()).toContain('src/besides.ts');
  await client.close();
});

test('nothing is written inside the repository', async () => {
  const before = treeOf(place.root);
  const client = await connectClient(place);
  await askUntil(search(client, 'acquireLease'), (text) => text.includes('src/lease.ts'), 10_000);
  await ask(client, 'find_similar', { path: 'src/retry.go', line: 5 });
  await ask(client, 'complete_context', { path: 'src/lease.ts', line: 5 });
  await client.close();
  expect(treeOf(place.root)).toEqual(before);
});

test('questions from right after the start on 10,000 new files find what they name, each within three seconds', async () => {
  const big = makePlace(manyFiles(10_000));
  try {
    const client = await connectClient(big);
    const answers: string[] = [];
    for (const at of Array.from({ length: 20 }, (_, position) => position * 499 + 7)) {
      const startedMs = performance.now();
      const { text } = await ask(client, 'search_code', { query: nameAt(at), limit: 3 });
      const ms = performance.now() - startedMs;
      answers.push(
        `${text.includes(`1. ${pathAt(at)}:`) && ms < 3_000 ? 'right' : 'wrong'} after ${Math.round(ms)} ms: ${text.split('\n')[0]}`,
      );
    }
    expect(answers[0]).toContain('so far: still indexing');
    expect(answers.filter((line) => line.startsWith('right')).length, answers.join('\n')).toBeGreaterThanOrEqual(18);
    await client.close();
  } finally {
    big.remove();
  }
});

/** Every path with what tells that it was touched. */
function treeOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const stat = lstatSync(join(root, path), { bigint: true });
      return `${path} ${stat.mode} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
    });
}
