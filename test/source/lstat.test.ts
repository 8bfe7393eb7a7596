/** What is not there or hidden is nothing; what the system could not tell is a failure. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isDiskFailure, lstatOrNothing, mayBeRead } from '../../src/source/lstat.ts';
import { makeTree } from './tree.ts';

test('what is there is seen, and what is not there is nothing', () => {
  const root = makeTree({ 'a.ts': 'a' });
  expect(lstatOrNothing(join(root, 'a.ts'))?.isFile()).toBe(true);
  for (const name of ['none', 'a.ts/below', 'x'.repeat(5_000), 'nul\0']) {
    expect(lstatOrNothing(join(root, name)), name.slice(0, 20)).toBeUndefined();
  }
  expect([mayBeRead(root, 'a.ts'), mayBeRead(root, 'none')]).toEqual([true, false]);
});

test('a full table of open files or a broken disk says nothing of what was asked for', () => {
  const failing = (code: string): Error => Object.assign(new Error(code), { code });
  expect(['EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE'].map((code) => isDiskFailure(failing(code)))).not.toContain(
    false,
  );
  expect(['ENOENT', 'EACCES', 'ELOOP'].map((code) => isDiskFailure(failing(code)))).not.toContain(true);
  expect([new Error('it is over 1 MiB'), 'EIO'].map(isDiskFailure)).not.toContain(true);
});
