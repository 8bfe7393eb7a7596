import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { type Watcher, watchTree } from '../../src/source/watch.ts';
import { makeFolder, makeTree } from './tree.ts';

const open: Watcher[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((watcher) => watcher.close()));
});

type Watched = { readonly watcher: Watcher; hints(): number };

async function watch(root: string, folders: readonly string[] = ['']): Promise<Watched> {
  let count = 0;
  const watcher = watchTree(root, { onHint: () => count++, debounceMs: 20, lookMs: () => 4 });
  open.push(watcher);
  await watcher.ready();
  watcher.setFolders(folders);
  const watched = { watcher, hints: () => count };
  if (folders.some((folder) => folder !== '')) await until(() => count > 0);
  await listening(root, folders);
  return watched;
}

/** Waits for real events; the bound is only met by a watcher that is deaf. */
async function until(isSo: () => boolean, act: () => void = () => undefined): Promise<void> {
  for (const deadline = Date.now() + 20_000; !isSo(); await pause(20)) {
    act();
    if (Date.now() > deadline) throw new Error('no hint came');
  }
}

/** Linux tells which folders this process watches; elsewhere a moment has to do. */
async function listening(root: string, folders: readonly string[]): Promise<void> {
  if (!existsSync('/proc/self/fdinfo')) return pause(500);
  await until(() => watches() >= folders.length && existsSync(root));
}

function watches(): number {
  const counts = readdirSync('/proc/self/fdinfo').map((file) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${file}`, 'utf8').match(/^inotify /gm)?.length ?? 0;
    } catch {
      return 0;
    }
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Expects a hint after this, once what came before has settled. */
async function hintAfter({ hints }: Watched, change: () => void): Promise<void> {
  const before = hints();
  change();
  await until(() => hints() > before);
}

describe('watchTree', () => {
  test('hints at an edit, a new file, a rename and a deletion, in the root and below', async () => {
    const root = makeTree({ 'a.ts': '1', 'lib/deep/b.ts': '1' });
    const watched = await watch(root, ['', 'lib', 'lib/deep']);
    for (const folder of ['', 'lib/deep']) {
      const place = join(root, folder);
      await hintAfter(watched, () => writeFileSync(join(place, 'new.ts'), ''));
      await hintAfter(watched, () => appendFileSync(join(place, 'new.ts'), 'edit'));
      await hintAfter(watched, () => renameSync(join(place, 'new.ts'), join(place, 'other.ts')));
      await hintAfter(watched, () => rmSync(join(place, 'other.ts')));
    }
    expect(watched.watcher.degraded()).toBeUndefined();
  });

  test('hints at a new folder, and watches it once it is told', async () => {
    const root = makeFolder();
    const watched = await watch(root);
    await hintAfter(watched, () => mkdirSync(join(root, 'new/very/deep'), { recursive: true }));
    // Told of them, it hints once more for what may have happened there before.
    await hintAfter(watched, () => watched.watcher.setFolders(['', 'new', 'new/very', 'new/very/deep']));
    await listening(root, ['', '', '', '']);
    await hintAfter(watched, () => writeFileSync(join(root, 'new/very/deep/a.ts'), ''));
  });

  test('watches a folder that was made anew under its old name', async () => {
    const root = makeTree({ 'lib/sub/a.ts': '1' });
    const folders = ['', 'lib', 'lib/sub'];
    const watched = await watch(root, folders);
    await hintAfter(watched, () => {
      renameSync(join(root, 'lib'), join(root, 'old'));
      mkdirSync(join(root, 'lib/sub'), { recursive: true });
    });
    await hintAfter(watched, () => watched.watcher.setFolders(folders));
    await listening(root, folders);
    await hintAfter(watched, () => writeFileSync(join(root, 'lib/sub/a.ts'), '2'));
  });

  test('says nothing about folders that it was not told of, files in .git, and folders it was told to forget', async () => {
    const root = makeTree({ 'ignored/a.log': '', 'lib/a.ts': '', '.git/index': '' });
    const watched = await watch(root, ['', 'lib']);
    watched.watcher.setFolders(['']);
    await until(() => watches() === 1);
    const before = watched.hints();
    writeFileSync(join(root, 'ignored/a.log'), 'x');
    writeFileSync(join(root, 'lib/a.ts'), 'x');
    writeFileSync(join(root, '.git/index'), 'x');
    await pause(200);
    expect(watched.hints()).toBe(before);
    await hintAfter(watched, () => writeFileSync(join(root, 'b.ts'), ''));
  });

  test('makes one hint of a burst, never inside an event, and keeps hinting while changes go on', async () => {
    const root = makeFolder();
    const watched = await watch(root);
    const before = watched.hints();
    for (let count = 0; count < 500; count++) writeFileSync(join(root, `f${count}`), '');
    expect(watched.hints()).toBe(before);
    await until(() => watched.hints() > before);
    await pause(100);
    expect(watched.hints() - before).toBeLessThanOrEqual(5);
    const during = watched.hints();
    await until(
      () => watched.hints() > during + 1,
      () => writeFileSync(join(root, 'log'), String(Math.random())),
    );
  });

  test('survives folders that are not there, and a root that goes away', async () => {
    const root = makeTree({ 'lib/a.ts': '' });
    const watched = await watch(root, ['', 'lib']);
    watched.watcher.setFolders(['', 'lib', 'none', 'none/deeper', 'x'.repeat(5_000)]);
    await hintAfter(watched, () => writeFileSync(join(root, 'lib/b.ts'), ''));
    await hintAfter(watched, () => rmSync(root, { recursive: true }));
    watched.watcher.setFolders([]);
  });

  test('leaves nothing behind when closed, and stays closed', async () => {
    const root = makeTree({ 'lib/a.ts': '' });
    const watched = await watch(root, ['', 'lib']);
    writeFileSync(join(root, 'lib/b.ts'), '');
    await watched.watcher.close();
    const before = watched.hints();
    watched.watcher.setFolders(['', 'lib']);
    writeFileSync(join(root, 'lib/c.ts'), '');
    await pause(100);
    expect(watched.hints()).toBe(before);
    expect(watches()).toBe(0);
  });

  test('lets a process end at once after close', () => {
    const module = fileURLToPath(new URL('../../src/source/watch.ts', import.meta.url));
    const root = makeTree({ 'lib/a.ts': '' });
    const script = `import { watchTree } from ${JSON.stringify(module)}; import { writeFileSync } from 'node:fs';
      const watcher = watchTree(${JSON.stringify(root)}, { onHint() {}, debounceMs: 10000 });
      await watcher.ready(); watcher.setFolders(['', 'lib']); writeFileSync(${JSON.stringify(join(root, 'x'))}, '');
      await new Promise((resolve) => setTimeout(resolve, 50)); const closedMs = performance.now(); await watcher.close();
      process.on('exit', () => process.stdout.write(String(performance.now() - closedMs)));`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // A timer of chokidar, or ours, would hold it for a second or more.
    expect(Number(stdout)).toBeLessThan(900);
  });
});

const canLimit =
  spawnSync('unshare', [
    '-Ur',
    'sh',
    '-c',
    'echo 5 > /proc/sys/fs/inotify/max_inotify_watches || echo 5 > /proc/sys/user/max_inotify_watches',
  ]).status === 0;

test.skipIf(!canLimit)('says that it is degraded when the system allows no more watches', () => {
  const module = fileURLToPath(new URL('../../src/source/watch.ts', import.meta.url));
  const folders = Array.from({ length: 20 }, (_, at) => `d${at}`);
  const root = makeTree(Object.fromEntries(folders.map((folder) => [`${folder}/`, ''])));
  const script = `import { watchTree } from ${JSON.stringify(module)};
    const watcher = watchTree(${JSON.stringify(root)}, { onHint() {}, debounceMs: 10 });
    await watcher.ready(); watcher.setFolders(['', ...${JSON.stringify(folders)}]);
    while (watcher.degraded() === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    process.stdout.write(watcher.degraded()); await watcher.close();`;
  const limit = 'echo 5 > /proc/sys/user/max_inotify_watches && exec "$0" --input-type=module -e "$1"';
  const { stdout } = spawnSync('unshare', ['-Ur', 'sh', '-c', limit, process.execPath, script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stdout).toMatch(/limit of watched folders.*max_user_watches/);
});
