/** What is known of a question's candidates before they are scored: of each one, of its file, and of all of them together. Pure. */
import { splitIdentifier, stem, terms } from '../tokens.ts';
import type { ChunkRow, Query } from '../types.ts';

/** What one retriever or another said of a chunk, before all candidates are seen together. */
export type Found = {
  readonly row: ChunkRow;
  readonly lexicalScore: number;
  readonly cosine: number;
  /** Cosine of the chunk's path alone. */
  readonly pathCosine: number;
  /** Cosine by a slow model, 0 where it has not read the chunk. */
  readonly slowCosine: number;
  readonly words: { readonly path: string; readonly symbols: string; readonly body: string };
};

/** A chunk that some retriever found, with what ranking needs to know of it. */
export type Candidate = {
  readonly row: ChunkRow;
  /** BM25 score divided by the best one of the list, 0 when the lexical retriever did not find it. */
  readonly lexical: number;
  /** Cosines of the chunk and of its path, 0 when there is no model or it knows no word of them. */
  readonly cosine: number;
  readonly pathCosine: number;
  /** Cosine by a slow model, 0 where it has not read the chunk, or there is none. */
  readonly slowCosine: number;
  /** The query's terms that the chunk has, column by column. */
  readonly words: {
    readonly path: ReadonlySet<string>;
    readonly symbols: ReadonlySet<string>;
    readonly body: ReadonlySet<string>;
  };
  /** Share of the neighbouring words of an error message that are neighbours here too, 0 to 1; 0 for other questions. */
  readonly inOrder: number;
};

export type Range = { readonly least: number; readonly most: number };

/** What a file's candidates say of it together. */
export type FileEvidence = {
  /** Query terms that they have among them. */
  readonly terms: ReadonlySet<string>;
  /** Their lexical scores, best first. */
  readonly scores: readonly number[];
  /** How far the question says the name of something that the file defines, 0 to 1: the best of all names. */
  readonly symbolSaid: number;
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
  readonly cosines: Range;
  readonly pathCosines: Range;
  readonly slowCosines: Range;
  readonly files: ReadonlyMap<number, FileEvidence>;
};

/** Gathers the evidence; `rarity` gives the inverse document frequency of a query term. */
export function gather(query: Query, found: readonly Found[], rarity: (term: string) => number): Evidence {
  const lexicalTop = Math.max(1e-9, ...found.map(({ lexicalScore }) => lexicalScore));
  /** The query's terms that occur in a column: nothing else of a column is ever asked for. */
  const among = (column: string): Set<string> => new Set(query.terms.filter((term) => holds(column, term)));
  const pairs = query.kind === 'error' ? neighbours(terms(query.text).slice(0, PHRASE_TERMS_MAX)) : [];
  const candidates = found.map(
    ({ row, lexicalScore, cosine, pathCosine, slowCosine, words }): Candidate => ({
      row,
      lexical: Math.max(0, lexicalScore / lexicalTop),
      cosine,
      pathCosine,
      slowCosine,
      words: { path: among(words.path), symbols: among(words.symbols), body: among(words.body) },
      inOrder: pairs.filter((pair) => holds(words.body, pair)).length / Math.max(1, pairs.length),
    }),
  );
  // A term that no candidate has tells them not apart; it would only make every coverage small.
  const shared = query.terms.filter((term) => candidates.some((candidate) => hasTerm(candidate, term)));
  const weights = new Map(shared.map((term) => [term, rarity(term)]));
  const weightSum = sum(weights.values());
  return {
    query,
    candidates,
    weights,
    weightSum,
    weightAsked: sum(query.terms.map(rarity)),
    cosines: rangeOf(candidates.map(({ cosine }) => cosine)),
    pathCosines: rangeOf(candidates.map(({ pathCosine }) => pathCosine)),
    slowCosines: rangeOf(candidates.map(({ slowCosine }) => slowCosine)),
    files: byFile(candidates, weights, weightSum),
  };
}

/** A message is at the head of what is pasted; frames below it repeat one shape. */
const PHRASE_TERMS_MAX = 40;

/** Every two terms in a row, joined by a blank as columns join theirs. */
function neighbours(words: readonly string[]): string[] {
  return [...new Set(words.slice(1).map((word, at) => `${words[at]!} ${word}`))];
}

function hasTerm({ words }: Candidate, term: string): boolean {
  return words.body.has(term) || words.symbols.has(term) || words.path.has(term);
}

/** From the least to the largest of what the model said; it said nothing of a candidate with 0. */
function rangeOf(cosines: readonly number[]): Range {
  const said = cosines.filter((cosine) => cosine !== 0);
  return said.length === 0 ? { least: 0, most: 0 } : { least: Math.min(...said), most: Math.max(...said) };
}

const BLANK = 32;

/** Whether terms stand in a column, where all are joined by blanks. Every candidate's text comes by here for every term: no copy is made. */
function holds(column: string, wanted: string): boolean {
  for (let at = column.indexOf(wanted); at !== -1; at = column.indexOf(wanted, at + 1)) {
    const end = at + wanted.length;
    const begins = at === 0 || column.charCodeAt(at - 1) === BLANK;
    if (begins && (end === column.length || column.charCodeAt(end) === BLANK)) return true;
  }
  return false;
}

function byFile(
  candidates: readonly Candidate[],
  weights: ReadonlyMap<string, number>,
  weightSum: number,
): Map<number, FileEvidence> {
  const files = new Map<number, { terms: Set<string>; scores: number[]; symbolSaid: number }>();
  // A stem is how its word begins, but for the last letter (`query`, `queries`).
  const heads = [...weights.keys()].map((term) => term.slice(0, -1));
  for (const candidate of candidates) {
    const { row, lexical, words } = candidate;
    let file = files.get(row.fileId);
    if (file === undefined) {
      file = { terms: new Set(), scores: [], symbolSaid: 0 };
      files.set(row.fileId, file);
    }
    file.scores.push(lexical);
    for (const term of weights.keys()) if (hasTerm(candidate, term)) file.terms.add(term);
    // Splitting names takes time, and most have nothing of what was asked for.
    if (words.symbols.size === 0) continue;
    for (const symbol of row.symbols) {
      const plain = symbol.toLowerCase();
      if (!heads.some((head) => plain.includes(head))) continue;
      file.symbolSaid = Math.max(file.symbolSaid, howFarSaid(symbol, weights, weightSum));
    }
  }
  for (const { scores } of files.values()) scores.sort((a, b) => b - a);
  return files;
}

/** How much of a name is said times (the root of) how much of the question it answers: `parseUrl` is all that "parse url" asks for. */
function howFarSaid(symbol: string, weights: ReadonlyMap<string, number>, weightSum: number): number {
  const words = splitIdentifier(symbol).map(stem);
  const said = words.filter((word) => weights.has(word));
  if (said.length === 0 || weightSum === 0) return 0;
  const answered = sum([...new Set(said)].map((word) => weights.get(word)!)) / weightSum;
  return (said.length / words.length) * Math.sqrt(answered);
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
