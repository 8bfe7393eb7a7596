/** Disk against store: what is read, what goes, and what is left alone. */
import { expect, test } from 'vitest';
import { compare } from '../src/compare.ts';
import type { FileRecord } from '../src/store/store.ts';
import type { Fingerprint, Skip, SkipReason } from '../src/types.ts';

const NOW_MS = 1_000_000;
const OLD: Fingerprint = { size: 1, mtimeNs: '1', ctimeNs: '2', inode: '3' };
const YOUNG: Fingerprint = { ...OLD, mtimeNs: `${BigInt(NOW_MS - 10) * 1_000_000n}` };

const record = (fingerprint: Fingerprint, skip?: SkipReason): FileRecord => ({
  id: 1,
  language: 'text',
  kind: 'code',
  depth: 'full',
  hash: skip === undefined ? 'abc' : '',
  fingerprint,
  skip,
});

function difference(
  disk: Record<string, Fingerprint>,
  known: Record<string, FileRecord>,
  options: { skips?: Skip[]; again?: string[] } = {},
) {
  const entries = Object.entries(disk).map(([path, fingerprint]) => ({ path, fingerprint }));
  const found = { entries, skips: options.skips ?? [], via: 'walk' as const, notes: [] };
  const { changed, ...rest } = compare(
    found,
    new Map(Object.entries(known)),
    (p) => options.again?.includes(p) ?? false,
    NOW_MS,
  );
  return { ...rest, changed: changed.map(({ path }) => path) };
}

test('the same fingerprint is left alone', () => {
  expect(difference({ a: OLD }, { a: record(OLD) })).toEqual({ changed: [], removed: [], skips: [], racy: new Set() });
});

test.each([
  ['size', { size: 2 }],
  ['mtimeNs', { mtimeNs: '9' }],
  ['ctimeNs', { ctimeNs: '9' }],
  ['inode', { inode: '9' }],
])('another %s is read', (_, change) => {
  expect(difference({ a: { ...OLD, ...change } }, { a: record(OLD) }).changed).toEqual(['a']);
});

test('what is new is read, what is gone is removed, what is asked for again is read', () => {
  const { changed, removed } = difference({ a: OLD, b: OLD }, { b: record(OLD), c: record(OLD) }, { again: ['b'] });
  expect({ changed, removed }).toEqual({ changed: ['a', 'b'], removed: ['c'] });
});

test('a file too young to trust is remembered', () => {
  expect(difference({ a: YOUNG, b: OLD }, { a: record(YOUNG), b: record(OLD) })).toMatchObject({
    changed: [],
    racy: new Set(['a']),
  });
});

test('a skip is recorded once, again when its reason is another, and is not taken for gone', () => {
  const skips: Skip[] = [{ path: '.env', reason: 'secret_name' }];
  expect(difference({}, {}, { skips }).skips).toEqual(skips);
  expect(difference({}, { '.env': record(OLD, 'secret_name') }, { skips })).toMatchObject({ skips: [], removed: [] });
  expect(difference({}, { '.env': record(OLD, 'not_regular') }, { skips }).skips).toEqual(skips);
  expect(difference({}, { '.env': record(OLD) }, { skips }).skips).toEqual(skips);
});
