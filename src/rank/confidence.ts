/** How sure an answer is: a probability, from five named clues, that it answers the question at all. Pure. */
import type { Query } from '../types.ts';
import type { Ranked } from './rank.ts';

/** What is looked at of each result. */
export type Judged = Pick<Ranked, 'score' | 'held' | 'cosine' | 'pathCosine'>;

/** What tells an answer from chance: the more of the first four and the less of the last, the surer. */
export type Clues = {
  /** Best of all results: share of the question's words that it has, times its cosine. */
  readonly match: number;
  /** Mean cosine of the results, by how many of the words they have: a question on windows asked of an HTTP client has none. */
  readonly topic: number;
  /** Best cosine of a path: a file for what is asked. */
  readonly path: number;
  /** Score of the first above that of the tenth: an answer stands out, chance comes in crowds. */
  readonly lead: number;
  /** Share of the question's weight on words that occur nowhere. */
  readonly unknown: number;
};

/** Weights of a logistic regression; below `weakBelow` an answer is called weak. */
export type Calibration = { readonly weights: Clues; readonly offset: number; readonly weakBelow: number };

export type Verdict = { readonly confidence: number; readonly weak: boolean };

const CROWD_AT = 9;

/** A definition of the asked symbol among the first is no doubt. */
const LOOKED_AT = 3;

/**
 * Learned by `node test/eval/foreign.ts --fit` from 561 questions asked of their own repository and 2354 asked of another,
 * each side weighing half. Weak are then 5 % of the own ones (4 % with symbols), 82 % of the others of the same language and
 * 93 % of those of another; learned on one half of the repositories and asked of the other, 78 % and 84 % of the same
 * language at 6 % and 5 %. More than half of the rest can be answered where they were asked (test/eval/results.md).
 */
const WITH_MEANING: Calibration = {
  weights: { match: 4.1, topic: 12.0, path: 3.4, lead: 1.3, unknown: -2.0 },
  offset: -6.4,
  weakBelow: 0.4,
};

/** The same where no model is at hand: `match` is the share of words alone. Weak are 5 % of the own ones, 66 % and 81 % of the others. */
const WORDS_ALONE: Calibration = {
  weights: { match: 7.1, topic: 0, path: 0, lead: 0.5, unknown: -2.0 },
  offset: -5.0,
  weakBelow: 0.28,
};

/** Probability, 0 to 1, that one of `ranked` answers the question of these terms. `rarity` as rank() takes it. */
export function judge(
  { kind, terms }: Pick<Query, 'kind' | 'terms'>,
  ranked: readonly (Judged & Pick<Ranked, 'reasons'>)[],
  rarity: (term: string) => number,
): Verdict {
  if (ranked.length === 0) return { confidence: 0, weak: true };
  const head = ranked.slice(0, LOOKED_AT);
  if (kind === 'symbol' && head.some(({ reasons }) => reasons.some(({ name }) => name === 'defines')))
    return { confidence: 1, weak: false };
  const calibration = hasMeaning(ranked) ? WITH_MEANING : WORDS_ALONE;
  const confidence = calibrate(cluesOf(terms, ranked, rarity), calibration);
  return { confidence, weak: confidence < calibration.weakBelow };
}

/** Each clue adds its weight, and the sum becomes a probability. */
export function calibrate(clues: Clues, { weights, offset }: Omit<Calibration, 'weakBelow'>): number {
  let sum = offset;
  for (const name of Object.keys(weights) as (keyof Clues)[]) sum += weights[name] * clues[name];
  return 1 / (1 + Math.exp(-sum));
}

/** What `judge` weighs, for learning the weights. */
export function cluesOf(terms: readonly string[], ranked: readonly Judged[], rarity: (term: string) => number): Clues {
  const meaning = hasMeaning(ranked);
  let [match, path, weighed, weight] = [0, 0, 0, 0];
  for (const { held, cosine, pathCosine } of ranked) {
    match = Math.max(match, held * (meaning ? cosine : 1));
    path = Math.max(path, pathCosine);
    weighed += held * held * cosine;
    weight += held * held;
  }
  return {
    match,
    topic: weighed / Math.max(1e-9, weight),
    path,
    lead: (ranked[0]?.score ?? 0) - (ranked[Math.min(CROWD_AT, ranked.length - 1)]?.score ?? 0),
    unknown: shareUnknown(terms, rarity),
  };
}

function hasMeaning(ranked: readonly Judged[]): boolean {
  return ranked.some(({ cosine }) => cosine !== 0);
}

/** A term that no chunk has is as rare as the empty one. */
function shareUnknown(terms: readonly string[], rarity: (term: string) => number): number {
  const nowhere = rarity('');
  let [unknown, asked] = [0, 0];
  for (const weight of terms.map(rarity)) {
    asked += weight;
    if (weight >= nowhere) unknown += weight;
  }
  return unknown / Math.max(1e-9, asked);
}
