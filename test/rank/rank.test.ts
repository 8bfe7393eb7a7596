/** Ranking: which of two candidates comes first and why, never by how much. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidate, placesOf, rankAll } from './support.ts';

/** The first place of an answer to a question over these candidates, in both orders of asking. */
function firstOf(question: string, ...found: Parameters<typeof candidate>[0][]): string {
  const candidates = found.map(candidate);
  const first = rankAll(question, candidates)[0]!.row.path;
  expect(rankAll(question, [...candidates].reverse())[0]!.row.path).toBe(first);
  return first;
}

const BODY = 'acquire the lease of a parcel and wait until it is free';

describe('what comes first', () => {
  test('the definition of a symbol before its uses, however often they name it', () => {
    const use = { path: 'src/uses.ts', body: 'LeaseStore LeaseStore LeaseStore', lexical: 9 };
    const definition = { path: 'src/depot.ts', body: 'class LeaseStore', symbols: ['LeaseStore'], lexical: 2 };
    expect(firstOf('LeaseStore', use, definition)).toBe('src/depot.ts');
  });

  test('a definition as written before one that is only spelled alike', () => {
    const exact = { path: 'src/z.ts', body: 'parse_url', symbols: ['parse_url'] };
    const alike = { path: 'src/a.ts', body: 'parse_url', symbols: ['parseURL'] };
    expect(firstOf('parse_url', exact, alike)).toBe('src/z.ts');
  });

  test('another spelling of a definition before no definition', () => {
    const alike = { path: 'src/z.ts', body: 'parseURL', symbols: ['parseURL'] };
    const none = { path: 'src/a.ts', body: 'parse_url' };
    expect(firstOf('parse_url', alike, none)).toBe('src/z.ts');
  });

  test('code before its test, unless tests are asked for', () => {
    const code = { path: 'src/zLease.ts', body: BODY };
    const tests = { path: 'src/lease.test.ts', body: BODY, kind: 'tests' as const };
    expect(firstOf('how is a lease acquired', code, tests)).toBe('src/zLease.ts');
    expect(firstOf('test of acquiring the lease', code, tests)).toBe('src/lease.test.ts');
  });

  test('code before prose and configuration with the same words', () => {
    const code = { path: 'src/lease.ts', body: BODY };
    expect(firstOf('acquire a lease', code, { path: 'a/lease.md', body: BODY, kind: 'docs' })).toBe('src/lease.ts');
    expect(firstOf('acquire a lease', code, { path: 'a/lease.json', body: BODY, kind: 'config' })).toBe('src/lease.ts');
  });

  test.each(['examples/lease.ts', 'src/legacy/lease.ts', 'types/lease.d.ts'])('code before %s', (other) => {
    expect(firstOf('acquire a lease', { path: 'src/lease.ts', body: BODY }, { path: other, body: BODY })).toBe(
      'src/lease.ts',
    );
  });

  test('what has all words of the question before what has one', () => {
    const all = { path: 'src/z.ts', body: BODY };
    const one = { path: 'src/a.ts', body: 'parcel' };
    expect(firstOf('wait for the lease of a parcel', all, one)).toBe('src/z.ts');
  });

  test('what means the same before what does not, where words are equal', () => {
    const near = { path: 'src/z.ts', body: BODY, cosine: 0.8 };
    const far = { path: 'src/a.ts', body: BODY, cosine: 0.1 };
    expect(firstOf('acquire a lease', near, far)).toBe('src/z.ts');
  });

  test('the file whose name the question says', () => {
    const named = { path: 'src/router.ts', body: 'routes requests' };
    const other = { path: 'src/depot.ts', body: 'router routes requests' };
    expect(firstOf('how are requests routed by the router', named, other)).toBe('src/router.ts');
  });
});

test('repeats of one file are pushed down, and say so', () => {
  const found = [1, 20, 40].map((line) => candidate({ path: 'src/one.ts', body: BODY, line }));
  const other = candidate({ path: 'src/other.ts', body: 'the lease of a parcel', lexical: 0.5 });
  const ranked = rankAll('acquire the lease of a parcel', [...found, other]);
  expect(placesOf(ranked).indexOf('src/other.ts:1')).toBe(1);
  expect(ranked.filter(({ reasons }) => reasons.some(({ name }) => name === 'same file again'))).toHaveLength(2);
});

test('a query without any candidate gives nothing', () => {
  expect(rankAll('lease', [])).toEqual([]);
});

describe('for any candidates', () => {
  const parts = fc.record({
    path: fc.constantFrom('src/a.ts', 'src/lease.ts', 'test/lease.test.ts', 'docs/x.md', 'examples/y.ts', 'src/mod.rs'),
    body: fc.string({ unit: fc.constantFrom('lease ', 'parcel ', 'x '), maxLength: 5 }),
    symbols: fc.subarray(['Lease', 'acquire_lease', 'x']),
    scope: fc.subarray(['Depot', 'Lease']),
    kind: fc.constantFrom('code' as const, 'tests' as const, 'docs' as const, 'config' as const),
    line: fc.integer({ min: 1, max: 500 }),
    lexical: fc.double({ min: 0, max: 30, noNaN: true }),
    cosine: fc.double({ min: -1, max: 1, noNaN: true }),
  });
  const candidates = fc
    .uniqueArray(parts, { maxLength: 25, selector: ({ path, line }) => `${path}:${line}` })
    .map((list) => list.map(candidate));
  const questions = fc.constantFrom('Lease', 'how is the lease of a parcel acquired?', 'acquire_lease', 'src/lease.ts');

  test('all come once, best first, and the reasons add up to the score', () => {
    fc.assert(
      fc.property(questions, candidates, (question, found) => {
        const ranked = rankAll(question, found);
        expect(placesOf(ranked).sort()).toEqual(found.map(({ row }) => `${row.path}:${row.startLine}`).sort());
        for (const [at, { score, reasons, held }] of ranked.entries()) {
          const sum = reasons.reduce((total, { amount }) => total + amount, 0);
          expect(Math.abs(sum - score)).toBeLessThan(1e-9);
          expect(new Set(reasons.map(({ name }) => name)).size).toBe(reasons.length);
          expect(held).toBeGreaterThanOrEqual(0);
          expect(held).toBeLessThanOrEqual(1 + 1e-9);
          if (at > 0) expect(ranked[at - 1]!.score).toBeGreaterThanOrEqual(score);
        }
      }),
      { seed: 17, numRuns: 200 },
    );
  });

  test('the order in which they were found does not matter', () => {
    fc.assert(
      fc.property(questions, candidates, fc.integer({ min: 0, max: 30 }), (question, found, cut) => {
        const turned = [...found.slice(cut), ...found.slice(0, cut)].reverse();
        expect(rankAll(question, turned)).toEqual(rankAll(question, found));
      }),
      { seed: 19, numRuns: 200 },
    );
  });
});

test('of two that no signal tells apart, the one that changed on a later day comes first; a real lead stays a lead', () => {
  const old = candidate({ path: 'a/lease.ts', body: 'lease', changedDay: 20_000 });
  const recent = candidate({ path: 'b/lease.ts', body: 'lease', changedDay: 20_400 });
  expect(placesOf(rankAll('lease', [old, recent]))).toEqual(['b/lease.ts:1', 'a/lease.ts:1']);
  const better = candidate({ path: 'c/lease.ts', body: 'lease', symbols: ['lease'], changedDay: 1 });
  expect(placesOf(rankAll('lease', [old, recent, better]))[0]).toBe('c/lease.ts:1');
});
