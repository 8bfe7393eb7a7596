/** Finds prose and comments that the code has left behind: what they name is gone, or takes other parameters now. */
import { type Documented, readSignatures } from '../chunk/signatures.ts';
import { pathTest } from '../search.ts';
import { type Commit, findCommit, listCommits, listPast, readBlobs } from '../source/history.ts';
import { readSource } from '../source/read.ts';
import { scan } from '../source/scan.ts';
import type { SourceFile } from '../types.ts';
import { CERTAINTY, type Drift, oneLine } from './finding.ts';
import { readMentions } from './mentions.ts';
import { findLostParameters } from './parameters.ts';
import { Present } from './present.ts';
import { findVanished, type Placed } from './prose.ts';

export type DriftReport = {
  readonly found: readonly Drift[];
  readonly files: number;
  /** Commits that were looked into for what once was. */
  readonly commits: number;
  /** Whole sentences on what was left out. */
  readonly notes: readonly string[];
};

export type DriftOptions = {
  /** Globs on the files that are reported; the code is compared as a whole. */
  readonly paths?: readonly string[];
  /** Only what parted since this commit, tag or branch. */
  readonly since?: string;
  readonly signal?: AbortSignal;
};

/** Commits of the main line, evenly spaced, in which vanished names are looked for: each costs one `git grep`. */
const COMMITS_MAX = 24;
/** A file without one of these has no documented parameter: it is not parsed. */
const TAGS = /[@\\]param\b|<param\s|:param\s|^[ \t]*(?:Args|Arguments|Parameters):?[ \t\r]*$|-\s+[Pp]arameter\s/m;

/** Reports drift, most certain first. Reads files and git objects; writes nothing. */
export async function findDrift(root: string, { paths = [], since, signal }: DriftOptions): Promise<DriftReport> {
  const wanted = pathTest(paths);
  const commits =
    since === undefined ? spaced(await listCommits(root, signal)) : [await findCommit(root, since, signal)];
  const { entries } = await scan(root, signal === undefined ? {} : { signal });
  const present = new Present(
    root,
    entries.map(({ path }) => path),
  );
  const mentions: Placed[] = [];
  const lost: Drift[] = [];
  for (const { path } of entries) {
    signal?.throwIfAborted();
    const file = await readSource(root, { path });
    if (!('text' in file)) continue;
    if (file.kind !== 'docs') present.add(file);
    if (!wanted(path)) continue;
    if (file.kind === 'docs') mentions.push(...readMentions(path, file.text).map((one) => ({ ...one, path })));
    else if (file.kind === 'code' && TAGS.test(file.text)) lost.push(...(await findLost(file)));
  }
  const { kept, notes } = await findVanished(present, commits, mentions, signal);
  const comments = since === undefined ? lost : await keepNew(root, commits[0]!, lost, signal);
  const each = new Map([...comments, ...kept].map((one) => [`${one.path}:${one.line} ${one.name}`, one]));
  if (commits.length === 0) notes.push('There is no git history here: only comments were compared with their code.');
  return { found: [...each.values()].sort(byCertainty), files: entries.length, commits: commits.length, notes };
}

function byCertainty(a: Drift, b: Drift): number {
  return b.certainty - a.certainty || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line);
}

function spaced(commits: readonly Commit[]): Commit[] {
  const step = Math.max(1, (commits.length - 1) / (COMMITS_MAX - 1));
  const chosen = Array.from({ length: COMMITS_MAX }, (_, at) => commits[Math.round(at * step)]);
  return [...new Set(chosen)].filter((commit) => commit !== undefined);
}

/** Comments of a file that document parameters which the code at them does not have. */
async function findLost(file: SourceFile): Promise<Drift[]> {
  const { documented } = await readSignatures(file);
  return documented.flatMap((definition) =>
    findLostParameters(definition, file.language).map(({ name, line }): Drift => {
      return {
        what: 'parameter',
        path: file.path,
        line: definition.commentLine + line,
        name,
        says: oneLine(definition.comment.split('\n')[line] ?? ''),
        now: oneLine(definition.head),
        why: `the comment documents \`${name}\`; ${definition.name ?? 'the code at it'} has no such parameter`,
        certainty: takesSome(definition) ? CERTAINTY.parameter : CERTAINTY.parameterAlone,
      };
    }),
  );
}

/** A comment over a function without parameters may have been meant for the next one. */
function takesSome({ head }: Documented): boolean {
  return /\(\s*[^)\s]/.test(head);
}

/** Leaves out what the same comments said as wrongly at that commit. */
async function keepNew(
  root: string,
  commit: Commit,
  lost: readonly Drift[],
  signal: AbortSignal | undefined,
): Promise<Drift[]> {
  const blobs = new Map((await listPast(root, commit, signal)).map(({ path, blob }) => [path, blob]));
  const touched = [...new Set(lost.map(({ path }) => path))];
  const wanted = touched.flatMap((path) => blobs.get(path) ?? []);
  const texts = await readBlobs(root, wanted, signal);
  const before = new Set<string>();
  for (const path of touched) {
    const now = await readSource(root, { path });
    const text = texts.get(blobs.get(path) ?? '');
    if (!('text' in now) || text === undefined) continue;
    for (const { name, why } of await findLost({ ...now, text })) before.add(`${path} ${name} ${why}`);
  }
  return lost.filter(({ path, name, why }) => !before.has(`${path} ${name} ${why}`));
}
