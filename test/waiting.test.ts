/** The line of changed files: what is asked for most first, in helpings that are neither too many nor too big. */
import { expect, test } from 'vitest';
import type { Entry } from '../src/types.ts';
import { inOrderOfUse, takeBatch } from '../src/waiting.ts';

const entry = (path: string, size = 10): Entry => ({
  path,
  fingerprint: { size, mtimeNs: '1', ctimeNs: '1', inode: '1' },
});

test('code comes first, then prose, tests and configuration, each as listed', () => {
  const listed = ['a.json', 'b.md', 'c.test.ts', 'd.ts', 'e.py'].map((path) => entry(path));
  expect([...inOrderOfUse(listed).keys()]).toEqual(['d.ts', 'e.py', 'b.md', 'c.test.ts', 'a.json']);
});

test('every file is taken once, in order', () => {
  const listed = Array.from({ length: 100 }, (_, at) => entry(`f${at}.ts`, (at % 7) * 40_000));
  const line = inOrderOfUse(listed);
  const batches: Entry[][] = [];
  while (line.size > 0) batches.push(takeBatch(line));
  expect(batches.flat()).toEqual(listed);
  for (const batch of batches) {
    expect(batch.length).toBeGreaterThan(0);
    const bytes = batch.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0);
    expect(batch.length === 1 || bytes <= 200 * 1024).toBe(true);
  }
});

test('one file larger than a helping is a helping', () => {
  const line = inOrderOfUse([entry('big.ts', 5_000_000), entry('small.ts')]);
  expect(takeBatch(line).map(({ path }) => path)).toEqual(['big.ts']);
  expect(takeBatch(line).map(({ path }) => path)).toEqual(['small.ts']);
  expect(takeBatch(line)).toEqual([]);
});
