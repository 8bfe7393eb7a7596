/** A heap gives the highest first, and of equal ones the first that came. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from '../../src/rank/heap.ts';

test('gives what a stable sort gives', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), (ranks) => {
      const heap = new Heap<number>();
      for (const [at, rank] of ranks.entries()) heap.push(rank, at);
      const sorted = [...ranks.entries()].sort((a, b) => b[1] - a[1]);
      for (const [at, rank] of sorted) {
        expect(heap.top).toBe(rank);
        expect(heap.pop()).toBe(at);
      }
      expect(heap.top).toBe(Number.NEGATIVE_INFINITY);
      expect(() => heap.pop()).toThrow('empty');
    }),
    { seed: 4 },
  );
});
