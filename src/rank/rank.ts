/** Candidates of one question to their final order, with named reasons that add up to each score. Pure. */
import type { ChunkRow, Query, Reason } from '../types.ts';
import { type Candidate, type Evidence, type Found, gather } from './evidence.ts';
import { SIGNALS, type SignalName } from './signals.ts';

/** Weight of each signal; negative for what speaks against a chunk. */
export type Weights = Readonly<Record<SignalName, number>>;

/** For questions and keywords. Learned on every other repository of the outside benchmark, checked on the rest (test/eval). */
export const TEXT_WEIGHTS: Weights = {
  meaning: 0.8,
  'path meaning': 0.45,
  'covers words': 0.3,
  'path words': 0.3,
  'file name': 0.4,
  'symbol words': 0.3,
  'symbol name': 0.5,
  defines: 0.5,
  'file covers': 0.2,
  'file agrees': 0.35,
  'file size': 0.55,
  'words in order': 0,
  'place named': 2,
  test: -0.6,
  example: -0.4,
  prose: -0.4,
  config: -0.45,
  'declarations only': -0.4,
  barrel: -0.15,
  legacy: -0.3,
};

/** For a symbol: where it is defined comes first, then where it is named; what the name may mean says nothing more. Learned alike. */
export const SYMBOL_WEIGHTS: Weights = {
  ...TEXT_WEIGHTS,
  meaning: 0,
  'path meaning': 0,
  'covers words': 0.4,
  'path words': 0.5,
  'file name': 0.65,
  'symbol words': 0.45,
  'symbol name': 0,
  defines: 1.2,
  'file covers': 0.4,
  'file agrees': 0.7,
  'file size': 0,
  test: -0.5,
  prose: -0.4,
  config: -0.4,
  barrel: 0,
};

/** For an error message: the code that has its words in their order is where it comes from, whatever its file is called (test/eval/errors.ts). */
export const ERROR_WEIGHTS: Weights = { ...TEXT_WEIGHTS, 'words in order': 3 };

/** Each further chunk of a file that is already shown costs this, once more for every one shown. */
export const REPEAT_COST = 1.05;

export type Ranked = {
  readonly row: ChunkRow;
  readonly score: number;
  readonly reasons: readonly Reason[];
  /** Share of the question's words that the chunk has, its cosine and that of its path: what confidence.ts judges by. */
  readonly held: number;
  readonly cosine: number;
  readonly pathCosine: number;
};

export function weightsFor(query: Query): Weights {
  if (query.kind === 'error') return ERROR_WEIGHTS;
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

function score(candidate: Candidate, evidence: Evidence, weights: Weights): Ranked {
  const reasons: Reason[] = [];
  let sum = 0;
  for (const name of Object.keys(SIGNALS) as SignalName[]) {
    const amount = SIGNALS[name](candidate, evidence) * weights[name];
    if (amount === 0) continue;
    reasons.push({ name, amount });
    sum += amount;
  }
  const { row, words, cosine, pathCosine } = candidate;
  const { terms } = evidence.query;
  const has = (term: string): boolean => words.body.has(term) || words.symbols.has(term) || words.path.has(term);
  return { row, score: sum, reasons, held: terms.filter(has).length / Math.max(1, terms.length), cosine, pathCosine };
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

/** Scores nearer than this are equal: which of the two is right, no signal can tell. */
const NEAR_TIE = 0.01;

/** Higher score first; of equal ones what changed on a later day, then by place, so that the same question always gives the same order. */
export function byScoreThenPlace(a: Pick<Ranked, 'row' | 'score'>, b: Pick<Ranked, 'row' | 'score'>): number {
  return (
    Math.round(b.score / NEAR_TIE) - Math.round(a.score / NEAR_TIE) ||
    b.row.changedDay - a.row.changedDay ||
    b.score - a.score ||
    (a.row.path < b.row.path ? -1 : a.row.path > b.row.path ? 1 : 0) ||
    a.row.startLine - b.row.startLine
  );
}
