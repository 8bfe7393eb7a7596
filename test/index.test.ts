/** The front door: one repository, two processes' worth of indexes, no model, no room, no repository. */
import { mkdirSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { setLogLevel } from '../src/log.ts';
import { storePlaceFor } from '../src/store/place.ts';
import { writeTinyModel } from './embed/tinyModel.ts';
import { makeFolder, write } from './source/tree.ts';
import { lines, makeProject, openFor, openSynced, pathsOf, storeFileOf } from './support.ts';

const PROJECT = { 'src/lease.js': lines('export function acquireLease(parcel) {', '  return parcel;', '}') };

/** Asks until the answer is as wanted; the time limit of the test is its bound. */
async function until<Value>(ask: () => Promise<Value>, isWanted: (value: Value) => boolean): Promise<Value> {
  for (;;) {
    const value = await ask();
    if (isWanted(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Files of this folder that this process holds open, where the system tells. */
function openFilesOf(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(folder) ? [target] : [];
    } catch {
      return [];
    }
  });
}

test('an edit in the moment after a sweep is in the answer to each of the three questions', async () => {
  const code = (note: string) =>
    lines('export function acquireLease(parcel) {', `  // ${note}`, '  return parcel.lease;', '}');
  const root = makeProject({ 'a.js': code('first'), 'b.js': code('first'), 'c.js': 'acquireLease(parcel);\n' });
  const { index } = await openSynced(root, { model: 'none' });
  const asks = [
    () => index.search({ query: 'acquireLease' }),
    () => index.similar({ path: 'a.js', line: 2 }),
    () => index.complete({ path: 'c.js', line: 1 }),
  ];
  for (const [round, ask] of asks.entries()) {
    await ask();
    // The sweep of that question is young enough that the next one makes none: only reading from disk can tell.
    write(root, { 'b.js': code(`edited ${round}`) });
    const shown = (await ask()).snippets.find(({ path }) => path === 'b.js');
    expect(shown?.text).toContain(`edited ${round}`);
  }
});

test('new code is in the answer to a question right after it, however soon after the one before: of a leader that watches, and of a follower', async () => {
  const root = makeProject(PROJECT);
  const cacheDir = join(makeFolder(), 'cache');
  const leader = await openSynced(root, { cacheDir });
  const follower = await openFor(root, { cacheDir });
  leader.index.start();
  follower.index.start();
  // A watch takes a moment to be there; until then sweeps come once a second.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const [who, { index }] of Object.entries({ leader, follower })) {
    for (let round = 0; round < 8; round++) {
      write(root, { 'src/desk.js': `export function openDesk${who}${round}() {}\n` });
      expect(pathsOf(await index.search({ query: `openDesk${who}${round}`, limit: 1 }))).toEqual(['src/desk.js']);
    }
  }
});

describe('two indexes of one repository', () => {
  test('one leads, both answer, and the follower sees what the leader commits', async () => {
    const root = makeProject(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const leader = await openSynced(root, { cacheDir });
    const follower = await openFor(root, { cacheDir });
    expect([(await leader.index.status()).role, (await follower.index.status()).role]).toEqual(['leader', 'follower']);
    expect(pathsOf(await follower.index.search({ query: 'acquireLease' }))).toEqual(['src/lease.js']);
    write(root, { 'src/desk.js': 'export function openDesk() {}\n' });
    await leader.index.sync();
    expect(pathsOf(await follower.index.search({ query: 'openDesk' }))).toEqual(['src/desk.js']);
  });

  test('a follower that is asked to sync waits for its leader', async () => {
    const root = makeProject(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const leader = await openSynced(root, { cacheDir });
    const follower = await openFor(root, { cacheDir });
    write(root, { 'src/desk.js': 'export function openDesk() {}\n' });
    await Promise.all([follower.index.sync(), leader.index.sync()]);
    expect(pathsOf(await follower.index.search({ query: 'openDesk' }))).toEqual(['src/desk.js']);
  });

  test('the follower takes over when its leader is closed, once however many ask', async () => {
    const root = makeProject(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const leader = await openSynced(root, { cacheDir });
    const follower = await openFor(root, { cacheDir });
    await follower.index.search({ query: 'lease' });
    await leader.index.close();
    write(root, { 'src/desk.js': 'export function openDesk() {}\n' });
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => follower.index.search({ query: 'acquireLease', limit: 1 })),
    );
    for (const answer of asked) expect(pathsOf(answer)).toEqual(['src/lease.js']);
    expect((await follower.index.status()).role).toBe('leader');
    await follower.index.sync();
    expect(pathsOf(await follower.index.search({ query: 'openDesk' }))).toEqual(['src/desk.js']);
    await follower.index.close();
    expect(openFilesOf(dirname(storeFileOf(follower.config)))).toEqual([]);
  });

  test('of another repository do not meet', async () => {
    const cacheDir = join(makeFolder(), 'cache');
    const one = await openSynced(makeProject(PROJECT), { cacheDir });
    const other = await openSynced(makeProject({ 'a.py': 'def acquireLease(): pass\n' }), { cacheDir });
    expect(pathsOf(await one.index.search({ query: 'acquireLease' }))).toEqual(['src/lease.js']);
    expect(pathsOf(await other.index.search({ query: 'acquireLease' }))).toEqual(['a.py']);
    expect((await other.index.status()).role).toBe('leader');
  });
});

describe('while it watches', () => {
  test('a change is in the index without anyone asking for a sync', async () => {
    const root = makeProject(PROJECT);
    const { index } = await openSynced(root);
    index.start();
    write(root, { 'src/desk.js': 'export function openDesk() {}\n' });
    const answer = await until(
      () => index.search({ query: 'openDesk' }),
      (found) => pathsOf(found).includes('src/desk.js'),
    );
    expect(answer.freshness.state).toBe('fresh');
  });

  test('it can be closed at once, and twice', async () => {
    const { index } = await openFor(makeProject(PROJECT));
    index.start();
    await index.close();
    await index.close();
  });
});

describe('an answer on a repository that was never indexed', () => {
  test('finds what was asked for, and says what it covers', async () => {
    const { index } = await openFor(makeProject(PROJECT));
    const answer = await until(
      () => index.search({ query: 'acquireLease' }),
      ({ coverage }) => coverage.pending === 0 && coverage.filesIndexed === 1,
    );
    expect(pathsOf(answer)).toEqual(['src/lease.js']);
    expect(answer.coverage).toMatchObject({ filesTotal: 1, filesIndexed: 1, pending: 0, chunks: 1, embedded: 0 });
  });
});

describe('without what it needs', () => {
  test('a model that can not be used: the bundled one stands in, and every answer and the status say so', async () => {
    setLogLevel('error');
    const { index } = await openSynced(makeProject(PROJECT), { model: 'no-such-model' });
    const answer = await index.search({ query: 'acquire a lease' });
    expect(pathsOf(answer)).toContain('src/lease.js');
    expect(answer.notes).toEqual([expect.stringMatching(/bundled model stands in.*no-such-model/)]);
    expect((await index.similar({ code: 'acquireLease(parcel)' })).notes).toEqual(answer.notes);
    expect((await index.complete({ prefix: 'acquireLease(' })).notes).toEqual(answer.notes);
    expect(await index.status()).toMatchObject({
      model: { name: 'dowser-static-v1' },
      health: ['model_unusable'],
      coverage: { embedded: expect.any(Number) },
    });
  });

  test('none asked for: words alone, and nothing is degraded', async () => {
    const { index } = await openSynced(makeProject(PROJECT), { model: 'none' });
    expect((await index.search({ query: 'lease' })).notes).toEqual([]);
    expect(await index.status()).toMatchObject({ model: undefined, health: [] });
  });

  test('a damaged model costs the meaning, not the answer', async () => {
    const folder = writeTinyModel(makeFolder());
    writeFileSync(join(folder, 'model.onnx'), 'not a model');
    const { index } = await openSynced(makeProject(PROJECT), { model: folder });
    const answer = await index.search({ query: 'lease' });
    expect(pathsOf(answer)).toEqual(['src/lease.js']);
    expect(answer.notes).toHaveLength(1);
  });

  test('the repository is gone: the error says so, and it comes back when the folder does', async () => {
    const root = makeProject(PROJECT);
    const { index } = await openFor(root);
    rmSync(root, { recursive: true });
    await expect(index.sync()).rejects.toMatchObject({ code: 'bad_root', message: expect.stringContaining(root) });
    write(root, PROJECT);
    await index.sync();
    expect(pathsOf(await index.search({ query: 'lease' }))).toEqual(['src/lease.js']);
  });

  test('no place for the index: the error names it, and the next try leads', async () => {
    const root = makeProject(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const { storeFile } = storePlaceFor(root, cacheDir);
    mkdirSync(storeFile, { recursive: true });
    await expect(openFor(root, { cacheDir })).rejects.toMatchObject({ code: 'store_unusable' });
    rmSync(storeFile, { recursive: true });
    const { index } = await openSynced(root, { cacheDir });
    expect((await index.status()).role).toBe('leader');
  });
});

describe('after it is closed', () => {
  test('a question is refused, not broken', async () => {
    const { index } = await openSynced(makeProject(PROJECT));
    await index.close();
    const asked = await Promise.allSettled([
      index.search({ query: 'lease' }),
      index.similar({ code: 'lease' }),
      index.complete({ prefix: 'lease' }),
      index.status(),
      index.sync(),
    ]);
    for (const result of asked) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  });

  test('a question under way is cancelled, not broken', async () => {
    const { index } = await openFor(makeProject(PROJECT));
    const asked = [index.search({ query: 'lease' }), index.similar({ code: 'lease' }), index.sync(), index.status()];
    const settled = Promise.allSettled(asked);
    await index.close();
    for (const result of await settled)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  });

  test.runIf(process.platform === 'linux')('no file of the index is held open', async () => {
    const { index, config } = await openSynced(makeProject(PROJECT));
    expect(openFilesOf(dirname(storeFileOf(config)))).not.toEqual([]);
    await index.close();
    expect(openFilesOf(dirname(storeFileOf(config)))).toEqual([]);
  });
});

test('a question that its caller gave up is cancelled', async () => {
  const { index } = await openSynced(makeProject(PROJECT));
  const stop = new AbortController();
  stop.abort();
  const { signal } = stop;
  await expect(index.search({ query: 'lease', signal })).rejects.toMatchObject({ code: 'cancelled' });
  await expect(index.sync(undefined, signal)).rejects.toMatchObject({ code: 'cancelled' });
  await expect(index.similar({ code: 'lease', signal })).rejects.toMatchObject({ code: 'cancelled' });
  await expect(index.complete({ prefix: 'lease', signal })).rejects.toMatchObject({ code: 'cancelled' });
});

test('nothing is written inside the repository', async () => {
  const root = makeProject(PROJECT);
  const before = readdirSync(root, { recursive: true }).sort();
  const { index } = await openSynced(root);
  index.start();
  await index.search({ query: 'lease' });
  await index.close();
  expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
});
