/** Cuts lines into chunks: the cheapest way to have pieces of a good size with cuts in good places. */
import type { CutWeights, Lines } from './lines.ts';

/** First and last line of a chunk, counted from 0, both included. */
export type LineRange = { readonly first: number; readonly last: number };

/** Characters a chunk should have (a screenful, a function with its comment), and has at most unless it is one line. */
export type ChunkSizes = { readonly aimChars: number; readonly maxChars: number };
export const CHUNK_SIZES: ChunkSizes = { aimChars: 1_500, maxChars: 2_500 };
/** Very short lines, such as lists of numbers: more of them make no better chunk. */
const CHUNK_LINES_MAX = 150;
/** A longer file is cut evenly into this many. */
export const CHUNKS_PER_FILE_MAX = 2_000;

/** Cost of a cut for each point of its weight, where a chunk of no size costs UNDER_COST and one of the maximum OVER_COST. */
const WEIGHT_COST = 0.06;
const UNDER_COST = 0.5;
const OVER_COST = 0.5;

/** Every line that is not blank lies in exactly one range; ranges are in order and neither start nor end blank. */
export function cutLines(lines: Lines, weights: CutWeights, sizes: ChunkSizes): LineRange[] {
  const filled: number[] = [];
  for (let line = 0; line < lines.count; line++) if (lines.indents[line]! >= 0) filled.push(line);
  // Where even the longest chunks would be too many, the search for the best ones can be spared.
  if (filled.length > CHUNKS_PER_FILE_MAX * CHUNK_LINES_MAX) return cutEvenly(lines, filled);
  const ranges = cutBest(lines, weights, filled, sizes);
  return ranges.length <= CHUNKS_PER_FILE_MAX ? ranges : cutEvenly(lines, filled);
}

/** Finds the cheapest sequence of cuts: the best end of the lines so far is the best end before it plus one chunk. */
function cutBest(lines: Lines, weights: CutWeights, filled: readonly number[], sizes: ChunkSizes): LineRange[] {
  const count = filled.length;
  const costs = new Float64Array(count + 1);
  const froms = new Uint32Array(count + 1);
  for (let to = 1; to <= count; to++) {
    const end = lines.ends[filled[to - 1]!]!;
    let best = Number.POSITIVE_INFINITY;
    const endWeight = to === count ? 0 : weights[filled[to]!]!;
    let insideWeight = Number.POSITIVE_INFINITY;
    for (let from = to - 1; from >= 0 && to - from <= CHUNK_LINES_MAX; from--) {
      const line = filled[from]!;
      const chars = end - lines.starts[line]!;
      if (chars > sizes.maxChars && from < to - 1) break;
      const weight = from === 0 ? 0 : weights[line]!;
      // Ragged at both ends, although there was a better place between: two halves of two things.
      const ragged = Math.max(0, Math.min(weight, endWeight) - insideWeight);
      const cost = costs[from]! + WEIGHT_COST * (weight + ragged) + sizeCost(chars, sizes);
      if (weight < insideWeight) insideWeight = weight;
      if (cost < best) {
        best = cost;
        froms[to] = from;
      }
    }
    costs[to] = best;
  }
  const ranges: LineRange[] = [];
  for (let to = count; to > 0; to = froms[to]!) ranges.push({ first: filled[froms[to]!]!, last: filled[to - 1]! });
  return ranges.reverse();
}

function sizeCost(chars: number, { aimChars, maxChars }: ChunkSizes): number {
  if (chars <= aimChars) return UNDER_COST * (1 - chars / aimChars) ** 2;
  return OVER_COST * Math.min(1, (chars - aimChars) / (maxChars - aimChars)) ** 2;
}

/** At most as many pieces as are allowed: any two neighbours together are longer than twice the mean. */
function cutEvenly(lines: Lines, filled: readonly number[]): LineRange[] {
  const chars = Math.ceil((2 * lines.text.length) / (CHUNKS_PER_FILE_MAX - 1));
  const ranges: LineRange[] = [];
  let from = 0;
  for (let to = 1; to <= filled.length; to++) {
    const full = to === filled.length || lines.ends[filled[to]!]! - lines.starts[filled[from]!]! > chars;
    if (!full) continue;
    ranges.push({ first: filled[from]!, last: filled[to - 1]! });
    from = to;
  }
  return ranges;
}
