/** Trip one with real files, git, SQLite and threads: whatever happened to the tree, the rows are those of a fresh index. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { DowserError } from '../src/errors.ts';
import { openPool, type Pool } from '../src/pool.ts';
import { Sync } from '../src/sync.ts';
import type { Job, Result } from '../src/worker.ts';
import { writeTinyModel } from './embed/tinyModel.ts';
import { git, makeFolder, write } from './source/tree.ts';
import { bytesOf, contentOf, freshFile, opened as openedStore } from './store/support.ts';
import { lines, makeProject, type Opened, openFor, openSynced, pathsOf, storeFileOf } from './support.ts';

let model: string;
beforeAll(() => {
  model = writeTinyModel(makeFolder());
});

/** All rows by content, in order of their paths. */
function rowsOf({ engine }: Opened): unknown[] {
  const files = contentOf(engine().store) as { path: string }[];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function expectLikeFresh(opened: Opened): Promise<void> {
  const fresh = await openSynced(opened.config.root, { model: opened.config.model });
  expect(rowsOf(opened)).toEqual(rowsOf(fresh));
  await fresh.index.close();
}

/** Numbers that are the same on every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One thing that people, editors and tools do to a tree. */
function changeSomething(root: string, random: (below: number) => number): void {
  const folder = ['', 'src', 'src/deep', 'lib', 'docs'][random(5)]!;
  const name = `file${random(6)}.${['js', 'py', 'md', 'txt', 'go'][random(5)]}`;
  const place = join(root, folder, name);
  const text = (): string =>
    Array.from({ length: random(30) }, () => `function take${random(50)}(lease) {\n  return ${random(9)};\n}\n`).join(
      '\n',
    );
  const put = (content: string | Uint8Array): void => {
    mkdirSync(dirname(place), { recursive: true });
    rmSync(place, { recursive: true, force: true });
    writeFileSync(place, content);
  };
  const changes: (() => void)[] = [
    () => put(text()),
    () => put(text()),
    () => put(lines('# Title', '', text())),
    () => put(''),
    () => put(Buffer.from([0, 1, 2, random(255)])),
    () => put(Buffer.from(`\ufeff${text()}`, random(2) === 0 ? 'utf8' : 'utf16le')),
    () => put(`${'x'.repeat(3_000 + random(10))}\n`),
    () => rmSync(place, { recursive: true, force: true }),
    () => rmSync(join(root, folder === '' ? 'lib' : folder), { recursive: true, force: true }),
    () => {
      const other = join(root, `moved${random(4)}.js`);
      if (existsSync(place) && statSync(place).isFile()) renameSync(place, other);
    },
    () => {
      if (existsSync(join(root, 'lib')) && !existsSync(join(root, 'src/lib'))) {
        mkdirSync(join(root, 'src'), { recursive: true });
        renameSync(join(root, 'lib'), join(root, 'src/lib'));
      }
    },
    () => writeFileSync(join(root, '.gitignore'), ['', '*.txt\n', 'docs/\n', 'src/deep\n*.py\n'][random(4)]!),
    () => writeFileSync(join(root, '.dowserignore'), ['', 'file1.*\n', 'lib\n'][random(3)]!),
    () => git(root, 'add', '--all'),
    () => {
      rmSync(place, { recursive: true, force: true });
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync('elsewhere', place);
    },
    () => {
      rmSync(place, { recursive: true, force: true });
      write(root, { [join(folder, name, 'inside.js')]: text() });
    },
    () => existsSync(place) && utimesSync(place, random(1_000), random(1_000)),
  ];
  changes[random(changes.length)]!();
}

describe('incremental equals fresh', () => {
  test.each([1, 2, 3])('after any sequence of edits, renames, deletions and ignore files (%s)', async (seed) => {
    const random = randomNumbers(seed);
    const root = makeProject({ 'src/a.js': 'function a() {}\n', 'docs/b.md': '# B\n' });
    const opened = await openSynced(root, { model });
    for (let round = 0; round < 12; round++) {
      for (let change = random(5); change >= 0; change--) changeSomething(root, random);
      await opened.index.sync();
    }
    await expectLikeFresh(opened);
  });

  test('after edits while it was indexing', async () => {
    const files = Array.from({ length: 60 }, (_, at): [string, string] => [`src/f${at}.js`, `function f${at}() {}\n`]);
    const root = makeProject(Object.fromEntries(files));
    const opened = await openFor(root);
    const syncing = opened.index.sync();
    for (let round = 0; round < 30; round++) {
      write(root, { [`src/f${round * 2}.js`]: `function g${round}() {}\n`, [`src/new${round}.js`]: `f${round}();\n` });
      rmSync(join(root, `src/f${round * 2 + 1}.js`));
      await new Promise(setImmediate);
    }
    await syncing;
    await opened.index.sync();
    await expectLikeFresh(opened);
  });

  test('after the process was killed while it indexed: what it had committed stays, the rest follows', async () => {
    const body = lines('function take(lease) {', ...Array.from({ length: 40 }, () => '  lease.extend();'), '}');
    const files = Array.from({ length: 400 }, (_, at): [string, string] => [`src/f${at}.js`, `// ${at}\n${body}`]);
    const root = makeProject(Object.fromEntries(files));
    const cacheDir = join(makeFolder(), 'cache');
    const script = `
      import { openIndex, resolveConfig } from ${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))};
      const config = resolveConfig(${JSON.stringify({ root, cacheDir, model: 'none', workers: 1 })});
      const index = await openIndex(config);
      await index.sync(({ done }) => process.stdout.write(String(done) + '\\n'));
      process.stdout.write('end\\n');`;
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script]);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/^[1-9]/m.test(said)) child.kill('SIGKILL');
    });
    await once(child, 'exit');
    expect(said).toMatch(/^[1-9]/m);
    const opened = await openFor(root, { cacheDir });
    const before = opened.engine().store.files().size;
    expect(before).toBeGreaterThan(0);
    const report = await opened.index.sync();
    expect(report.filesChanged).toBe(files.length - before);
    await expectLikeFresh(opened);
  });

  test('after the model came, went and came again', async () => {
    const root = makeProject({ 'a.js': 'function a() {}\n', 'b.md': '# B\n\nRead a file.\n' });
    const cacheDir = join(makeFolder(), 'cache');
    for (const name of ['none', model, 'none']) await (await openSynced(root, { cacheDir, model: name })).index.close();
    const opened = await openSynced(root, { cacheDir, model });
    expect((await opened.index.status()).coverage).toMatchObject({ embedded: 2, chunks: 2 });
    await expectLikeFresh(opened);
  });
});

describe('an unchanged tree', () => {
  test('is not written again: not a byte of the store changes', async () => {
    const root = makeProject({
      'src/a.js': 'function a() {}\n',
      'empty.js': '',
      'picture.png': Buffer.from([0, 1]),
      '.env': 'SECRET=1\n',
    });
    symlinkSync('src/a.js', join(root, 'link.js'));
    const opened = await openSynced(root, { model });
    const before = { bytes: bytesOf(storeFileOf(opened.config)), version: opened.engine().store.dataVersion() };
    const report = await opened.index.sync();
    await opened.index.search({ query: 'a' });
    expect(report).toMatchObject({ filesSeen: 3, filesChanged: 0, filesRemoved: 0, chunksWritten: 0 });
    expect(opened.engine().store.dataVersion()).toBe(before.version);
    expect(bytesOf(storeFileOf(opened.config)).equals(before.bytes)).toBe(true);
  });

  test('is not written by the next process either', async () => {
    const root = makeProject({ 'src/a.js': 'function a() {}\n', '.env': 'SECRET=1\n' });
    const cacheDir = join(makeFolder(), 'cache');
    await (await openSynced(root, { cacheDir })).index.close();
    const { index } = await openFor(root, { cacheDir });
    expect(await index.sync()).toMatchObject({ filesChanged: 0, filesRemoved: 0, bytesRead: 0 });
  });
});

describe('is noticed', () => {
  test('an edit of the same size with the old time put back', async () => {
    const root = makeProject({ 'a.js': 'function one() {}\n' });
    const opened = await openSynced(root);
    const { atime, mtime } = statSync(join(root, 'a.js'));
    writeFileSync(join(root, 'a.js'), 'function two() {}\n');
    utimesSync(join(root, 'a.js'), atime, mtime);
    await opened.index.sync();
    expect(pathsOf(await opened.index.search({ query: 'two' }))).toEqual(['a.js']);
    await expectLikeFresh(opened);
  });

  test('a file put in place of another, older one', async () => {
    const root = makeProject({ 'a.js': 'function one() {}\n', 'b.js': 'function two() {}\n' });
    const opened = await openSynced(root);
    renameSync(join(root, 'b.js'), join(root, 'a.js'));
    expect(await opened.index.sync()).toMatchObject({ filesChanged: 1, filesRemoved: 1 });
    await expectLikeFresh(opened);
  });

  test('a rename that changes nothing but the case of a letter', async () => {
    const root = makeProject({ 'readme.md': '# One\n' });
    const opened = await openSynced(root);
    renameSync(join(root, 'readme.md'), join(root, 'README.md'));
    await opened.index.sync();
    await expectLikeFresh(opened);
  });
});

describe('one bad file harms no other', () => {
  function openWith(root: string, pool: Pool<Job, Result>): { sync: Sync; files: () => Record<string, unknown> } {
    const store = openedStore(freshFile(), { modelId: undefined, dimensions: 0 });
    const sync = new Sync({ root, store, pool, workers: 1, writes: true, embeds: false });
    onTestFinished(async () => {
      await sync.close();
      await pool.close();
    });
    const files = (): Record<string, unknown> =>
      Object.fromEntries([...store.files()].map(([path, { skip, depth }]) => [path, skip ?? depth]));
    return { sync, files };
  }

  function openDeadlyPool(root: string): Pool<Job, Result> {
    const script = new URL('./fixtures/threads/deadly.ts', import.meta.url);
    return openPool<Job, Result>(script, { count: 1, data: { root }, jobMsMax: 60_000 });
  }

  test('what kills a parser is indexed by lines, what kills a thread is counted, and neither is tried again', async () => {
    const root = makeProject({
      'good.js': 'function good() {}\n',
      'deadly.js': 'function deadly() {}\n',
      'parser.js': 'function parser() {}\n',
      'z.md': '# Z\n',
    });
    // What is younger than the file system's clock can tell is read twice.
    for (const name of ['good.js', 'deadly.js', 'parser.js', 'z.md']) utimesSync(join(root, name), 1_000, 1_000);
    const pool = openDeadlyPool(root);
    const { sync, files } = openWith(root, pool);
    await sync.sweep();
    await sync.settled();
    const expected = { 'good.js': 'full', 'deadly.js': 'stuck', 'parser.js': 'full', 'z.md': 'full' };
    expect(files()).toEqual(expected);
    sync.takeReport();
    let jobs = 0;
    const run = pool.run;
    pool.run = (job, urgent) => {
      jobs += 'entries' in job && job.entries.some(({ path }) => path === 'deadly.js') ? 1 : 0;
      return run(job, urgent);
    };
    await sync.sweep();
    await sync.settled();
    expect({ files: files(), jobs }).toEqual({ files: expected, jobs: 0 });
    writeFileSync(join(root, 'deadly.js'), 'function better() {}\n');
    await sync.sweep();
    await sync.settled();
    expect(jobs).toBeGreaterThan(0);
  });

  test('what could not be read for a moment is read as soon as it can be, without having changed', async () => {
    const root = makeProject({ 'a.js': 'function alpha() {}\n', 'b.js': 'function beta() {}\n' });
    utimesSync(join(root, 'a.js'), 1_000, 1_000);
    const opened = await openSynced(root);
    const { fingerprint } = opened.engine().store.file('a.js')!;
    opened.engine().store.replaceSkips([{ path: 'a.js', reason: 'unreadable', detail: 'EMFILE', fingerprint }]);
    await opened.index.sync();
    await expectLikeFresh(opened);
  });

  test('a failure is told to those who wait, and the next sweep tries again', async () => {
    const root = makeProject({ 'a.js': 'function a() {}\n' });
    const pool = openDeadlyPool(root);
    let failures = 1;
    const failing: Pool<Job, Result> = {
      ...pool,
      run: (job, urgent) =>
        failures-- > 0 ? Promise.reject(new DowserError('model_failed', 'no model')) : pool.run(job, urgent),
    };
    const { sync, files } = openWith(root, failing);
    await sync.sweep();
    await expect(sync.settled()).rejects.toMatchObject({ code: 'model_failed' });
    await sync.sweep();
    await sync.settled();
    expect(files()).toEqual({ 'a.js': 'full' });
  });

  test('a wait can be given up', async () => {
    const root = makeProject({ 'a.js': 'function a() {}\n' });
    const hanging: Pool<Job, Result> = { run: () => new Promise(() => undefined), close: async () => undefined };
    const { sync } = openWith(root, hanging);
    await sync.sweep();
    const stop = new AbortController();
    const waiting = sync.settled(undefined, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });
});
