import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DowserError } from '../../src/errors.ts';
import { confine, isInside } from '../../src/source/confine.ts';
import { makeTree } from './tree.ts';

const root = join(
  makeTree({ 'root/src/main.ts': '', 'root/back\\slash.ts': '', 'root-evil/x': '', 'secret.txt': '' }),
  'root',
);
const outside = dirname(root);
symlinkSync(join(outside, 'secret.txt'), join(root, 'link-to-file'));
symlinkSync(outside, join(root, 'link-to-folder'));
symlinkSync('/etc', join(root, 'etc'));
symlinkSync('/nowhere/at/all', join(root, 'dangling-out'));
symlinkSync('../root-evil', join(root, 'sibling'));
symlinkSync('circle', join(root, 'circle'));
symlinkSync('src', join(root, 'link-inside'));

const REFUSED = [
  ...[
    '..',
    '../',
    '../secret.txt',
    'src/../../secret.txt',
    './../secret.txt',
    'src/../..',
    '../root-evil/x',
    '../root-evil',
    '../root/../secret.txt',
  ],
  ...[
    '/',
    '/etc/passwd',
    '/etc',
    '//etc/passwd',
    `${root}-evil/x`,
    `${root}/../secret.txt`,
    outside,
    `${root}-evil`,
    `${root}\0`,
  ],
  ...[
    'file:///etc/passwd',
    'file://localhost/etc/passwd',
    'FILE:///etc/passwd',
    'file:/etc/passwd',
    `file://${root}/src/main.ts`,
    'https://example.org/x',
    'vscode-remote://x/etc',
  ],
  ...['src/main.ts\0', 'src\0/../../secret.txt', '\0'],
  ...[
    '..\\secret.txt',
    '..\\..\\etc\\passwd',
    'src\\..\\..\\secret.txt',
    '\\etc\\passwd',
    '\\\\server\\share\\x',
    '\\\\?\\C:\\Windows',
    '..\\/secret.txt',
  ],
  ...['C:\\Windows\\win.ini', 'C:/Windows/win.ini', 'c:/x', 'Z:\\'],
  ...[
    'link-to-file',
    'link-to-folder',
    'link-to-folder/secret.txt',
    'link-to-folder/root-evil/x',
    'link-to-folder/new/file.ts',
    'etc/passwd',
    'etc/new-file',
  ],
  ...[
    'dangling-out',
    'dangling-out/x',
    'sibling/x',
    'circle',
    'circle/x',
    'src/../etc/passwd',
    'link-inside/../../secret.txt',
  ],
  ...[
    'src/main.ts/../../../secret.txt',
    'missing/../../secret.txt',
    'missing/folder/../../../secret.txt',
    '.../../../secret.txt',
    '....//../../secret.txt',
  ],
];

const ACCEPTED: Readonly<Record<string, string>> = {
  'src/main.ts': 'src/main.ts',
  './src/main.ts': 'src/main.ts',
  'src//main.ts': 'src/main.ts',
  'src/': 'src',
  '.': '',
  'src/../src/main.ts': 'src/main.ts',
  [`${root}/src/main.ts`]: 'src/main.ts',
  [root]: '',
  [`../${basename(root)}/src/main.ts`]: 'src/main.ts',
  'src\\main.ts': 'src/main.ts',
  'back\\slash.ts': 'back\\slash.ts',
  'link-inside/main.ts': 'src/main.ts',
  'missing/file.ts': 'missing/file.ts',
  '..config/x': '..config/x',
  '.../x': '.../x',
  '~/x': '~/x',
  '%2e%2e/secret.txt': '%2e%2e/secret.txt',
  '$HOME/x': '$HOME/x',
  'a:b.ts': 'a:b.ts',
  'src/main.ts:12': 'src/main.ts:12',
  'ü/\u{1F600}.ts': 'ü/\u{1F600}.ts',
};

describe('confine', () => {
  test.each(REFUSED.map((argument) => [argument]))('refuses %j', (argument) => {
    let refusal: unknown;
    try {
      confine(root, argument);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(DowserError);
    expect(refusal).toMatchObject({ code: 'outside_root', message: expect.stringContaining(root) });
  });

  test.each(Object.entries(ACCEPTED))('takes %j for %j', (argument, path) => {
    expect(confine(root, argument)).toBe(path);
  });

  test('asks for a path where there is none, and shortens what it quotes', () => {
    expect(() => confine(root, '')).toThrow(expect.objectContaining({ code: 'bad_argument' }));
    expect(() => confine(root, `../${'x'.repeat(100_000)}`)).toThrow(expect.objectContaining({ code: 'outside_root' }));
    try {
      confine(root, `/${'x'.repeat(100_000)}`);
    } catch (error) {
      expect((error as Error).message.length).toBeLessThan(500);
    }
  });

  test('lets nothing out that random parts can spell', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'src',
      'etc',
      'link-to-folder',
      'link-inside',
      'sibling',
      'root-evil',
      'x',
      '\\',
      '..\\',
      'circle',
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 8 }),
        fc.constantFrom('', '/', root, `${root}/`, './'),
        (parts, start) => {
          try {
            expect(isInside(root, join(root, confine(root, start + parts.join('/'))))).toBe(true);
          } catch (error) {
            if (!(error instanceof DowserError)) throw error;
          }
        },
      ),
      { numRuns: 500, seed: 7 },
    );
  });
});

test('isInside knows a sibling with the same beginning from a child', () => {
  mkdirSync(join(root, '..data'));
  writeFileSync(join(root, '..data/x'), '');
  expect(isInside('/a', '/a')).toBe(true);
  expect(isInside('/a', '/a/b')).toBe(true);
  expect(isInside('/a', '/ab')).toBe(false);
  expect(isInside('/a', '/')).toBe(false);
  expect(isInside('/', '/a')).toBe(true);
  expect(isInside(root, join(root, '..data/x'))).toBe(true);
});
