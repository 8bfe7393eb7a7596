/** Budgets: shares that never add up to more than there is. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allowance, countTokens } from '../../src/rank/budget.ts';

test('a text costs at least a token for every four characters, and longer never less', () => {
  expect(countTokens('')).toBe(0);
  expect(countTokens('a')).toBe(1);
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      expect(countTokens(one + other)).toBeGreaterThanOrEqual(countTokens(one));
      expect(countTokens(one)).toBeGreaterThanOrEqual(one.length / 4);
      expect(countTokens(one + other)).toBeLessThanOrEqual(countTokens(one) + countTokens(other));
    }),
    { seed: 29, numRuns: 200 },
  );
});

test('snippets that all spend their share never spend more than the whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 200, max: 20_000 }), (count, whole) => {
      let left = whole;
      for (let at = 0; at < count; at++) {
        const share = allowance(at, count, left);
        expect(share).toBeGreaterThanOrEqual(0);
        left -= share;
        expect(left).toBeGreaterThanOrEqual(0);
      }
      // The last one may have all that is left.
      expect(left).toBe(0);
    }),
    { seed: 31, numRuns: 200 },
  );
});

test('one after the last may take the rest, and no more', () => {
  expect(allowance(1, 1, 100)).toBe(100);
  expect(allowance(9, 5, 100)).toBe(100);
});

test('the first snippets may take more than the later ones, and what is saved flows on', () => {
  expect(allowance(0, 10, 1_300)).toBeGreaterThan(allowance(5, 10, 1_300 / 2));
  expect(allowance(1, 10, 1_300)).toBeGreaterThan(allowance(1, 10, 1_100));
});
