/** Weak evidence is called weak. */
import { expect, test } from 'vitest';
import { isWeak } from '../../src/rank/confidence.ts';
import { candidate, rankAll } from './support.ts';

const weak = (question: string, ...parts: Parameters<typeof candidate>[0][]): boolean =>
  isWeak(rankAll(question, parts.map(candidate)));

test('nothing found is weak', () => {
  expect(isWeak([])).toBe(true);
});

test('the definition of what was asked for is not', () => {
  expect(weak('LeaseStore', { path: 'a.ts', symbols: ['LeaseStore'] })).toBe(false);
});

test('one common word of many is weak, all words are not', () => {
  const question = 'kubernetes operator reconciles the parcel depot';
  expect(weak(question, { path: 'a.ts', body: 'parcel' })).toBe(true);
  expect(weak(question, { path: 'a.ts', body: question })).toBe(false);
});

test('a good one below many poor ones does not make the answer good', () => {
  const question = 'kubernetes operator reconciles the parcel depot';
  const ranked = rankAll(question, [candidate({ path: 'a.ts', body: 'parcel' })]);
  const good = rankAll(question, [candidate({ path: 'b.ts', body: question })]);
  expect(isWeak([...ranked, ...ranked, ...ranked, ...good])).toBe(true);
});
