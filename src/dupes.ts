/** Trip four: the files of a repository become groups of places that hold the same code, or nearly. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DowserError } from './errors.ts';
import { markImports } from './imports.ts';
import { findPairs, type LexedFile, linesOf, type Pair, type Region } from './rank/copies.ts';
import { lex } from './rank/lexemes.ts';
import { type Engine, filesFor } from './search.ts';
import { findCommit, listPast } from './source/history.ts';
import { blobOf, readUnmasked } from './source/read.ts';
import type { DuplicateGroup, Duplicates, DuplicatesRequest, Filters, Lines } from './types.ts';

/** Shorter copies are rarely worth a function of their own. */
const MIN_LINES = 6;
/** Folders with other people's code. */
const VENDORED =
  /(^|\/)(vendor|vendors|third_party|third-party|thirdparty|node_modules|bower_components|external|extern|deps)\//i;
/** Files that are read before others get their turn. */
const FILES_A_TURN = 50;
/** Of two places in one file so much of the larger lies in both: then they are one place. */
const SAME_PLACE_MIN = 0.7;
/** And so much of a smaller place within a larger one makes it a part of that. */
const PART_MIN = 0.5;

/** Groups of places with the same code, the largest saving first, those over several files before those within one. */
export async function findDuplicates(engine: Engine, request: Filters & DuplicatesRequest): Promise<Duplicates> {
  const { minLines = MIN_LINES, since, kind = 'code', signal } = request;
  if (!Number.isInteger(minLines) || minLines < 3 || minLines > 1_000)
    throw new DowserError('bad_argument', `'min_lines' is a whole number from 3 to 1000, not ${minLines}.`);
  const wanted = new Set(filesFor(engine.store, { ...request, kind }));
  const paths = [...engine.store.files()]
    .filter(([path, file]) => wanted.has(file.id) && file.depth === 'full' && !VENDORED.test(path))
    .map(([path, { language }]) => ({ path, language }));
  const changed =
    since === undefined
      ? undefined
      : await changedSince(
          engine.root,
          since,
          paths.map(({ path }) => path),
        );
  const files: LexedFile[] = [];
  for (const [at, { path, language }] of paths.entries()) {
    if (at % FILES_A_TURN === 0) await nextTurn(undefined, signal === undefined ? {} : { signal });
    const read = readUnmasked(engine.root, path);
    if (!('text' in read)) continue;
    const lines = withoutImports(read.text);
    files.push({ path, lines, lexemes: lex(lines.join('\n'), language) });
  }
  const groups = groupPairs(findPairs(files, minLines), files)
    .filter(({ places }) => changed === undefined || places.some(({ path }) => changed.has(path)))
    .sort(bySaving);
  return { filesRead: files.length, ...(changed && { filesChanged: changed.size }), groups };
}

/** Imports are alike in every file of a project, and can't be one. Lines keep their numbers. */
function withoutImports(text: string): string[] {
  const lines = text.split('\n');
  const isImport = markImports(lines);
  return lines.map((line, at) => (isImport[at] === 1 ? '' : line));
}

/** Files that are not as they are in that commit. Contents are compared by their git hash: no filter of the repository is run. */
async function changedSince(root: string, since: string, paths: readonly string[]): Promise<Set<string>> {
  const past = await listPast(root, await findCommit(root, since));
  const blobs = new Map(past.map(({ path, blob }) => [path, blob]));
  return new Set(paths.filter((path) => blobs.get(path) !== blobOf(root, path, blobs.get(path)?.length)));
}

type Group = { places: Region[]; similarity: number };

/** Pairs that share a place belong together; those with most in common are joined first. */
function groupPairs(pairs: readonly Pair[], files: readonly LexedFile[]): DuplicateGroup[] {
  const groups: Group[] = [];
  const byFile = new Map<number, Group[]>();
  const groupAt = (region: Region): Group | undefined =>
    byFile.get(region.file)?.find(({ places }) => places.some((place) => isSamePlace(place, region)));
  const put = (group: Group, region: Region): void => {
    if (group.places.some((place) => overlap(place, region) > 0)) return;
    group.places.push(region);
    byFile.set(region.file, [...(byFile.get(region.file) ?? []), group]);
  };
  const weight = ({ one, similarity }: Pair): number => (one.to - one.from) * similarity ** 3;
  for (const { one, other, similarity } of [...pairs].sort((x, y) => weight(y) - weight(x))) {
    const [left, right] = [groupAt(one), groupAt(other)];
    const group = left ?? right ?? { places: [], similarity: 1 };
    if (left === undefined && right === undefined) groups.push(group);
    if (left === undefined) put(group, one);
    if (right === undefined) put(group, other);
    if (left === undefined || right === undefined) group.similarity = Math.min(group.similarity, similarity);
  }
  return withoutParts(groups.filter(({ places }) => places.length > 1)).map((group) => describeGroup(group, files));
}

/** A group whose places lie in those of a larger one tells nothing new. */
function withoutParts(groups: readonly Group[]): Group[] {
  const kept = new Map<number, { group: Group; place: Region }[]>();
  const size = ({ places }: Group): number => places.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return [...groups]
    .sort((a, b) => size(b) - size(a))
    .filter((group) => {
      const around = group.places.map(
        (place) =>
          new Set(
            kept
              .get(place.file)
              ?.filter((one) => isPart(place, one.place))
              .map((one) => one.group),
          ),
      );
      if ([...around[0]!].some((larger) => around.every((one) => one.has(larger)))) return false;
      for (const place of group.places) kept.set(place.file, [...(kept.get(place.file) ?? []), { group, place }]);
      return true;
    });
}

function isPart(small: Region, large: Region): boolean {
  return overlap(small, large) >= PART_MIN * (small.to - small.from + 1);
}

/** Lexemes that two regions share. */
function overlap(one: Region, other: Region): number {
  return one.file !== other.file ? 0 : Math.max(0, Math.min(one.to, other.to) - Math.max(one.from, other.from) + 1);
}

function isSamePlace(one: Region, other: Region): boolean {
  return overlap(one, other) >= SAME_PLACE_MIN * (Math.max(one.to - one.from, other.to - other.from) + 1);
}

function describeGroup({ places, similarity }: Group, files: readonly LexedFile[]): DuplicateGroup {
  const described = places.map((place): Lines => {
    const { path, lexemes } = files[place.file]!;
    return { path, startLine: lexemes[place.from]!.line + 1, endLine: lexemes[place.to]!.line + 1 };
  });
  const lines = Math.min(...places.map((place) => linesOf(place, files)));
  const texts = places.map(({ file, from, to }) => {
    return files[file]!.lexemes.slice(from, to + 1)
      .map(({ text }) => text)
      .join(' ');
  });
  const verdict = new Set(texts).size === 1 ? 'identical' : similarity === 1 ? 'renamed' : 'same job';
  const sorted = described.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.startLine - b.startLine));
  return { verdict, similarity, lines, saving: lines * (places.length - 1), places: sorted };
}

function bySaving(a: DuplicateGroup, b: DuplicateGroup): number {
  const spans = ({ places }: DuplicateGroup): number => Number(new Set(places.map(({ path }) => path)).size > 1);
  const first = (group: DuplicateGroup): string => `${group.places[0]!.path}:${group.places[0]!.startLine}`;
  return spans(b) - spans(a) || b.saving - a.saving || (first(a) < first(b) ? -1 : 1);
}
