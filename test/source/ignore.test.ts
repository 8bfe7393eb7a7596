import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createOwnRules } from '../../src/source/ignore.ts';
import { Pacer } from '../../src/source/pacer.ts';
import { type WalkListing, walk } from '../../src/source/walk.ts';
import { ignoreTree } from './ignoreTrees.ts';
import { git, makeFolder, makeTree, write } from './tree.ts';

const RUNS = Number(process.env.DOWSER_TEST_IGNORE_RUNS ?? 60);

function walkAll(root: string, problems: string[] = []): Promise<WalkListing> {
  return walk(root, { pacer: new Pacer(), excludes: () => false, problems, filesMax: 100_000 });
}

describe('the walker', () => {
  test(`lists what git would list, in ${RUNS} random repositories`, { timeout: 600_000 }, async () => {
    const root = makeFolder();
    git(root, 'init', '-q');
    await fc.assert(
      fc.asyncProperty(ignoreTree, async ({ folders, files, ignores, exclude }) => {
        for (const name of readdirSync(root)) if (name !== '.git') rmSync(join(root, name), { recursive: true });
        for (const folder of [...folders, ...Object.keys(ignores)]) mkdirSync(join(root, folder), { recursive: true });
        for (const folder of ['.', ...folders]) {
          for (const file of files) {
            try {
              writeFileSync(join(root, folder, file), '');
            } catch {
              // A folder has that name.
            }
          }
        }
        for (const [folder, text] of Object.entries(ignores)) {
          writeFileSync(join(root, folder, '.gitignore'), text);
        }
        writeFileSync(join(root, '.git/info/exclude'), exclude);
        const expected = git(root, 'ls-files', '-z', '-co', '--exclude-standard').split('\0').slice(0, -1).sort();
        const { names } = await walkAll(root);
        expect(names.sort()).toEqual(expected);
      }),
      { numRuns: RUNS, seed: 20_260 },
    );
  });

  test('re-includes a folder from below, and then asks only for what lies in it', async () => {
    const root = makeTree({
      '.gitignore': 'sub/foo\n*.log\n',
      'sub/.gitignore': '!foo\n',
      'sub/foo/x': '',
      'sub/foo/y.log': '',
    });
    git(root, 'init', '-q');
    const { names } = await walkAll(root);
    expect(names.sort()).toEqual(git(root, 'ls-files', '-co', '--exclude-standard').trim().split('\n'));
    expect(names).toContain('sub/foo/x');
    expect(names).not.toContain('sub/foo/y.log');
  });

  test('leaves out what tools made where no rule speaks of it, and keeps what a rule keeps', async () => {
    const root = makeTree({
      '.gitignore': '!dist/\n',
      'package.json': '{}',
      'node_modules/x/index.js': '',
      'build/out.js': '',
      'dist/kept.js': '',
      'src/build/rules.py': '',
      'cache/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55',
      'cache/x': '',
      'env/pyvenv.cfg': '',
      'env/x.py': '',
      '.hg/store': '',
    });
    const { names, builtIn } = await walkAll(root);
    expect(names.sort()).toEqual(['.gitignore', 'dist/kept.js', 'package.json', 'src/build/rules.py']);
    expect(builtIn.sort()).toEqual(['build', 'cache', 'env', 'node_modules']);
  });

  test('reports an ignore file that it cannot obey', async () => {
    const root = makeTree({ '.gitignore/': '', 'sub/.gitignore': 'x'.repeat(1_100_000), 'sub/a': '' });
    symlinkSync('/etc/passwd', join(root, '.dowserignore'));
    const problems: string[] = [];
    await walkAll(root, problems);
    createOwnRules(root, problems);
    expect(problems).toHaveLength(3);
    for (const file of ['.gitignore', 'sub/.gitignore', '.dowserignore'])
      expect(problems.some((text) => text.startsWith(`${file} can't be obeyed`))).toBe(true);
  });
});

describe('the rules on top', () => {
  test('come from .dowserignore in any folder and from other agents’ files in the root', () => {
    const root = makeTree({
      '.dowserignore': 'vendor/\n*.gen.ts\n',
      'lib/.dowserignore': '!keep.gen.ts\n/old\n',
      '.cursorignore': 'private\n',
      '.aiexclude': 'keys/\n',
      'lib/.cursorignore': 'nothing-of-this\n',
    });
    write(root, { 'lib/x': '' });
    const excludes = createOwnRules(root, []);
    expect(excludes('vendor/a/b.ts', false)).toBe(true);
    expect(excludes('x.gen.ts', false)).toBe(true);
    expect(excludes('lib/keep.gen.ts', false)).toBe(false);
    expect(excludes('lib/old/x', false)).toBe(true);
    expect(excludes('old/x', false)).toBe(false);
    expect(excludes('lib/private/x', false)).toBe(true);
    expect(excludes('keys/x', false)).toBe(true);
    expect(excludes('keys', false)).toBe(false);
    expect(excludes('lib/nothing-of-this', false)).toBe(false);
  });
});
