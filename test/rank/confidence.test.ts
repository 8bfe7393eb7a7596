/** Weak evidence is called weak. */
import { expect, test } from 'vitest';
import { type Clues, calibrate, cluesOf, isWeak, judge } from '../../src/rank/confidence.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { rank } from '../../src/rank/rank.ts';
import { candidate, rankAll } from './support.ts';

type Part = Parameters<typeof candidate>[0];

/** Every word is as rare as the other, and one that no part has is rarer still. */
function given(question: string, parts: readonly Part[]) {
  const query = parseQuery(question, {}, 10, 2_500);
  const found = parts.map(candidate);
  const known = new Set(found.flatMap(({ words }) => `${words.path} ${words.symbols} ${words.body}`.split(' ')));
  const rarity = (term: string): number => (term !== '' && known.has(term) ? 1 : 3);
  const ranked = rank(query, found, rarity);
  return { clues: cluesOf(query, found, ranked, rarity), ...judge(query, found, ranked, rarity) };
}

const question = 'kubernetes operator reconciles the parcel depot';

test('nothing found is weak', () => {
  expect(given(question, [])).toMatchObject({ confidence: 0, weak: true });
});

test('the definition of what was asked for is no doubt', () => {
  const answer = given('LeaseStore', [
    { path: 'a.ts', symbols: ['LeaseStore'] },
    { path: 'b.ts', body: 'lease' },
  ]);
  expect(answer).toMatchObject({ confidence: 1, weak: false });
});

test('one common word of many is weak, all words are not', () => {
  expect(given(question, [{ path: 'a.ts', body: 'parcel' }]).weak).toBe(true);
  expect(given(question, [{ path: 'a.ts', body: question }]).weak).toBe(false);
});

test('the same with a model at hand: words without meaning are weak, with it they are not', () => {
  const crowd = Array.from({ length: 6 }, (_, at) => ({ path: `${at}.ts`, body: 'parcel', lexical: 1, cosine: 0.05 }));
  expect(given(question, crowd).weak).toBe(true);
  expect(given(question, [{ path: 'a.ts', body: question, lexical: 9, cosine: 0.6 }, ...crowd]).weak).toBe(false);
});

test('clues: what the head matches, the topic, the lead, unknown words and names that nothing defines', () => {
  const { clues } = given('retry with RetryPolicy in zebra', [
    { path: 'a.ts', body: 'retry policy RetryPolicy', lexical: 2, cosine: 0.5 },
    { path: 'b.ts', symbols: ['other'], body: 'retry', lexical: 1, cosine: 0.3 },
    { path: 'c.ts', body: 'nothing', lexical: 0, cosine: 0.9 },
  ]);
  // retry, policy and retrypolicy of four words; the second has the topic, the third no word.
  expect(clues.match).toBeCloseTo((3 / 4) * 0.5);
  expect(clues.topic).toBeCloseTo(0.4);
  expect(clues.lead).toBeGreaterThan(0);
  expect(clues.unknown).toBeCloseTo(3 / 6);
  expect(clues.undefinedNames).toBe(1);
});

test('a name spelled another way is defined', () => {
  const { clues } = given('how retry_policy is read', [{ path: 'a.ts', symbols: ['RetryPolicy'] }]);
  expect(clues.undefinedNames).toBe(0);
});

test('more evidence never lowers the confidence, more doubt never raises it', () => {
  const none: Clues = { match: 0, topic: 0, lead: 0, unknown: 0, undefinedNames: 0 };
  const weights: Clues = { match: 6, topic: 16, lead: 2, unknown: -2, undefinedNames: -1 };
  const of = (clues: Partial<Clues>): number => calibrate({ ...none, ...clues }, { weights, offset: -5 });
  for (const clue of ['match', 'topic', 'lead'] as const) expect(of({ [clue]: 0.5 })).toBeGreaterThan(of({}));
  for (const clue of ['unknown', 'undefinedNames'] as const) expect(of({ [clue]: 0.5 })).toBeLessThan(of({}));
});

test('a good one below many poor ones does not make the answer good', () => {
  const ranked = rankAll(question, [candidate({ path: 'a.ts', body: 'parcel' })]);
  const good = rankAll(question, [candidate({ path: 'b.ts', body: question })]);
  expect(isWeak([...ranked, ...ranked, ...ranked, ...good])).toBe(true);
});
