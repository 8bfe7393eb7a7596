/**
 * Measures `dowser docs-drift` on planted drift: parameters, symbols, calls and paths of real repositories are renamed in the
 * code alone, and what the words beside it still say must be reported. What else is reported is an extra, to be read by hand.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Documented, readSignatures } from '../../src/chunk/signatures.ts';
import { findDrift } from '../../src/drift/drift.ts';
import type { Drift } from '../../src/drift/finding.ts';
import { type Mention, readMentions } from '../../src/drift/mentions.ts';
import { findLostParameters, readParameters } from '../../src/drift/parameters.ts';
import { readDefined } from '../../src/drift/vanished.ts';
import { hashText } from '../../src/hash.ts';
import { readSource } from '../../src/source/read.ts';
import { scan } from '../../src/source/scan.ts';
import type { SourceFile } from '../../src/types.ts';
import { groups } from './metrics.ts';

/** Planted in one repository, of each kind; and of names in one file of prose, which is not to become a tale of the past. */
const EACH_MAX = 20;
const FILE_MAX = 4;

const KINDS = ['parameter', 'symbol', 'call', 'path'] as const;
type Kind = (typeof KINDS)[number];

export type Planted = {
  readonly repo: string;
  readonly language: string;
  readonly what: Kind;
  readonly path: string;
  readonly name: string;
  readonly isFound: boolean;
};

export type DriftRun = {
  readonly planted: readonly Planted[];
  readonly extras: readonly Drift[];
  readonly own: readonly Drift[];
};

/** Plants drift in a copy of one repository and looks for it. `own` is what the repository has by itself. */
export async function driftRepository(root: string, repo: string, language: string): Promise<DriftRun> {
  if (!existsSync(root)) return { planted: [], extras: [], own: [] };
  const own = (await findDrift(root, {})).found;
  const files = await readAll(root);
  const wanted = [...(await plantParameters(files)), ...(await plantNames(files))];
  const copy = mkdtempSync(join(tmpdir(), 'dowser-drift-'));
  try {
    for (const { path } of files) {
      mkdirSync(join(copy, dirname(path)), { recursive: true });
      cpSync(join(root, path), join(copy, path));
    }
    commitAll(copy);
    for (const { change } of wanted) change(copy, files);
    const found = (await findDrift(copy, {})).found;
    const isSame = (drift: Drift, { what, path, name }: Wanted): boolean =>
      drift.what === what && drift.path === path && drift.name === name;
    const planted = wanted.map((one) => ({
      ...{ repo, language, what: one.what, path: one.path, name: one.name },
      isFound: found.some((drift) => isSame(drift, one)),
    }));
    const known = (drift: Drift): boolean =>
      wanted.some((one) => isSame(drift, one) || drift.name === one.name) ||
      own.some((one) => one.path === drift.path && one.name === drift.name);
    return { planted, extras: found.filter((drift) => !known(drift)), own };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

type Wanted = {
  readonly what: Kind;
  readonly path: string;
  readonly name: string;
  change(copy: string, files: readonly SourceFile[]): void;
};

async function readAll(root: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const { path } of (await scan(root)).entries) {
    const file = await readSource(root, { path });
    if ('text' in file && file.depth === 'full') files.push(file);
  }
  return files;
}

/** One documented parameter of a file, renamed in the code at its comment. */
async function plantParameters(files: readonly SourceFile[]): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  const code = sample(
    files.filter(({ kind, text }) => kind === 'code' && /param|Args:|Parameters/.test(text)),
    ({ path }) => path,
  );
  for (const file of code) {
    if (wanted.length >= EACH_MAX) break;
    const { documented } = await readSignatures(file);
    for (const definition of sample(documented, ({ line }) => `${file.path} ${line}`)) {
      const name = plantable(definition, file);
      if (name === undefined) continue;
      const change = (copy: string): void => {
        let { text } = file;
        for (const part of [definition.head, definition.body]) text = text.replace(part, () => renamed(part, name));
        writeFileSync(join(copy, file.path), text);
      };
      wanted.push({ what: 'parameter', path: file.path, name, change });
      break;
    }
  }
  return wanted;
}

/** A parameter that the comment documents, rightly, in code that stands once in its file. */
function plantable(definition: Documented, { text, language }: SourceFile): string | undefined {
  const { comment, head, body, isContainer } = definition;
  if (isContainer || findLostParameters(definition, language).length > 0) return undefined;
  if (text.split(head).length !== 2 || (body !== '' && text.split(body).length !== 2)) return undefined;
  const names = readParameters(comment, language).map(({ name }) => name);
  return names.find((name) => renamed(head, name) !== head);
}

/** As a person's editor would: the variable, not a property or a word of a string. */
function renamed(code: string, name: string): string {
  return code.replace(
    new RegExp(`(?<![\\w.>'"@])(\\$?)${name.replaceAll('$', '\\$')}(?![\\w'"])`, 'g'),
    `$1${name}Renewed`,
  );
}

/** Symbols that prose names, renamed everywhere but in prose; parameters of calls in prose; files. */
async function plantNames(files: readonly SourceFile[]): Promise<Wanted[]> {
  const mentions = files
    .filter(({ kind }) => kind === 'docs')
    .flatMap(({ path, text }) => readMentions(path, text).map((one) => ({ ...one, path })));
  if (mentions.length === 0) return [];
  const code = files.filter(({ kind }) => kind === 'code');
  const paths = new Set(files.filter(({ kind }) => kind !== 'docs').map(({ path }) => path));
  const defined = new Map<string, SourceFile[]>();
  const heads = new Map<string, ReadonlySet<string>>();
  for (const file of code) {
    const { symbols, heads: own } = await readDefined(file);
    for (const name of symbols) defined.set(name, [...(defined.get(name) ?? []), file]);
    for (const [name, words] of own) heads.set(name, words);
  }
  const wanted: Wanted[] = [];
  const take = (
    what: Kind,
    chosen: readonly (Mention & { path: string })[],
    make: (one: Mention & { path: string }) => Wanted,
  ) => {
    const first = [...groups(chosen, ({ name }) => name).values()].map(([one]) => one!);
    const inOrder = sample(first, ({ path, name }) => `${what} ${path} ${name}`);
    const spread = [...groups(inOrder, ({ path }) => path).values()].flatMap((of) => of.slice(0, FILE_MAX));
    for (const one of spread.slice(0, EACH_MAX)) wanted.push(make(one));
  };
  const isOnce = ({ name }: Mention): boolean =>
    defined.get(name)?.length === 1 && !/(^|\/)(examples?|docs?)\//.test(defined.get(name)![0]!.path);
  const calls = mentions.filter(
    (one) => one.what === 'symbol' && isOnce(one) && one.passed.some((word) => heads.get(one.name)?.has(word)),
  );
  take('call', calls, (one) => {
    const word = one.passed.find((passed) => heads.get(one.name)!.has(passed))!;
    return { what: 'call', path: one.path, name: word, change: (copy) => renameIn(copy, defined.get(one.name)!, word) };
  });
  const others = mentions.filter(
    (one) => one.what === 'symbol' && isOnce(one) && !calls.some(({ name }) => name === one.name),
  );
  take('symbol', others, (one) => ({
    ...{ what: 'symbol', path: one.path, name: one.name },
    change: (copy, all) =>
      renameIn(
        copy,
        all.filter(({ kind }) => kind !== 'docs'),
        one.name,
      ),
  }));
  take(
    'path',
    mentions.filter(({ what, name }) => what === 'path' && paths.has(name)),
    (one) => ({
      ...{ what: 'path', path: one.path, name: one.name },
      change: (copy) =>
        renameSync(join(copy, one.name), join(copy, dirname(one.name), `renewed-${one.name.split('/').at(-1)}`)),
    }),
  );
  return wanted;
}

/** Renames a word in files as they are in the copy by now. */
function renameIn(copy: string, files: readonly SourceFile[], word: string): void {
  const whole = new RegExp(`(?<![\\w$])${word.replaceAll('$', '\\$')}(?![\\w$])`, 'g');
  for (const { path } of files) {
    const place = join(copy, path);
    if (!existsSync(place)) continue;
    const text = readFileSync(place, 'utf8');
    if (whole.test(text)) writeFileSync(place, text.replace(whole, `${word}Renewed`));
  }
}

function sample<Item>(items: readonly Item[], key: (item: Item) => string): Item[] {
  return [...items].sort((a, b) => (hashText(key(a)) < hashText(key(b)) ? -1 : 1));
}

function commitAll(folder: string): void {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'core.autocrlf=false'];
  for (const words of [
    ['init', '-q'],
    ['add', '--all', '--force'],
    ['commit', '-q', '-m', 'first'],
  ])
    execFileSync('git', [...identity, ...words], { cwd: folder, stdio: 'ignore' });
}

export function driftReport(runs: readonly DriftRun[]): string {
  const planted = runs.flatMap((run) => run.planted);
  const share = (rows: readonly Planted[]): string =>
    rows.length === 0 ? '' : `${rows.filter(({ isFound }) => isFound).length} of ${rows.length}`;
  const lines = ['', `| planted | ${KINDS.join(' | ')} |`, `| --- |${' --- |'.repeat(KINDS.length)}`];
  for (const [name, rows] of [['all', planted] as const, ...[...groups(planted, ({ language }) => language)].sort()])
    lines.push(`| ${name} | ${KINDS.map((kind) => share(rows.filter(({ what }) => what === kind))).join(' | ')} |`);
  const extras = runs.flatMap((run) => run.extras);
  lines.push(
    '',
    `${extras.length} extras beside them; ${runs.flatMap((run) => run.own).length} in the repositories as they are.`,
  );
  return `${lines.join('\n')}\n`;
}
