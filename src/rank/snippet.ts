/** A chunk's lines to the lines worth showing, when not all of them fit. */
import { terms } from '../tokens.ts';
import { countTokens } from './budget.ts';

/** A cut below this shows too little to judge by: a chunk is then left out instead. */
export const LINES_MIN = 3;

export type Excerpt = { readonly startLine: number; readonly lines: readonly string[] };

/**
 * The run of lines within `maxTokens` that has most of the query's terms; the chunk's own start where it is as good,
 * since a signature tells more than a body. All lines when they fit; undefined when not even LINES_MIN lines do.
 */
export function excerpt(
  lines: readonly string[],
  startLine: number,
  queryTerms: readonly string[],
  maxTokens: number,
): Excerpt | undefined {
  const costs = lines.map((line) => countTokens(`${line}\n`));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  if (total <= maxTokens) return { startLine, lines };
  const wanted = new Set(queryTerms);
  const found = lines.map((line) => new Set(terms(line).filter((term) => wanted.has(term))));
  let best: { from: number; to: number; value: number } | undefined;
  for (let from = 0; from < lines.length; from++) {
    const seen = new Set<string>();
    let cost = 0;
    let to = from;
    while (to < lines.length && cost + costs[to]! <= maxTokens) {
      cost += costs[to]!;
      for (const term of found[to]!) seen.add(term);
      to++;
    }
    if (to - from < Math.min(LINES_MIN, lines.length)) continue;
    const value = seen.size + (from === 0 ? START_BONUS : 0);
    if (best === undefined || value > best.value) best = { from, to, value };
    if (to === lines.length) break;
  }
  if (best === undefined) return undefined;
  let { from, to } = best;
  while (from < to - 1 && lines[from]!.trim() === '') from++;
  while (to > from + 1 && lines[to - 1]!.trim() === '') to--;
  return { startLine: startLine + from, lines: lines.slice(from, to) };
}

/** A window elsewhere must show at least one more of the query's terms than the start does. */
const START_BONUS = 0.5;
