/** Weak evidence is called weak. */
import { expect, test } from 'vitest';
import { type Clues, calibrate, cluesOf, type Judged, judge } from '../../src/rank/confidence.ts';
import { parseQuery } from '../../src/rank/query.ts';

type Result = Judged & { readonly reasons: readonly { readonly name: string; readonly amount: number }[] };

function result(parts: Partial<Result>): Result {
  return { score: 1, cosine: 0, pathCosine: 0, held: 0, reasons: [], ...parts };
}

/** As rarity over chunks: of the known words all are alike, the unknown ones are rarer. */
const rarity = (term: string): number => (['parcel', 'depot'].includes(term) ? 1 : 3);
const query = parseQuery('kubernetes operator reconciles the parcel depot', {}, 10, 2_500);
const known = parseQuery('parcel depot', {}, 10, 2_500);

/** Ten more of the same kind, each a little worse. */
const crowd = (parts: Partial<Result>) =>
  Array.from({ length: 10 }, (_, at) => result({ score: 0.9 - at / 100, ...parts }));

test('nothing found is weak', () => {
  expect(judge(query, [], rarity)).toEqual({ confidence: 0, weak: true });
});

test('the definition of the asked symbol is no doubt, a name in a question is not enough', () => {
  const reasons = [{ name: 'defines', amount: 1 }];
  const symbol = parseQuery('LeaseStore', {}, 10, 2_500);
  expect(judge(symbol, [result({ reasons })], rarity)).toEqual({ confidence: 1, weak: false });
  expect(judge(symbol, [...crowd({}), result({ reasons })], rarity).weak).toBe(true);
  expect(judge(query, [result({ reasons })], rarity).weak).toBe(true);
});

test('by words alone: one common word of many is weak, all words are not', () => {
  expect(judge(query, crowd({ held: 1 / 5 }), rarity).weak).toBe(true);
  expect(judge(known, [result({ held: 1 })], rarity).weak).toBe(false);
});

test('with a model: words without their meaning are weak, with it they are not', () => {
  expect(judge(known, crowd({ held: 0.5, cosine: 0.05 }), rarity).weak).toBe(true);
  const answer = result({ score: 2, held: 1, cosine: 0.6, pathCosine: 0.5 });
  expect(judge(known, [answer, ...crowd({ held: 0.5, cosine: 0.2 })], rarity).weak).toBe(false);
});

test('clues: match, topic, path, lead over the tenth, and the share of unknown words', () => {
  const ranked = [
    result({ score: 3, held: 0.5, cosine: 0.4, pathCosine: 0.1 }),
    result({ score: 2, held: 1, cosine: 0.3, pathCosine: 0.7 }),
    result({ score: 1, held: 0, cosine: 0.9 }),
  ];
  const clues = cluesOf(['parcel', 'zebra'], ranked, rarity);
  expect(clues.match).toBeCloseTo(0.3);
  // The one with all words counts four times the one with half, and the one without none.
  expect(clues.topic).toBeCloseTo((0.25 * 0.4 + 1 * 0.3) / 1.25);
  expect(clues.path).toBe(0.7);
  expect(clues.lead).toBe(2);
  expect(clues.unknown).toBeCloseTo(3 / 4);
});

test('what is below the tenth changes the lead no more', () => {
  const ten = crowd({ held: 1 });
  const more = [...ten, result({ score: -5 })];
  expect(cluesOf(known.terms, more, rarity).lead).toBe(cluesOf(known.terms, ten, rarity).lead);
});

test('more evidence never lowers the confidence, unknown words never raise it', () => {
  const none: Clues = { match: 0, topic: 0, path: 0, lead: 0, unknown: 0 };
  const weights: Clues = { match: 4, topic: 13, path: 4, lead: 1, unknown: -2 };
  const of = (clues: Partial<Clues>): number => calibrate({ ...none, ...clues }, { weights, offset: -5 });
  for (const clue of ['match', 'topic', 'path', 'lead'] as const) expect(of({ [clue]: 0.5 })).toBeGreaterThan(of({}));
  expect(of({ unknown: 0.5 })).toBeLessThan(of({}));
});
