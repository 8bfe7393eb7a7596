/** Fusion: what no choice of lists may change. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fuse, RRF_K, type WeightedHits } from '../../src/rank/fuse.ts';

const RUNS = { seed: 13, numRuns: 200 };
const aList: fc.Arbitrary<WeightedHits> = fc.record({
  hits: fc
    .uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 })
    .map((ids) => ids.map((chunkId, at) => ({ chunkId, score: 100 - at }))),
  weight: fc.double({ min: 0, max: 4, noNaN: true }),
});
const scoresOf = (lists: readonly WeightedHits[]) => new Map(fuse(lists).map(({ chunkId, score }) => [chunkId, score]));

test('a chunk earns weight / (k + rank) from every list', () => {
  const hits = (...ids: number[]) => ids.map((chunkId) => ({ chunkId, score: 1 }));
  const fused = fuse([
    { hits: hits(7, 8), weight: 1 },
    { hits: hits(8), weight: 2 },
  ]);
  expect(fused).toEqual([
    { chunkId: 8, score: 1 / (RRF_K + 2) + 2 / (RRF_K + 1) },
    { chunkId: 7, score: 1 / (RRF_K + 1) },
  ]);
});

test('every chunk of every list comes once, best first, equal ones by id', () => {
  fc.assert(
    fc.property(fc.array(aList, { maxLength: 5 }), (lists) => {
      const fused = fuse(lists);
      const ids = new Set(lists.flatMap(({ hits }) => hits.map(({ chunkId }) => chunkId)));
      expect(new Set(fused.map(({ chunkId }) => chunkId))).toEqual(ids);
      expect(fused).toHaveLength(ids.size);
      fused.slice(1).forEach((hit, at) => {
        const before = fused[at]!;
        expect(before.score > hit.score || (before.score === hit.score && before.chunkId < hit.chunkId)).toBe(true);
      });
    }),
    RUNS,
  );
});

test('the order of the lists does not matter', () => {
  fc.assert(
    fc.property(fc.array(aList, { maxLength: 4 }), (lists) => {
      const other = scoresOf([...lists].reverse());
      for (const [id, score] of scoresOf(lists)) expect(other.get(id)).toBeCloseTo(score, 12);
    }),
    RUNS,
  );
});

test('one more list never lowers a chunk', () => {
  fc.assert(
    fc.property(fc.array(aList, { maxLength: 4 }), aList, (lists, more) => {
      const after = scoresOf([...lists, more]);
      for (const [id, score] of scoresOf(lists)) expect(after.get(id)).toBeGreaterThanOrEqual(score);
    }),
    RUNS,
  );
});
