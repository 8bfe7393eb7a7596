/** Finds code that stands in several places of many texts, whatever its names are: equal runs of lexemes, joined to regions. Pure. */
import { pairBlocks } from './blocks.ts';
import type { Lexeme } from './lexemes.ts';

export type LexedFile = {
  readonly path: string;
  readonly lexemes: readonly Lexeme[];
  readonly lines: readonly string[];
};

/** A run of lexemes of one file, both ends included. */
export type Region = { readonly file: number; readonly from: number; readonly to: number };

/** Two regions alike; `similarity` is the share of their lexemes that correspond. */
export type Pair = { readonly one: Region; readonly other: Region; readonly similarity: number };

/** Lexemes that have to correspond without a break for two places to be compared at all: two or three lines. */
const ANCHOR = 16;
/** Of so many neighbouring anchors one is kept: an equal run of ANCHOR + WINDOW - 1 lexemes is always met. */
const WINDOW = 8;
/** What more places than these have is the language's or a licence's own. */
const PLACES_MAX = 60;
/** Lexemes that may be other between two equal runs of one region. */
const GAP_MAX = 30;

/** Pairs with less in common are not copies any more. */
const SIMILARITY_MIN = 0.75;
const LEXEMES_MIN = 50;
/** Fewer different lexemes in a row than this share are a table, of which any two are alike. */
const VARIETY_MIN = 0.3;
const VARIETY_ENOUGH = 40;
/** Copies rename as one: this share of names has one partner each. */
const CONSISTENT_MIN = 0.85;
/** Copies keep some names (of what they call, of fields, of types); form alone is chance. */
const KEPT_MIN = 0.35;

/** All pairs of regions alike that have at least `minLines` lines each. */
export function findPairs(files: readonly LexedFile[], minLines: number): Pair[] {
  const shapes = shapesOf(files);
  const pairs = pairBlocks(files, shapes, minLines);
  for (const runs of matchRuns(shapes).values())
    for (const chain of chainRuns(runs)) {
      const pair = toPair(chain, files, minLines);
      if (pair !== undefined) pairs.push(pair);
    }
  return pairs;
}

/** The shapes of each file's lexemes as numbers. */
function shapesOf(files: readonly LexedFile[]): Int32Array[] {
  const codes = new Map<string, number>();
  return files.map(({ lexemes }) =>
    Int32Array.from(lexemes, ({ shape }) => {
      const known = codes.get(shape) ?? codes.size + 1;
      codes.set(shape, known);
      return known;
    }),
  );
}

/** Equal lexemes from `a` of one file and `b` of the other, `length` of them. */
type Run = {
  readonly one: number;
  readonly other: number;
  readonly a: number;
  readonly b: number;
  readonly length: number;
};

/** The longest equal runs around common anchors, by pair of files. */
function matchRuns(shapes: readonly Int32Array[]): Map<string, Run[]> {
  const places = new Map<number, { file: number; at: number }[]>();
  for (const [file, shape] of shapes.entries())
    for (const { hash, at } of anchorsOf(shape)) {
      const known = places.get(hash);
      if (known === undefined) places.set(hash, [{ file, at }]);
      else known.push({ file, at });
    }
  const found = new Map<string, Run[]>();
  const reached = new Map<string, number>();
  for (const list of places.values()) {
    if (list.length < 2 || list.length > PLACES_MAX) continue;
    for (let i = 0; i < list.length; i++)
      for (let j = i + 1; j < list.length; j++) {
        const [one, other] = [list[i]!, list[j]!];
        const diagonal = `${one.file} ${other.file} ${other.at - one.at}`;
        if ((reached.get(diagonal) ?? -1) >= one.at) continue;
        const run = extend(shapes, one, other);
        if (run === undefined) continue;
        reached.set(diagonal, run.a + run.length - 1);
        const key = `${one.file} ${other.file}`;
        const known = found.get(key);
        if (known === undefined) found.set(key, [run]);
        else known.push(run);
      }
  }
  return found;
}

type Spot = { readonly file: number; readonly at: number };

function extend(shapes: readonly Int32Array[], one: Spot, other: Spot): Run | undefined {
  const [left, right] = [shapes[one.file]!, shapes[other.file]!];
  let [a, b] = [one.at, other.at];
  if (left[a] !== right[b]) return undefined;
  // In one file the two must not run into each other.
  const isApart = (length: number): boolean => one.file !== other.file || Math.abs(a - b) >= length;
  while (a > 0 && b > 0 && left[a - 1] === right[b - 1]) [a, b] = [a - 1, b - 1];
  let length = 0;
  while (a + length < left.length && b + length < right.length && left[a + length] === right[b + length]) length++;
  if (length < ANCHOR || !isApart(length)) return undefined;
  return { one: one.file, other: other.file, a, b, length };
}

/** Hashes of some runs of `length` lexemes: of each `window` neighbours the least, so that equal texts have equal anchors. */
export function* anchorsOf(
  shape: Int32Array,
  length = ANCHOR,
  window = WINDOW,
): Generator<{ hash: number; at: number }> {
  const count = shape.length - length + 1;
  const hashes = new Int32Array(Math.max(0, count));
  for (let at = 0; at < count; at++) {
    let hash = 0;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ shape[at + i]!, 0x9e3779b1) ^ (hash >>> 15);
    hashes[at] = hash;
  }
  let last = -1;
  for (let start = 0; start < count; start++) {
    let least = start;
    for (let at = start; at < Math.min(count, start + window); at++) if (hashes[at]! < hashes[least]!) least = at;
    if (least === last) continue;
    last = least;
    yield { hash: hashes[least]!, at: least };
    if (start + window >= count) return;
  }
}

/** Runs with little in between; in the other file they may stand in another order (two statements, `if` and `else`). */
type Chain = { readonly runs: Run[]; endA: number; startB: number; endB: number };

function chainRuns(runs: Run[]): Chain[] {
  const chains: Chain[] = [];
  let open: Chain[] = [];
  for (const run of runs.sort((x, y) => x.a - y.a || x.b - y.b)) {
    const [endA, endB] = [run.a + run.length, run.b + run.length];
    open = open.filter((chain) => run.a - chain.endA <= GAP_MAX);
    const chain = open.findLast(
      (one) =>
        run.a >= one.endA &&
        run.b <= one.endB + GAP_MAX &&
        endB >= one.startB - GAP_MAX &&
        !one.runs.some(({ b, length }) => run.b < b + length && b < endB),
    );
    if (chain === undefined) {
      const begun = { runs: [run], endA, startB: run.b, endB };
      chains.push(begun);
      open.push(begun);
    } else {
      chain.runs.push(run);
      chain.endA = endA;
      chain.startB = Math.min(chain.startB, run.b);
      chain.endB = Math.max(chain.endB, endB);
    }
  }
  return chains;
}

function toPair({ runs, endA, startB, endB }: Chain, files: readonly LexedFile[], minLines: number): Pair | undefined {
  const first = runs[0]!;
  const one = { file: first.one, from: first.a, to: endA - 1 };
  const other = { file: first.other, from: startB, to: endB - 1 };
  if (one.file === other.file && one.from <= other.to && other.from <= one.to) return undefined;
  const common = runs.reduce((sum, { length }) => sum + length, 0);
  const similarity = (2 * common) / (sizeOf(one) + sizeOf(other));
  if (common < LEXEMES_MIN || similarity < SIMILARITY_MIN) return undefined;
  if (Math.min(linesOf(one, files), linesOf(other, files)) < minLines) return undefined;
  return isCopy(runs, files) ? { one, other, similarity } : undefined;
}

function sizeOf({ from, to }: Region): number {
  return to - from + 1;
}

export function linesOf({ file, from, to }: Region, files: readonly LexedFile[]): number {
  const { lexemes } = files[file]!;
  return lexemes[to]!.line - lexemes[from]!.line + 1;
}

/** More than the same form: names that correspond throughout, some of them the same, and no mere table. */
function isCopy(chain: readonly Run[], files: readonly LexedFile[]): boolean {
  const forth = new Map<string, Map<string, number>>();
  const back = new Map<string, Map<string, number>>();
  const written = new Set<string>();
  let [names, kept, all, same] = [0, 0, 0, 0];
  for (const { one, other, a, b, length } of chain)
    for (let at = 0; at < length; at++) {
      const left = files[one]!.lexemes[a + at]!;
      const right = files[other]!.lexemes[b + at]!;
      all++;
      if (left.text === right.text) same++;
      written.add(left.text);
      if (left.shape !== 'N') continue;
      names++;
      if (left.text === right.text) kept++;
      count(forth, left.text, right.text);
      count(back, right.text, left.text);
    }
  if (same === all) return true;
  if (written.size < Math.min(VARIETY_ENOUGH, all * VARIETY_MIN) || names === 0) return false;
  return kept >= names * KEPT_MIN && Math.min(consistency(forth), consistency(back)) >= CONSISTENT_MIN;
}

function count(partners: Map<string, Map<string, number>>, name: string, partner: string): void {
  const known = partners.get(name) ?? new Map<string, number>();
  known.set(partner, (known.get(partner) ?? 0) + 1);
  partners.set(name, known);
}

/** Share of names that stand for their most frequent partner. */
function consistency(partners: ReadonlyMap<string, ReadonlyMap<string, number>>): number {
  let [right, all] = [0, 0];
  for (const counts of partners.values()) {
    right += Math.max(...counts.values());
    for (const one of counts.values()) all += one;
  }
  return right / all;
}
