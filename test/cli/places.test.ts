import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromRoot, placeOf } from '../../src/cli/places.ts';

describe('a place', () => {
  test.each([
    ['src/a.ts:12', { path: 'src/a.ts', line: 12 }],
    ['src/a.ts:12-40', { path: 'src/a.ts', line: 12 }],
    ['C:\\src\\a.ts:12', { path: 'C:\\src\\a.ts', line: 12 }],
    ['a:b.ts:3', { path: 'a:b.ts', line: 3 }],
  ])('%s is a path and a line', (word, place) => {
    expect(placeOf(word, false)).toEqual(place);
  });

  test('may have a column where one makes sense', () => {
    expect(placeOf('a.ts:12:7', true)).toEqual({ path: 'a.ts', line: 12, column: 7 });
    expect(placeOf('a.ts:12', true)).toEqual({ path: 'a.ts', line: 12 });
    expect(placeOf('a.ts:12:7', false)).toEqual({ path: 'a.ts:12', line: 7 });
  });

  test.each(['a.ts', ':3', 'a.ts:', 'a.ts:x', 'a.ts:0', 'a.ts:999999999', ''])('%j is none', (word) => {
    expect(() => placeOf(word, true)).toThrow('is not a place');
  });
});

describe('a path that a person types', () => {
  let root: string;
  const home = process.cwd();
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-places-')));
    mkdirSync(join(root, 'src', 'deep'), { recursive: true });
    writeFileSync(join(root, 'src', 'a.ts'), 'x');
  });
  afterAll(() => {
    process.chdir(home);
    rmSync(root, { recursive: true });
  });

  test('counts from where they are', () => {
    process.chdir(join(root, 'src', 'deep'));
    expect(fromRoot(root, '../a.ts')).toBe('src/a.ts');
    expect(fromRoot(root, join(root, 'src', 'a.ts'))).toBe('src/a.ts');
  });

  test('is left as it is when it is no file from there', () => {
    process.chdir(join(root, 'src'));
    expect(fromRoot(root, 'src/a.ts')).toBe('src/a.ts');
    expect(fromRoot(root, '/etc/passwd')).toBe('/etc/passwd');
    expect(fromRoot(root, '..')).toBe('..');
  });
});
