/** The figures of the evaluation are computed right. */
import { expect, test } from 'vitest';
import { interval, macro, ndcg, randomFrom } from './metrics.ts';

test('a target at the second of two places is worth 1 / log2(3)', () => {
  const place = (path: string) => ({ path, startLine: 1, endLine: 9 });
  expect(ndcg([place('a.ts'), place('src/b.ts')], [{ path: 'b.ts' }])).toBeCloseTo(1 / Math.log2(3));
});

test('every group weighs the same, however large', () => {
  const rows = [1, 1, 1, 0].map((value, at) => ({ value, group: at < 3 ? 'a' : 'b' }));
  const of = macro(
    rows,
    ({ group }) => group,
    ({ value }) => value,
  );
  expect(of).toBe(0.5);
});

test('an interval is the same every time, holds the mean, and narrows with more groups', () => {
  const random = randomFrom(7);
  const groups = (count: number) => Array.from({ length: count }, () => Array.from({ length: 20 }, () => random()));
  const few = interval(groups(4));
  const many = interval(groups(60));
  expect(interval([[0.5, 0.5]])).toEqual([0.5, 0.5]);
  for (const [low, high] of [few, many]) {
    expect(low).toBeLessThan(0.5);
    expect(high).toBeGreaterThan(0.5);
  }
  expect(many[1] - many[0]).toBeLessThan(few[1] - few[0]);
  const fixed = groups(5);
  expect(interval(fixed)).toEqual(interval(fixed));
});
