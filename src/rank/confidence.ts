/** How sure an answer is: a probability, from five named clues, that its head answers the question at all. Pure. */
import type { Query } from '../types.ts';
import type { Found } from './evidence.ts';
import type { Ranked } from './rank.ts';

/** What tells an answer from chance. Each is cheap, and the more of the first three (the less of the last two), the surer. */
export type Clues = {
  /** Of the best of the first three: share of the question's words that it has, times its cosine. */
  readonly match: number;
  /** Mean cosine of all chunks that have words of the question: a question on window layouts asked of an HTTP client has none. */
  readonly topic: number;
  /** Score of the first above that of the fourth: an answer stands out, chance comes in crowds. */
  readonly lead: number;
  /** Share of the question's weight on words that occur nowhere. */
  readonly unknown: number;
  /** Share of the names in the question, written as only code writes them, that nothing here defines. */
  readonly undefinedNames: number;
};

/** Weights of a logistic regression; below `weakBelow` an answer is called weak. */
export type Calibration = { readonly weights: Clues; readonly offset: number; readonly weakBelow: number };

export type Verdict = { readonly confidence: number; readonly weak: boolean };

/** The first results are judged together: one of them may have the words where another has the meaning. */
const LOOKED_AT = 3;
const CROWD_AT = 3;

/**
 * Learned by `node test/eval/foreign.ts --fit` from 561 questions asked of their own repository and 2354 asked of another,
 * each side weighing half. `weakBelow` flags 5 % of the own ones, and then 79 % of the others of the same language and 92 %
 * of those of another; learned on one half of the repositories, 77 % and 81 % on the other (test/eval/results.md).
 */
const WITH_MEANING: Calibration = {
  weights: { match: 6.1, topic: 15.9, lead: 1.9, unknown: -2.1, undefinedNames: -0.6 },
  offset: -4.8,
  weakBelow: 0.37,
};

/** The same where no model is at hand: `match` is the share of words alone, and `topic` is nothing. 66 % and 82 % are flagged. */
const WORDS_ALONE: Calibration = {
  weights: { match: 5.7, topic: 0, lead: 1.5, unknown: -2.6, undefinedNames: -0.9 },
  offset: -3.7,
  weakBelow: 0.28,
};

/** Probability, 0 to 1, that the head of `ranked` answers the question. `rarity` as rank() takes it. */
export function judge(
  query: Query,
  found: readonly Found[],
  ranked: readonly Ranked[],
  rarity: (term: string) => number,
): Verdict {
  if (ranked.length === 0) return { confidence: 0, weak: true };
  if (query.kind === 'symbol' && definesHead(ranked)) return { confidence: 1, weak: false };
  const calibration = hasMeaning(found) ? WITH_MEANING : WORDS_ALONE;
  const confidence = calibrate(cluesOf(query, found, ranked, rarity), calibration);
  return { confidence, weak: confidence < calibration.weakBelow };
}

/** Each clue adds its weight, and the sum becomes a probability. */
export function calibrate(clues: Clues, { weights, offset }: Omit<Calibration, 'weakBelow'>): number {
  let sum = offset;
  for (const name of Object.keys(weights) as (keyof Clues)[]) sum += weights[name] * clues[name];
  return 1 / (1 + Math.exp(-sum));
}

/** What `judge` weighs, for learning the weights. */
export function cluesOf(
  query: Query,
  found: readonly Found[],
  ranked: readonly Ranked[],
  rarity: (term: string) => number,
): Clues {
  const meaning = hasMeaning(found);
  const head = ranked.slice(0, LOOKED_AT);
  const match = head.map(({ row, cosine }) => {
    const words = found.find((one) => one.row.id === row.id)!.words;
    const held = query.terms.filter((term) => holds(words, term)).length;
    return (held / Math.max(1, query.terms.length)) * (meaning ? Math.max(0, cosine) : 1);
  });
  const withWords = found.filter(({ lexicalScore }) => lexicalScore > 0);
  return {
    match: Math.max(0, ...match),
    topic: withWords.reduce((sum, { cosine }) => sum + cosine, 0) / Math.max(1, withWords.length),
    lead: (ranked[0]?.score ?? 0) - (ranked[CROWD_AT]?.score ?? 0),
    unknown: shareUnknown(query.terms, rarity),
    undefinedNames: shareUndefined(query.names, found),
  };
}

function hasMeaning(found: readonly Found[]): boolean {
  return found.some(({ cosine }) => cosine !== 0);
}

function definesHead(ranked: readonly Ranked[]): boolean {
  return ranked.slice(0, LOOKED_AT).some(({ reasons }) => reasons.some(({ name }) => name === 'defines'));
}

/** A term that no chunk has is as rare as the empty one. */
function shareUnknown(terms: readonly string[], rarity: (term: string) => number): number {
  const nowhere = rarity('');
  const weights = terms.map(rarity);
  const unknown = weights.filter((weight) => weight >= nowhere);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return sum(unknown) / Math.max(1e-9, sum(weights));
}

function shareUndefined(names: readonly string[], found: readonly Found[]): number {
  if (names.length === 0) return 0;
  const defined = new Set(found.flatMap(({ row }) => row.symbols.map(plain)));
  return names.filter((name) => !defined.has(plain(name))).length / names.length;
}

function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}

function holds({ path, symbols, body }: Found['words'], term: string): boolean {
  return [path, symbols, body].some((column) => ` ${column} `.includes(` ${term} `));
}

/** Least of coverage + 1.5 cosine, and of coverage where no model is at hand. */
const EVIDENCE_MIN = 1.1;
const COSINE_WEIGHT = 1.5;
const COVERAGE_MIN = 0.42;

/** True when the results are more likely to be chance than an answer. */
export function isWeak(ranked: readonly Ranked[]): boolean {
  const head = ranked.slice(0, LOOKED_AT);
  if (head.length === 0) return true;
  if (definesHead(ranked)) return false;
  const covered = Math.max(...head.map((one) => one.covered));
  const cosine = Math.max(...head.map((one) => one.cosine));
  return cosine === 0 ? covered < COVERAGE_MIN : covered + COSINE_WEIGHT * cosine < EVIDENCE_MIN;
}
