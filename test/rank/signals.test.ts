/** Signals one by one: for whom each speaks, and for whom it stays silent. */
import { describe, expect, test } from 'vitest';
import { gather } from '../../src/rank/evidence.ts';
import { parseQuery } from '../../src/rank/query.ts';
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

test('a name that the file defines speaks for all of its chunks, and the more the question says of it', () => {
  const evidence = (question: string) =>
    gather(
      parseQuery(question, {}, 10, 2_500),
      [
        candidate({ path: 'a.ts', line: 1, symbols: ['parseBaseUrl'] }),
        candidate({ path: 'a.ts', line: 20, body: 'nothing' }),
        candidate({ path: 'b.ts', symbols: ['parse'] }),
        candidate({ path: 'c.ts', symbols: ['url'], body: 'rest' }),
      ],
      () => 1,
    );
  const said = (question: string): number[] => {
    const all = evidence(question);
    return all.candidates.map((one) => SIGNALS['symbol name'](one, all));
  };
  const [first, second, parse, url] = said('parse the base url');
  expect(first).toBe(1);
  expect(second).toBe(1);
  expect([parse! < first!, url! < first!, parse! > 0]).toEqual([true, true, true]);
  expect(said('something else')).toEqual([0, 0, 0, 0]);
});

test('the larger file is the likelier one, up to a size', () => {
  const size = (fileLines: number): number => signal('file size', 'lease', { path: 'a', fileLines });
  expect([size(0), size(4_095), size(100_000)]).toEqual([0, 1, 1]);
  expect(size(500)).toBeGreaterThan(size(50));
});

describe('an error message', () => {
  const trace =
    'TypeError: lease is not open\n    at renew (/home/u/app/src/lease.ts:12:5)\n    at main (src/index.ts:3:1)';

  test('points at the lines that its frames name, and less at the rest of their files', () => {
    const at = (path: string, line: number): number => signal('place named', trace, { path, line });
    expect(at('src/lease.ts', 10)).toBe(1);
    expect(at('src/index.ts', 1)).toBe(1);
    expect(at('src/lease.ts', 100)).toBeGreaterThan(0);
    expect(at('src/lease.ts', 100)).toBeLessThan(1);
    expect([at('lease.ts', 10), at('src/release.ts', 10), at('test/lease.ts', 10)]).toEqual([1, 0, 0]);
  });

  test.each([
    [
      'Python',
      'Traceback (most recent call last):\n  File "/srv/app/store/lease.py", line 12, in renew',
      'store/lease.py',
    ],
    [
      'Java',
      'java.io.IOException: closed\n\tat org.app.Lease.renew(Lease.java:12)',
      'src/main/java/org/app/Lease.java',
    ],
    ['Rust', "thread 'main' panicked at src/lease.rs:12:9:\nnot open", 'src/lease.rs'],
    ['Go', 'panic: runtime error: closed\nmain.renew()\n\t/srv/app/lease.go:12 +0x1d', 'lease.go'],
    ['Windows', 'Error: closed\n    at renew (C:\\app\\src\\lease.js:12:5)', 'src/lease.js'],
  ])('of %s names its places', (_, text, path) => {
    expect(signal('place named', text, { path, line: 10 })).toBe(1);
  });

  test('is told by the order of its words', () => {
    const order = (body: string): number =>
      signal('words in order', 'Error: the lease of job 7 is not open', { path: 'a', body });
    expect(order('throw new Error("the lease of job " + id + " is not open")')).toBeGreaterThan(0.5);
    expect(order('open the job, not the lease, is 7 of')).toBeLessThan(0.3);
    expect(signal('words in order', 'the lease of job 7', { path: 'a', body: 'the lease of job 7' })).toBe(0);
  });
});

describe('prose and settings stand behind code unless they are asked for', () => {
  test.each<[SignalName, string, 'docs' | 'config']>([
    ['prose', 'readme about leases', 'docs'],
    ['prose', 'documentation of the lease', 'docs'],
    ['config', 'workflow that runs the lease tests', 'config'],
    ['config', 'lease in pyproject toml', 'config'],
  ])('%s in "%s"', (name, question, kind) => {
    expect(signal(name, question, { path: 'a', kind })).toBe(0);
    expect(signal(name, 'lease', { path: 'a', kind })).toBe(1);
  });
});
