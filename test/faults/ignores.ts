/** Ignore files in random repositories: listed is what git would list, with git at hand and without. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import createIgnore from 'ignore';
import { scan } from '../../src/source/scan.ts';
import { ignoreTree } from '../source/ignoreTrees.ts';
import { git, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

export const ignores: Row = {
  name: 'ignore rules against git on random repositories',
  promise: 'no ignored file is listed and no other is left out, with git and without it',
  counts: { quick: 300, full: 10_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const losses: string[] = [];
  let [files, naive] = [0, 0];
  const trees = fc.sample(ignoreTree, { numRuns: count, seed });
  for (const [at, tree] of trees.entries()) {
    const root = join(folder(), 'repository');
    lay(root, tree);
    const expected = git(root, 'ls-files', '-z', '-co', '--exclude-standard').split('\0').filter(Boolean).sort();
    files += expected.length;
    const own = tree.exclude;
    for (const way of ['git', 'walk'] as const) {
      // The rules of .git/info/exclude go with .git.
      if (way === 'walk' && own !== '') continue;
      if (way === 'walk') renameSync(join(root, '.git'), join(root, '../git'));
      const { entries } = await scan(root);
      const listed = new Set(entries.map(({ path }) => path));
      const wanted = new Set(expected);
      for (const path of listed) if (!wanted.has(path)) losses.push(`${way}, tree ${at}: ${path} leaked`);
      for (const path of wanted) if (!listed.has(path)) losses.push(`${way}, tree ${at}: ${path} missed`);
    }
    naive += rootOnly(
      root,
      tree.files.flatMap((name) => ['', ...tree.folders].map((one) => join(one, name))),
      new Set(expected),
    );
    rmSync(join(root, '..'), { recursive: true, force: true });
    progress(at + 1, count);
  }
  return {
    faults: count,
    losses,
    control: { losses: naive, of: files, how: "the rules of the root's .gitignore alone" },
    notes: [`${files} files that git lists`],
  };
}

type Tree = typeof ignoreTree extends fc.Arbitrary<infer Made> ? Made : never;

function lay(root: string, { folders, files, ignores, exclude }: Tree): void {
  mkdirSync(root, { recursive: true });
  git(root, 'init', '-q');
  for (const folder of ['', ...folders])
    for (const name of files) {
      const path = join(folder, name);
      // A name that is a folder elsewhere in the tree stays one.
      if (!existsSync(join(root, path)) && ![...folders].some((one) => one === path || one.startsWith(`${path}/`)))
        write(root, { [path]: 'text\n' });
    }
  for (const [folder, text] of Object.entries(ignores)) {
    if (folder === '.' || folders.some((one) => one === folder || one.startsWith(`${folder}/`)))
      write(root, { [join(folder, '.gitignore')]: text });
  }
  write(root, { '.git/info/exclude': exclude });
}

/** The control: how many files a reader of one ignore file, letter case aside, has wrong. */
function rootOnly(root: string, paths: readonly string[], expected: ReadonlySet<string>): number {
  const file = join(root, '.gitignore');
  const rules = createIgnore().add(existsSync(file) ? readFileSync(file, 'utf8') : '');
  return paths.filter((path) => existsSync(join(root, path)) && rules.ignores(path) === expected.has(path)).length;
}
