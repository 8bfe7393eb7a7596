/** Merges ranked lists of different evidence into one. */
import type { Hit } from '../types.ts';

/** Rank constant of reciprocal rank fusion; 60 is the value of Cormack, Clarke and Büttcher (SIGIR 2009). */
export const RRF_K = 60;

export type WeightedHits = { readonly hits: readonly Hit[]; readonly weight: number };

/** Reciprocal rank fusion: a chunk earns weight / (k + rank) from every list that found it. */
export function fuse(lists: readonly WeightedHits[], k = RRF_K): Hit[] {
  const scores = new Map<number, number>();
  for (const { hits, weight } of lists) {
    hits.forEach(({ chunkId }, index) => {
      scores.set(chunkId, (scores.get(chunkId) ?? 0) + weight / (k + index + 1));
    });
  }
  return [...scores].map(([chunkId, score]) => ({ chunkId, score })).sort(byScoreThenId);
}

/** Higher score first; equal scores by id, so that the same lists always give the same order. */
export function byScoreThenId(a: Hit, b: Hit): number {
  return b.score - a.score || a.chunkId - b.chunkId;
}
