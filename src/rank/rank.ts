/** Candidates of one question to their final order, with named reasons that add up to each score. Pure. */
import type { ChunkRow, Query, Reason } from '../types.ts';
import { type Candidate, type Evidence, SIGNALS, type SignalName } from './signals.ts';

/** Weight of each signal; negative for what speaks against a chunk. */
export type Weights = Readonly<Record<SignalName, number>>;

/** For questions and keywords. Learned on every other repository of the outside benchmark, checked on the rest (test/eval). */
export const TEXT_WEIGHTS: Weights = {
  meaning: 0.65,
  'covers words': 0.15,
  'path words': 0.65,
  'file name': 0.45,
  'symbol words': 0.25,
  defines: 0.65,
  'file covers': 0.45,
  'file agrees': 0.25,
  test: -0.6,
  example: -0.4,
  prose: -0.5,
  config: -0.6,
  'declarations only': -0.3,
  barrel: -0.05,
  legacy: -0.3,
};

/** For a symbol: where it is defined comes first, then where it is named; what the name may mean says nothing more. */
export const SYMBOL_WEIGHTS: Weights = {
  ...TEXT_WEIGHTS,
  meaning: 0,
  'covers words': 0.2,
  'path words': 0.8,
  'file name': 0.7,
  'symbol words': 0.5,
  defines: 1.5,
  'file covers': 0.5,
  'file agrees': 0.3,
};

/** Each further chunk of a file that is already shown costs this, once more for every one shown. */
export const REPEAT_COST = 1.05;

export type Ranked = {
  readonly row: ChunkRow;
  readonly score: number;
  readonly reasons: readonly Reason[];
  /** Share of the whole question's weight that the chunk's file has, 0 to 1, and its cosine: what confidence.ts judges by. */
  readonly covered: number;
  readonly cosine: number;
};

/** What one retriever or another said of a chunk, before all candidates are seen together. */
export type Found = {
  readonly row: ChunkRow;
  readonly lexicalScore: number;
  readonly cosine: number;
  readonly words: { readonly path: string; readonly symbols: string; readonly body: string };
};

export function weightsFor(query: Query): Weights {
  return query.kind === 'symbol' || query.kind === 'path' ? SYMBOL_WEIGHTS : TEXT_WEIGHTS;
}

/** Scores and orders all candidates; `rarity` gives the inverse document frequency of a query term. */
export function rank(
  query: Query,
  found: readonly Found[],
  rarity: (term: string) => number,
  weights = weightsFor(query),
): Ranked[] {
  const evidence = gather(query, found, rarity);
  const scored = evidence.candidates.map((candidate) => score(candidate, evidence, weights));
  return spread(scored.sort(byScoreThenPlace));
}

/** What only all candidates together can tell: normalised scores, the files they lie in. */
export function gather(query: Query, found: readonly Found[], rarity: (term: string) => number): Evidence {
  const lexicalTop = Math.max(1e-9, ...found.map(({ lexicalScore }) => lexicalScore));
  /** The query's terms that occur in a column: nothing else of a column is ever asked for. */
  const among = (column: string): Set<string> => new Set(query.terms.filter((term) => holds(column, term)));
  const candidates = found.map(
    ({ row, lexicalScore, cosine, words }): Candidate => ({
      row,
      lexical: Math.max(0, lexicalScore / lexicalTop),
      cosine,
      words: { path: among(words.path), symbols: among(words.symbols), body: among(words.body) },
    }),
  );
  // A term that no candidate has tells them not apart; it would only make every coverage small.
  const shared = query.terms.filter((term) =>
    candidates.some(({ words }) => words.body.has(term) || words.symbols.has(term) || words.path.has(term)),
  );
  const weights = new Map(shared.map((term) => [term, rarity(term)]));
  const cosines = candidates.map(({ cosine }) => cosine).filter((cosine) => cosine !== 0);
  return {
    query,
    candidates,
    weights,
    weightSum: [...weights.values()].reduce((sum, weight) => sum + weight, 0),
    weightAsked: query.terms.reduce((sum, term) => sum + rarity(term), 0),
    cosineTop: cosines.length === 0 ? 0 : Math.max(...cosines),
    cosineFloor: cosines.length === 0 ? 0 : Math.min(...cosines),
    files: byFile(candidates, query.terms),
  };
}

const BLANK = 32;

/** Whether a term stands among terms joined by blanks. Every candidate's text comes by here for every term: no copy is made. */
function holds(column: string, term: string): boolean {
  for (let at = column.indexOf(term); at !== -1; at = column.indexOf(term, at + 1)) {
    const end = at + term.length;
    const begins = at === 0 || column.charCodeAt(at - 1) === BLANK;
    if (begins && (end === column.length || column.charCodeAt(end) === BLANK)) return true;
  }
  return false;
}

function byFile(candidates: readonly Candidate[], queryTerms: readonly string[]): Evidence['files'] {
  const files = new Map<number, { terms: Set<string>; scores: number[] }>();
  for (const { row, lexical, words } of candidates) {
    let file = files.get(row.fileId);
    if (file === undefined) {
      file = { terms: new Set(), scores: [] };
      files.set(row.fileId, file);
    }
    file.scores.push(lexical);
    for (const term of queryTerms) {
      if (words.body.has(term) || words.symbols.has(term) || words.path.has(term)) file.terms.add(term);
    }
  }
  for (const { scores } of files.values()) scores.sort((a, b) => b - a);
  return files;
}

function score(candidate: Candidate, evidence: Evidence, weights: Weights): Ranked {
  const reasons: Reason[] = [];
  let sum = 0;
  for (const name of Object.keys(SIGNALS) as SignalName[]) {
    const amount = SIGNALS[name](candidate, evidence) * weights[name];
    if (amount === 0) continue;
    reasons.push({ name, amount });
    sum += amount;
  }
  const covered =
    (SIGNALS['file covers'](candidate, evidence) * evidence.weightSum) / Math.max(1e-9, evidence.weightAsked);
  return { row: candidate.row, score: sum, reasons, covered, cosine: candidate.cosine };
}

/** Takes the best again and again, where each chunk of a file already taken makes that file's next one cheaper to pass over. */
function spread(sorted: readonly Ranked[]): Ranked[] {
  const shown = new Map<number, number>();
  const costed = sorted.map((ranked) => {
    const before = shown.get(ranked.row.fileId) ?? 0;
    shown.set(ranked.row.fileId, before + 1);
    if (before === 0) return ranked;
    const amount = -REPEAT_COST * before;
    return {
      ...ranked,
      score: ranked.score + amount,
      reasons: [...ranked.reasons, { name: 'same file again', amount }],
    };
  });
  return costed.sort(byScoreThenPlace);
}

/** Higher score first; equal scores by place, so that the same question always gives the same order. */
export function byScoreThenPlace(a: Ranked, b: Ranked): number {
  return (
    b.score - a.score ||
    (a.row.path < b.row.path ? -1 : a.row.path > b.row.path ? 1 : 0) ||
    a.row.startLine - b.row.startLine
  );
}
