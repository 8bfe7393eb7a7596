/** What a text costs its reader, and how much of an answer fits. */

/** Characters of code per token, measured low (o200k gives 3.3 to 3.9 on source code), so that a budget is kept. */
const CHARS_PER_TOKEN = 3.3;

/** Place, symbols, score and fence around each snippet. */
export const SNIPPET_HEAD_TOKENS = 35;

/** Lines and fence of a further snippet of the same file. */
export const SNIPPET_NEXT_TOKENS = 14;

/** Estimated tokens of a text. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARS_PER_TOKEN);
}

/** The leading snippets are read most: each of the first ones may take this many times an equal share. */
const HEAD_SHARE = 2;
const HEAD_COUNT = 3;

/**
 * Tokens that the snippet at `position` (from 0) of `count` may take of `left`, so that later ones still get theirs;
 * one after the last may take the rest.
 * What a short snippet does not use flows on to the next.
 */
export function allowance(position: number, count: number, left: number): number {
  const weight = (at: number): number => (at < HEAD_COUNT ? HEAD_SHARE : 1);
  let weights = weight(position);
  for (let at = position + 1; at < count; at++) weights += weight(at);
  return Math.floor((left * weight(position)) / weights);
}
