/** Finds prose and comments that the code has left behind: what they name is gone, or takes other parameters now. */
import type { Documented, Signature } from '../chunk/signatures.ts';
import { readSignatures } from '../chunk/signatures.ts';
import { pathTest } from '../search.ts';
import { type Commit, findCommit, listCommits, listPast, readBlobs } from '../source/history.ts';
import { readSource, readUnmasked } from '../source/read.ts';
import { scan } from '../source/scan.ts';
import { splitIdentifier } from '../tokens.ts';
import type { SourceFile } from '../types.ts';
import { type Mention, readMentions } from './mentions.ts';
import { findLostParameters } from './parameters.ts';
import { nearestName, type Proof, proveVanished, readDefined } from './vanished.ts';

/** One place where words and code have parted. */
export type Drift = {
  readonly what: 'parameter' | 'symbol' | 'path' | 'flag' | 'call';
  readonly path: string;
  readonly line: number;
  readonly name: string;
  /** The line that says it. */
  readonly says: string;
  /** What the code has now, when there is something to show. */
  readonly now: string | undefined;
  readonly why: string;
  /** 0 to 1; see test/eval/README.md for what each was measured at. */
  readonly certainty: number;
};

export type DriftReport = {
  readonly found: readonly Drift[];
  readonly files: number;
  /** Commits that were looked into for what once was. */
  readonly commits: number;
  readonly notes: readonly string[];
};

export type DriftOptions = {
  readonly paths?: readonly string[];
  /** Only what parted since this commit, tag or branch. */
  readonly since?: string;
  readonly signal?: AbortSignal;
};

/** How sure each kind of finding is: a comment beside its code needs no guess, a flag may be another program's. */
const CERTAINTY = { parameter: 0.95, parameterAlone: 0.85, symbol: 0.8, call: 0.8, path: 0.7, flag: 0.5 } as const;
/** Commits of the main line, evenly spaced, in which vanished names are looked for: each costs one `git grep`. */
const COMMITS_MAX = 24;
const LINE_CHARS_MAX = 200;
/** A file without one of these has no documented parameter: it is not parsed. */
const TAGS = /[@\\]param\b|<param\s|:param\s|^\s*(?:Args|Arguments|Parameters):?\s*$|-\s+[Pp]arameter\s/m;

/** Reports drift, most certain first. Reads files and git objects; writes nothing. */
export async function findDrift(root: string, { paths = [], since, signal }: DriftOptions): Promise<DriftReport> {
  const wanted = pathTest(paths);
  const commits =
    since === undefined ? spaced(await listCommits(root, signal)) : [await findCommit(root, since, signal)];
  const { entries } = await scan(root, signal === undefined ? {} : { signal });
  const present = new Present(entries.map(({ path }) => path));
  const mentions: (Mention & { path: string })[] = [];
  const lost: Drift[] = [];
  for (const { path } of entries) {
    signal?.throwIfAborted();
    const file = await readSource(root, { path });
    if (!('text' in file)) continue;
    if (file.kind !== 'docs') present.add(file, root);
    if (!wanted(path)) continue;
    if (file.kind === 'docs') mentions.push(...readMentions(path, file.text).map((one) => ({ ...one, path })));
    else if (file.kind === 'code' && TAGS.test(file.text)) lost.push(...(await readLost(file)));
  }
  const vanished = await findVanished(root, commits, mentions, present, signal);
  const comments = since === undefined ? lost : await newSince(root, commits[0]!, lost, signal);
  const found = [...comments, ...vanished].sort(byCertainty);
  const notes =
    commits.length > 0 ? [] : ['There is no git history here: only comments were compared with their code.'];
  return { found, files: entries.length, commits: commits.length, notes };
}

function byCertainty(a: Drift, b: Drift): number {
  return b.certainty - a.certainty || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
}

function spaced(commits: readonly Commit[]): Commit[] {
  const step = Math.max(1, (commits.length - 1) / (COMMITS_MAX - 1));
  const chosen = Array.from({ length: COMMITS_MAX }, (_, at) => commits[Math.round(at * step)]);
  return [...new Set(chosen)].filter((commit) => commit !== undefined);
}

/** What is there now. */
class Present {
  readonly paths: readonly string[];
  /** Words of everything but prose, and words joined by dashes. */
  readonly words = new Set<string>();
  readonly #codePaths: string[] = [];

  constructor(paths: readonly string[]) {
    this.paths = paths;
  }

  /** A generated or minified file has names too: they are looked at, and nothing of it is kept but those. */
  add(file: SourceFile, root: string): void {
    const read = file.depth === 'name' ? readUnmasked(root, file.path) : file;
    for (const word of ('text' in read ? read.text : '').match(/[\p{L}\p{N}_$]+(?:-[\p{L}\p{N}_$]+)*/gu) ?? []) {
      this.words.add(word);
      if (word.includes('-')) for (const part of word.split('-')) this.words.add(part);
    }
    if (file.kind === 'code' && file.depth === 'full') this.#codePaths.push(file.path);
  }

  /** Whether anything but prose still has it, in any spelling that a command line's option may have in code. */
  has({ what, name, path }: Mention & { path: string }): boolean {
    if (what === 'symbol') return this.words.has(name);
    if (what === 'path')
      return this.paths.some((one) => one === name || one.endsWith(`/${name}`)) || this.#isUnder(name, path);
    const parts = splitIdentifier(name);
    const camel = parts.map((part, at) => (at === 0 ? part : part[0]!.toUpperCase() + part.slice(1))).join('');
    return [name.slice(2), parts.join('_'), camel].some((word) => this.words.has(word));
  }

  #isUnder(name: string, path: string): boolean {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    return this.paths.includes(folder + name);
  }

  async signaturesOf(root: string, names: ReadonlySet<string>): Promise<Map<string, Signature[]>> {
    const found = new Map<string, Signature[]>();
    if (names.size === 0) return found;
    const word = new RegExp(`\\b(?:${[...names].map((name) => name.replaceAll('$', '\\$')).join('|')})\\b`);
    for (const path of this.#codePaths) {
      const file = await readSource(root, { path });
      if (!('text' in file) || !word.test(file.text)) continue;
      for (const signature of (await readSignatures(file)).all)
        if (signature.name !== undefined && names.has(signature.name))
          found.set(signature.name, [...(found.get(signature.name) ?? []), signature]);
    }
    return found;
  }
}

async function readLost(file: SourceFile): Promise<Drift[]> {
  const { documented } = await readSignatures(file);
  return documented.flatMap((definition) =>
    findLostParameters(definition, file.language).map(({ name, line }): Drift => {
      const text = definition.comment.split('\n')[line] ?? '';
      return {
        what: 'parameter',
        path: file.path,
        line: definition.commentLine + line,
        name,
        says: oneLine(text),
        now: oneLine(definition.head),
        why: `the comment documents \`${name}\`; ${definition.name ?? 'the code at it'} has no such parameter`,
        certainty: hasParameters(definition) ? CERTAINTY.parameter : CERTAINTY.parameterAlone,
      };
    }),
  );
}

function hasParameters({ head }: Documented): boolean {
  return /\(\s*[^)\s]/.test(head);
}

/** Leaves out what the comments said as wrongly at that commit. */
async function newSince(
  root: string,
  commit: Commit,
  lost: readonly Drift[],
  signal: AbortSignal | undefined,
): Promise<Drift[]> {
  const blobs = new Map((await listPast(root, commit, signal)).map(({ path, blob }) => [path, blob]));
  const touched = [...new Set(lost.map(({ path }) => path))];
  const texts = await readBlobs(
    root,
    touched.flatMap((path) => blobs.get(path) ?? []),
    signal,
  );
  const before = new Set<string>();
  for (const path of touched) {
    const now = await readSource(root, { path });
    const text = texts.get(blobs.get(path) ?? '');
    if (!('text' in now) || text === undefined) continue;
    for (const { name, why } of await readLost({ ...now, text })) before.add(`${path} ${name} ${why}`);
  }
  return lost.filter(({ path, name, why }) => !before.has(`${path} ${name} ${why}`));
}

async function findVanished(
  root: string,
  commits: readonly Commit[],
  mentions: readonly (Mention & { path: string })[],
  present: Present,
  signal: AbortSignal | undefined,
): Promise<Drift[]> {
  if (commits.length === 0) return [];
  const absent = mentions.filter((mention) => !present.has(mention));
  const calls = mentions.filter(({ passed, name }) => passed.length > 0 && present.words.has(name));
  const signatures = await present.signaturesOf(root, new Set(calls.map(({ name }) => name)));
  const changed = calls.flatMap((mention) => {
    const heads = signatures.get(mention.name) ?? [];
    const known = (word: string): boolean => heads.some(({ head, body }) => hasWord(head, word) || hasWord(body, word));
    return heads.length === 0 ? [] : mention.passed.filter((word) => !known(word)).map((word) => ({ mention, word }));
  });
  const named = (what: Mention['what']) => new Set(absent.filter((one) => one.what === what).map(({ name }) => name));
  const proofs = await proveVanished(
    root,
    commits,
    {
      symbols: named('symbol'),
      paths: named('path'),
      flags: named('flag'),
      passed: new Set(changed.map(({ mention, word }) => `${mention.name}(${word}`)),
    },
    signal,
  );
  const found: Drift[] = [];
  for (const mention of absent) {
    const proof = proofs.get(mention.name);
    if (proof !== undefined) found.push(await gone(root, mention, proof, present));
  }
  for (const { mention, word } of changed) {
    const proof = proofs.get(`${mention.name}(${word}`);
    if (proof === undefined) continue;
    const why = `${mention.name} took \`${word}\` ${seen(proof)}, and has no such parameter now`;
    const now = oneLine(signatures.get(mention.name)![0]!.head);
    found.push({ ...placed(mention), what: 'call', name: word, now, why, certainty: CERTAINTY.call });
  }
  return found;
}

async function gone(root: string, mention: Mention & { path: string }, proof: Proof, present: Present): Promise<Drift> {
  const { what, name } = mention;
  const certainty = CERTAINTY[what];
  if (what === 'path') {
    const moved = present.paths.filter((path) => path.split('/').at(-1) === name.split('/').at(-1));
    const now = moved.length === 1 ? moved[0] : undefined;
    return { ...placed(mention), what, now, why: `the file was there ${seen(proof)}, and is not now`, certainty };
  }
  if (what === 'flag')
    return { ...placed(mention), what, now: undefined, why: `code had it ${seen(proof)}; none has it now`, certainty };
  const why = `was defined ${seen(proof)}; nothing but prose has this name now`;
  const file = present.paths.includes(proof.path) ? await readSource(root, { path: proof.path }) : undefined;
  const near = file !== undefined && 'text' in file ? nearestName(name, (await readDefined(file)).symbols) : undefined;
  const now = near === undefined ? undefined : `perhaps \`${near}\` in ${proof.path}`;
  return { ...placed(mention), what, now, why, certainty };
}

function placed({ path, line, name, text }: Mention & { path: string }) {
  return { path, line, name, says: oneLine(text) };
}

function seen({ commit, path }: Proof): string {
  return `in ${path} at ${commit.id.slice(0, 10)} (${commit.day})`;
}

function hasWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$])\\$?${word}(?![\\w$])`).test(text);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, LINE_CHARS_MAX);
}
