/** Says when an answer is weak: nothing in it speaks for the question by name, by words and by meaning together. */
import type { Ranked } from './rank.ts';

/** Share of the query's rare words that the best files must have between them; below it nothing is called good. */
const COVERAGE_MIN = 0.5;
const LOOKED_AT = 3;

/** True when the first results cover less than half of what the question weighs, or when there are none. */
export function isWeak(ranked: readonly Ranked[]): boolean {
  const head = ranked.slice(0, LOOKED_AT);
  const definesAsked = head.some(({ reasons }) => reasons.some(({ name }) => name === 'defines'));
  return !definesAsked && head.every(({ covered }) => covered < COVERAGE_MIN);
}
