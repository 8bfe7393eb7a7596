/** Branch switches of ten thousand files while the process can't listen: watch events are lost, and no change is. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { watch } from 'chokidar';
import { differences, differencesFromFresh, git, makeRepository, type Opened, openFor, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

const MODIFIED = 5_000;
const DELETED = 2_000;
const ADDED = 3_000;
const FOLDERS = 50;
/** How long the process is deaf beyond the checkout itself. */
const BLOCKED_MS = 1_500;
const GHOSTS_GONE_MS_MAX = 5_000;
/** After this long, what a watcher has not said it will not say. */
const EVENTS_SETTLE_MS = 8_000;

export const branches: Row = {
  name: 'branch switches of 10,000 files with a blocked loop and an overrun watch queue',
  promise: 'ghosts are gone within 5 s, and the index equals a fresh one',
  counts: { quick: 2, full: 10 },
  run,
};

async function run({ count, folder, progress }: Context): Promise<Outcome> {
  const root = makeRepository(folder(), filesOf('main', 0, MODIFIED + DELETED));
  git(root, 'checkout', '-q', '-b', 'other');
  write(root, filesOf('other', 0, MODIFIED));
  const gone = Array.from({ length: DELETED }, (_, at) => pathAt(MODIFIED + at));
  git(root, 'rm', '-q', ...gone);
  write(root, filesOf('other', MODIFIED + DELETED, MODIFIED + DELETED + ADDED, 'added/'));
  git(root, 'add', '--all');
  git(root, 'commit', '-q', '-m', 'other');
  git(root, 'checkout', '-q', 'main');
  const missed = await countUnheard(root);
  const opened = await openFor(root, folder(), { workers: 2 });
  const losses: string[] = [];
  let slowestMs = 0;
  try {
    await opened.index.sync();
    opened.index.start();
    await pause(EVENTS_SETTLE_MS / 2);
    for (let at = 0; at < count; at++) {
      const branch = at % 2 === 0 ? 'other' : 'main';
      switchDeaf(root, branch);
      const ghosts = branch === 'other' ? gone : addedPaths();
      const ms = await untilGone(opened, ghosts);
      slowestMs = Math.max(slowestMs, ms);
      if (ms > GHOSTS_GONE_MS_MAX) losses.push(`switch ${at}: ghosts for ${Math.round(ms)} ms`);
      await opened.index.sync();
      const wrong = await differencesFromFresh(opened, folder());
      losses.push(...wrong.map((path) => `switch ${at}: ${path}`));
      progress(at + 1, count);
    }
  } finally {
    await opened.index.close();
  }
  return {
    faults: count * (MODIFIED + DELETED + ADDED),
    losses,
    control: { losses: missed, of: MODIFIED + DELETED + ADDED, how: 'changes that chokidar alone told of' },
    notes: [`ghosts gone after ${Math.round(slowestMs)} ms at most`],
  };
}

function pathAt(at: number): string {
  return `src/part${at % FOLDERS}/module${at}.js`;
}

function filesOf(branch: string, from: number, to: number, prefix = ''): Record<string, string> {
  const files: Record<string, string> = {};
  for (let at = from; at < to; at++)
    files[`${prefix}${pathAt(at)}`] = `// ${branch}\nexport function of_${branch}_${at}() {\n  return ${at};\n}\n`;
  return files;
}

function addedPaths(): string[] {
  return Object.keys(filesOf('other', MODIFIED + DELETED, MODIFIED + DELETED + ADDED, 'added/'));
}

/** The checkout runs while this process does nothing else, and then it goes on doing nothing. */
function switchDeaf(root: string, branch: string): void {
  git(root, 'checkout', '-q', branch);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_MS);
}

/** Milliseconds until no row and no answer speaks of these paths. */
async function untilGone({ index, engine }: Opened, paths: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const names = paths.slice(0, 20).map((path) => /module(\d+)/.exec(path)![1]!);
  for (let at = 0; ; at++) {
    const { snippets } = await index.search({ query: `module${names[at % names.length]}` });
    const known = engine().store.files();
    const shown = new Set(snippets.map(({ path }) => path));
    if (!paths.some((path) => known.has(path) || shown.has(path))) return performance.now() - startedMs;
    if (performance.now() - startedMs > 10 * GHOSTS_GONE_MS_MAX) return performance.now() - startedMs;
    await pause(20);
  }
}

/** The control: of the changes of one such switch, how many a watcher of the whole tree never tells of. */
async function countUnheard(root: string): Promise<number> {
  const heard = new Set<string>();
  const watcher = watch(root, { ignored: (path) => path.includes('/.git'), ignoreInitial: true });
  watcher.on('all', (_, path) => heard.add(path));
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  const before = onBranch(root);
  switchDeaf(root, 'other');
  await pause(EVENTS_SETTLE_MS);
  await watcher.close();
  const changed = differences(before, onBranch(root));
  git(root, 'checkout', '-q', 'main');
  return changed.filter((path) => !heard.has(join(root, path))).length;
}

/** What git has at each path of the work tree, as the branch says. */
function onBranch(root: string): Map<string, string> {
  const lines = git(root, 'ls-tree', '-r', 'HEAD').split('\n').filter(Boolean);
  return new Map(lines.map((line) => [line.split('\t')[1]!, line.split('\t')[0]!]));
}
