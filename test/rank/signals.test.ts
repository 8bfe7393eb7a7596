/** Signals one by one: for whom each speaks, and for whom it stays silent. */
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/rank/query.ts';
import { gather } from '../../src/rank/rank.ts';
import { SIGNALS, type SignalName } from '../../src/rank/signals.ts';
import { candidate } from './support.ts';

function signal(name: SignalName, question: string, parts: Parameters<typeof candidate>[0]): number {
  const evidence = gather(parseQuery(question, {}, 10, 2_500), [candidate(parts)], () => 1);
  return SIGNALS[name](evidence.candidates[0]!, evidence);
}

describe('a file is told by its path', () => {
  test.each<[SignalName, string, boolean]>([
    ['example', 'examples/a.ts', true],
    ['example', 'src/exampleParser.ts', false],
    ['legacy', 'src/compat/a.ts', true],
    ['legacy', 'src/v1beta1/a.go', true],
    ['legacy', 'src/threshold.ts', false],
    ['legacy', 'src/scaffold.ts', false],
    ['declarations only', 'types/a.d.ts', true],
    ['declarations only', 'a/b.pyi', true],
    ['declarations only', 'src/d.ts', false],
    ['barrel', 'src/index.ts', true],
    ['barrel', 'pkg/__init__.py', true],
    ['barrel', 'src/reindex.ts', false],
  ])('%s speaks of %s: %s', (name, path, speaks) => {
    expect(signal(name, 'lease', { path }) !== 0).toBe(speaks);
  });
});

describe('what is asked for is not held against a file', () => {
  test.each<[SignalName, string, string]>([
    ['test', 'tests of the lease', 'a.test.ts'],
    ['example', 'example of a lease', 'examples/a.ts'],
    ['test', 'lease fixtures', 'test/fixtures/a.ts'],
    ['legacy', 'legacy lease', 'src/legacy/a.ts'],
    ['legacy', 'vendored lease', 'vendor/a.ts'],
    ['legacy', 'deprecated lease', 'src/deprecated/a.ts'],
    ['example', 'sample of a lease', 'samples/a.ts'],
  ])('%s in "%s"', (name, question, path) => {
    const kind = name === 'test' ? 'tests' : 'code';
    expect(signal(name, question, { path, kind })).toBe(0);
    expect(signal(name, 'lease', { path, kind })).not.toBe(0);
  });
});

test('defines: as written before other spellings before what lies inside, and nothing else', () => {
  const asWritten = signal('defines', 'parse_url', { path: 'a', symbols: ['parse_url'] });
  const spelled = signal('defines', 'parse_url', { path: 'a', symbols: ['parseURL'] });
  const inside = signal('defines', 'parse_url', { path: 'a', scope: ['parse_url'] });
  expect([asWritten > spelled, spelled > inside, inside > 0]).toEqual([true, true, true]);
  expect(signal('defines', 'parse_url', { path: 'a', symbols: ['parse'], body: 'parse_url' })).toBe(0);
});

test('defines: of a dotted name the member in its owner, then the member elsewhere, then the owner alone', () => {
  const inOwner = signal('defines', 'Store.open', { path: 'a', symbols: ['open'], scope: ['Store'] });
  const together = signal('defines', 'Store.open', { path: 'a', symbols: ['Store', 'open'] });
  const elsewhere = signal('defines', 'Store.open', { path: 'a', symbols: ['open'], scope: ['Door'] });
  const owner = signal('defines', 'Store.open', { path: 'a', symbols: ['Store'] });
  expect([inOwner === together, inOwner > elsewhere, elsewhere > owner, owner > 0]).toEqual([true, true, true, true]);
});

test("a folder's own file answers to the folder's name", () => {
  expect(signal('file name', 'router', { path: 'src/router/index.ts' })).toBe(1);
  expect(signal('file name', 'router', { path: 'src/router/mod.rs' })).toBe(1);
  expect(signal('file name', 'router', { path: 'index.ts' })).toBe(0);
  expect(signal('file name', 'router', { path: '.' })).toBe(0);
});
