/** Random file operations, some of which leave size and modification time as they were: the index follows all of them. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { differencesFromFresh, git, makeRepository, onDisk, openFor, write } from './ground.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

/** Operations between two comparisons of the index with a fresh one: half a second each, so most runs of operations are short. */
const OPERATIONS_PER_COMPARISON = 40;
const OPERATIONS_PER_SYNC_MAX = 12;
const FOLDERS = ['', 'src', 'src/deep', 'lib', 'docs', 'a/b/c/d/e/f/g/h/i/j'];
const ENDINGS = ['js', 'py', 'md', 'txt', 'go'];
const FILES_PER_FOLDER = 6;

export const operations: Row = {
  name: 'random file operations',
  promise: 'after any edit, rename, checkout or trick with times, the index equals a fresh one',
  counts: { quick: 3_000, full: 30_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const random = randomFrom(seed);
  const root = makeRepository(folder(), startingFiles(random));
  git(root, 'checkout', '-q', '-b', 'other');
  for (let change = 0; change < 20; change++) edit(root, random);
  git(root, 'add', '--all');
  git(root, 'commit', '-q', '--allow-empty', '-m', 'other');
  const opened = await openFor(root, folder());
  const naive = new NaiveIndex();
  const losses: string[] = [];
  let [done, naiveLosses] = [0, 0];
  try {
    await opened.index.sync();
    while (done < count) {
      for (let until = Math.min(count, done + OPERATIONS_PER_COMPARISON); done < until; ) {
        const steps = Math.min(until - done, 1 + random(OPERATIONS_PER_SYNC_MAX));
        for (let step = 0; step < steps; step++) operate(root, random);
        done += steps;
        await opened.index.sync();
        naiveLosses += naive.follow(root);
      }
      const wrong = await differencesFromFresh(opened, folder());
      losses.push(...wrong.map((path) => `${path} after operation ${done} of seed ${seed}`));
      progress(done, count);
    }
  } finally {
    await opened.index.close();
  }
  return {
    faults: done,
    losses,
    control: { losses: naiveLosses, of: done, how: 'an index that trusts size and modification time' },
    notes: [],
  };
}

function startingFiles(random: Random): Record<string, string> {
  const files: Record<string, string> = { '.gitignore': 'ignored/\n' };
  for (const folder of FOLDERS) {
    for (let at = 0; at < FILES_PER_FOLDER; at += 2) files[join(folder, `file${at}.js`)] = textOf(random);
  }
  return files;
}

function textOf(random: Random): string {
  const name = (): string => `take${random(90) + 10}`;
  return Array.from({ length: 1 + random(20) }, () => `function ${name()}(lease) {\n  return ${random(10)};\n}\n`).join(
    '\n',
  );
}

function placeOf(random: Random): string {
  return join(
    FOLDERS[random(FOLDERS.length)]!,
    `file${random(FILES_PER_FOLDER)}.${ENDINGS[random(2) === 0 ? 0 : random(ENDINGS.length)]}`,
  );
}

/** A file that is there, if the dice find one. */
function someFile(root: string, random: Random): string | undefined {
  for (let attempt = 0; attempt < 12; attempt++) {
    const place = join(root, placeOf(random));
    if (existsSync(place) && lstatSync(place).isFile()) return place;
  }
  return undefined;
}

function edit(root: string, random: Random): void {
  const place = join(root, placeOf(random));
  clear(root, place);
  writeFileSync(place, textOf(random));
}

/** Makes the way free for a file at this place. */
function clear(root: string, place: string): void {
  for (let folder = dirname(place); folder.startsWith(root) && folder !== root; folder = dirname(folder)) {
    if (existsSync(folder) ? !lstatSync(folder).isDirectory() : isLink(folder)) rmSync(folder, { force: true });
  }
  rmSync(place, { recursive: true, force: true });
  mkdirSync(dirname(place), { recursive: true });
}

function isLink(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

type Operation = (root: string, random: Random) => unknown;

const OPERATIONS: readonly Operation[] = [
  edit,
  edit,
  // The same size, and times put back: only ctime tells.
  (root, random) => {
    const place = someFile(root, random);
    if (place === undefined) return;
    const { atime, mtime } = statSync(place);
    const text = readFileSync(place, 'utf8');
    writeFileSync(
      place,
      text.replace(/\d(?=;)/, (digit) => String((Number(digit) + 1) % 10)),
    );
    utimesSync(place, atime, mtime);
  },
  // As editors save: a new file takes the old one's name.
  (root, random) => {
    const place = join(root, placeOf(random));
    clear(root, place);
    writeFileSync(`${place}.swp`, textOf(random));
    renameSync(`${place}.swp`, place);
  },
  (root, random) => {
    const place = someFile(root, random);
    const target = join(root, placeOf(random));
    if (place === undefined || place === target) return;
    clear(root, target);
    if (existsSync(place)) renameSync(place, target);
  },
  // Another file of the same size and age moves in.
  (root, random) => {
    const place = someFile(root, random);
    if (place === undefined) return;
    const { atime, mtime } = statSync(place);
    const twin = `${place}.twin`;
    writeFileSync(twin, readFileSync(place, 'utf8').replace(/take\d/, 'make1'));
    utimesSync(twin, atime, mtime);
    renameSync(twin, place);
  },
  (root, random) => write(root, { [`deep${random(3)}/${'x/'.repeat(1 + random(12))}file.js`]: textOf(random) }),
  (root, random) => writeFileSync(join(root, '.gitignore'), ['', '*.txt\n', 'docs/\n', 'src/deep\n*.py\n'][random(4)]!),
  (root, random) => writeFileSync(join(root, '.dowserignore'), ['', 'file1.*\n', 'lib\n'][random(3)]!),
  (root) => {
    const branch = git(root, 'rev-parse', '--abbrev-ref', 'HEAD').trim();
    tryGit(root, 'checkout', '-q', '-f', branch === 'main' ? 'other' : 'main');
  },
  (root) => {
    tryGit(root, 'add', '--all', '--force');
    tryGit(root, 'commit', '-q', '--allow-empty', '-m', 'more');
  },
  (root) => tryGit(root, 'stash', '-q', '--include-untracked'),
  (root) => {
    tryGit(root, 'checkout', '-q', '-f', '--', '.');
    tryGit(root, 'clean', '-q', '-d', '-f');
    if (git(root, 'stash', 'list') !== '' && !tryGit(root, 'stash', 'pop', '-q')) {
      tryGit(root, 'reset', '-q', '--hard'); // in conflict with what came since
      tryGit(root, 'stash', 'drop', '-q');
    }
  },
  (root, random) => {
    const place = join(root, placeOf(random));
    clear(root, place);
    symlinkSync(['file0.js', '../lib', '/etc/hostname', 'nowhere'][random(4)]!, place);
  },
  // A folder becomes a link to another one and back.
  (root) => {
    const [place, aside] = [join(root, 'lib'), join(root, '.lib')];
    if (isLink(place)) rmSync(place);
    else if (existsSync(place) && !existsSync(aside)) renameSync(place, aside);
    if (existsSync(aside) && existsSync(place) === false) {
      if (existsSync(join(root, 'src'))) symlinkSync('src', place);
      else renameSync(aside, place);
    }
  },
  (root, random) => {
    const place = someFile(root, random);
    if (place !== undefined) renameSync(place, join(dirname(place), `FILE${random(FILES_PER_FOLDER)}.js`));
  },
  (root, random) => {
    const place = someFile(root, random);
    if (place !== undefined) truncateSync(place, random(statSync(place).size + 1));
  },
  (root, random) => rmSync(join(root, placeOf(random)), { recursive: true, force: true }),
  (root, random) => {
    const folder = FOLDERS[1 + random(FOLDERS.length - 1)]!;
    rmSync(join(root, folder), { recursive: true, force: true });
  },
  (root, random) => {
    const names = readdirSync(root).filter((name) => !name.startsWith('.') && !isLink(join(root, name)));
    if (names.length === 0) return;
    const [from, to] = [names[random(names.length)]!, `moved${random(3)}`];
    if (from !== to && !existsSync(join(root, to))) renameSync(join(root, from), join(root, to));
  },
  (root, random) => {
    const place = someFile(root, random);
    if (place !== undefined) utimesSync(place, random(1_000), random(2) === 0 ? random(1_000) : 4_000_000_000);
  },
];

/** What git refuses (a path beyond a link, a conflict) leaves a tree like any other. */
function tryGit(root: string, ...words: string[]): boolean {
  try {
    git(root, ...words);
    return true;
  } catch {
    return false;
  }
}

function operate(root: string, random: Random): void {
  OPERATIONS[random(OPERATIONS.length)]!(root, random);
}

/** The control: reads a file again only when its size or modification time is another. */
class NaiveIndex {
  readonly #known = new Map<string, { readonly stamp: string; readonly text: string }>();

  /** Follows the disk in its way; returns how many files it now has wrong. */
  follow(root: string): number {
    const truth = onDisk(root);
    let wrong = 0;
    for (const path of this.#known.keys()) if (!truth.has(path)) this.#known.delete(path);
    for (const [path, text] of truth) {
      const { size, mtimeMs } = lstatSync(join(root, path));
      const stamp = `${size} ${Math.floor(mtimeMs)}`;
      const known = this.#known.get(path);
      if (known?.stamp !== stamp) this.#known.set(path, { stamp, text });
      else if (known.text !== text) wrong++;
    }
    return wrong;
  }
}
