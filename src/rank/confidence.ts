/** Says when an answer is weak: nothing at its head both has the question's rare words and means the same. */
import type { Ranked } from './rank.ts';

/** The first results are judged together: one of them with the words and another with the meaning is evidence enough. */
const LOOKED_AT = 3;

/**
 * Least of coverage + 1.5 cosine. Measured on 640 questions asked of their own repository and 1746 asked of others
 * (32 repositories): 4 % of the own ones fall below it, 67 % of those from a repository in the same language and 83 %
 * of those from one in another.
 */
const EVIDENCE_MIN = 1.1;
const COSINE_WEIGHT = 1.5;

/** Least coverage where no model is at hand: 5 % of the own questions fall below it, and 47 % and 64 % of the foreign. */
const COVERAGE_MIN = 0.42;

/** True when the results are more likely to be chance than an answer. */
export function isWeak(ranked: readonly Ranked[]): boolean {
  const head = ranked.slice(0, LOOKED_AT);
  if (head.length === 0) return true;
  if (head.some(({ reasons }) => reasons.some(({ name }) => name === 'defines'))) return false;
  const covered = Math.max(...head.map((one) => one.covered));
  const cosine = Math.max(...head.map((one) => one.cosine));
  return cosine === 0 ? covered < COVERAGE_MIN : covered + COSINE_WEIGHT * cosine < EVIDENCE_MIN;
}
