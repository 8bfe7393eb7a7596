/** Named signals: each says, from 0 to 1, how much one kind of evidence speaks for a chunk (or, below 0, against it). */
import { splitIdentifier, stem } from '../tokens.ts';
import type { ChunkRow, Query } from '../types.ts';

/** A chunk that some retriever found, with what ranking needs to know of it. */
export type Candidate = {
  readonly row: ChunkRow;
  /** BM25 score divided by the best one of the list, 0 when the lexical retriever did not find it. */
  readonly lexical: number;
  /** Cosine, 0 when the vector retriever did not find it. */
  readonly cosine: number;
  /** The query's terms that the chunk has, column by column. */
  readonly words: {
    readonly path: ReadonlySet<string>;
    readonly symbols: ReadonlySet<string>;
    readonly body: ReadonlySet<string>;
  };
};

/** All candidates of one question, with what only the whole set can tell. */
export type Evidence = {
  readonly query: Query;
  readonly candidates: readonly Candidate[];
  /** Inverse document frequency of each query term that some candidate has, and their sum. */
  readonly weights: ReadonlyMap<string, number>;
  readonly weightSum: number;
  /** The same sum with the terms that no candidate has: what the question asks for in full. */
  readonly weightAsked: number;
  readonly cosineTop: number;
  readonly cosineFloor: number;
  /** For each file: query terms that its candidates have among them, and its candidates' lexical scores, best first. */
  readonly files: ReadonlyMap<number, { readonly terms: ReadonlySet<string>; readonly scores: readonly number[] }>;
};

export type SignalName =
  | 'meaning'
  | 'covers words'
  | 'path words'
  | 'file name'
  | 'symbol words'
  | 'defines'
  | 'file covers'
  | 'file agrees'
  | 'test'
  | 'example'
  | 'prose'
  | 'config'
  | 'declarations only'
  | 'barrel'
  | 'legacy';

type Signal = (candidate: Candidate, evidence: Evidence) => number;

/** One small function each. A new signal is a new row here and a weight in rank.ts. */
export const SIGNALS: Readonly<Record<SignalName, Signal>> = {
  meaning: ({ cosine }, { cosineTop, cosineFloor }) =>
    cosine <= cosineFloor ? 0 : (cosine - cosineFloor) / Math.max(1e-6, cosineTop - cosineFloor),
  'covers words': ({ words }, evidence) =>
    coverage(evidence, (term) => words.body.has(term) || words.symbols.has(term)),
  'path words': ({ words }, evidence) => coverage(evidence, (term) => words.path.has(term)),
  'file name': ({ row }, evidence) => nameOverlap(stemOf(row.path), evidence),
  'symbol words': ({ words }, evidence) => coverage(evidence, (term) => words.symbols.has(term)),
  defines: ({ row }, { query }) =>
    query.kind === 'symbol' && query.names.length > 1 ? definesMember(row, query.names) : definesAny(row, query.names),
  'file covers': ({ row }, evidence) => {
    const file = evidence.files.get(row.fileId)!;
    return coverage(evidence, (term) => file.terms.has(term));
  },
  'file agrees': ({ row, lexical }, { files }) => agreement(files.get(row.fileId)!.scores, lexical),
  test: ({ row }, { query }) => (row.kind === 'tests' && !asksFor(query, 'test', 'spec', 'fixture', 'mock') ? 1 : 0),
  example: ({ row }, { query }) =>
    EXAMPLE.test(row.path) && !asksFor(query, 'example', 'demo', 'sample', 'benchmark', 'bench') ? 1 : 0,
  prose: ({ row }) => (row.kind === 'docs' ? 1 : 0),
  config: ({ row }) => (row.kind === 'config' ? 1 : 0),
  'declarations only': ({ row }) => (DECLARATIONS.test(row.path) ? 1 : 0),
  barrel: ({ row }) => (BARREL.test(row.path) ? 1 : 0),
  legacy: ({ row }, { query }) =>
    LEGACY.test(row.path) && !asksFor(query, 'compat', 'legacy', 'deprecated', 'shim', 'vendor') ? 1 : 0,
};

/** Share of the query's weight (by rarity of its terms) that `has` finds. */
function coverage(evidence: Evidence, has: (term: string) => boolean): number {
  if (evidence.weightSum === 0) return 0;
  let found = 0;
  for (const [term, weight] of evidence.weights) if (has(term)) found += weight;
  return found / evidence.weightSum;
}

/** A file's other chunks add to it, ever less: half of the second best, a quarter of the third. */
function agreement(scores: readonly number[], own: number): number {
  let sum = 0;
  let share = 0.5;
  let skippedOwn = false;
  for (const score of scores) {
    if (!skippedOwn && score === own) {
      skippedOwn = true;
      continue;
    }
    sum += score * share;
    share /= 2;
    if (share < 0.1) break;
  }
  return sum;
}

/** How much of the file's own name the question says: `router.ts` asked for by "router" is said whole. */
function nameOverlap(name: readonly string[], { query }: Evidence): number {
  if (name.length === 0) return 0;
  const asked = new Set(query.terms);
  const said = name.filter((word) => asked.has(word)).length;
  return said / name.length;
}

/** The best of what a chunk says of any of the names. */
function definesAny(row: ChunkRow, names: readonly string[]): number {
  return Math.max(0, ...names.map((name) => definesOne(row, name)));
}

/** Of `Store.open`, what defines `open` within `Store` is meant, then another `open`, then `Store` itself. */
function definesMember(row: ChunkRow, names: readonly string[]): number {
  const owners = names.slice(0, -1);
  const member = definesOne(row, names.at(-1)!);
  if (member === 0) return definesAny(row, owners) * OWNER_ALONE;
  return owners.some((owner) => row.symbols.includes(owner) || row.scope.includes(owner)) ? member : member * ELSEWHERE;
}

/** 1 for a definition of the name as written, less for another spelling of it and for a place inside it. */
function definesOne(row: ChunkRow, name: string): number {
  if (row.symbols.includes(name)) return 1;
  const plain = squash(name);
  if (row.symbols.some((symbol) => squash(symbol) === plain)) return OTHER_SPELLING;
  return row.scope.includes(name) ? INSIDE : 0;
}

/** `parse_url` asked as `parseURL`; a chunk inside the definition rather than at its start. */
const OTHER_SPELLING = 0.8;
const INSIDE = 0.3;
/** `Store.open`: an `open` of something else; `Store` without its `open`. */
const ELSEWHERE = 0.7;
const OWNER_ALONE = 0.5;

function squash(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function asksFor(query: Query, ...words: readonly string[]): boolean {
  return words.some((word) => query.terms.includes(stem(word)));
}

/** Terms of a file's name without its extension; of its folder's name where the file's own says nothing (`mod.rs`). */
function stemOf(path: string): string[] {
  const stems = path
    .split('/')
    .map((step) => (step.indexOf('.', 1) === -1 ? step : step.slice(0, step.indexOf('.', 1))));
  const own = stems.pop()!;
  return splitIdentifier(SAYS_NOTHING.has(own) ? (stems.pop() ?? own) : own).map(stem);
}

/** Names that a language gives to a folder's own file. */
const SAYS_NOTHING = new Set(['mod', 'index', 'init', '__init__', 'lib', 'main', 'package']);

const EXAMPLE = /(?:^|\/)(?:examples?|samples?|demos?|benchmarks?|bench|playground|tutorials?)(?:\/|$)/i;
const DECLARATIONS = /\.d\.[cm]?ts$|\.pyi$/;
const BARREL = /(?:^|\/)(?:index\.[cm]?[jt]sx?|__init__\.py|mod\.rs|exports?\.[jt]s)$/;
const LEGACY =
  /(?:^|[/_.-])(?:compat|legacy|deprecated|shims?|polyfills?|vendor|vendored|third_party|old|v1beta\d*)(?:[/_.-]|$)/i;
