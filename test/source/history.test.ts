import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findCommit, findPast, listCommits, listPast, readBlobs } from '../../src/source/history.ts';
import { blobOf } from '../../src/source/read.ts';
import { git, makeFolder, makeRepository, makeTree, write } from './tree.ts';

test('commits, their files, contents and words are read from a folder below the top as well', async () => {
  const root = makeRepository({ 'app/src/a.js': 'openParcel(--fast)\nopenParcels\n', 'b.txt': 'openParcel' });
  write(root, { 'app/src/a.js': 'other' });
  git(root, 'commit', '-q', '-a', '-m', 'second');
  const folder = join(root, 'app');
  const commits = await listCommits(folder);
  expect(commits).toHaveLength(2);
  const first = await findCommit(folder, 'HEAD~1');
  expect(first).toEqual(commits[1]);
  expect(first.day).toMatch(/^\d{4}-\d\d-\d\d$/);
  const past = await listPast(folder, first);
  expect(past.map(({ path }) => path)).toEqual(['src/a.js']);
  const missing = '0'.repeat(past[0]!.blob.length);
  const texts = await readBlobs(folder, [missing, past[0]!.blob]);
  expect([...texts.values()]).toEqual(['openParcel(--fast)\nopenParcels\n']);
  const words = await findPast(folder, first, ['openParcel', '--fast', 'Parcel', '']);
  expect([...words]).toEqual([
    ['openParcel', ['src/a.js']],
    ['--fast', ['src/a.js']],
  ]);
});

test('where there is no history there is nothing, and a name that git does not know is refused', async () => {
  const root = makeTree({ 'a.txt': 'one' });
  expect(await listCommits(root)).toEqual([]);
  git(root, 'init', '-q');
  expect(await listCommits(root)).toEqual([]);
  for (const name of ['HEAD', 'nothing', '--all', '--output=evil', '']) {
    await expect(findCommit(root, name)).rejects.toThrow(/knows no commit/);
  }
  expect(existsSync(join(root, 'evil'))).toBe(false);
});

test('nothing that a repository brings along runs, and nothing is fetched', async () => {
  const canary = join(makeFolder(), 'canary');
  const root = makeRepository({ 'a.txt': 'openParcel', '.gitattributes': '*.txt filter=evil diff=evil\n' });
  const program = join(root, 'program.sh');
  writeFileSync(program, `#!/bin/sh\necho sung >> '${canary}'\ncat\n`);
  chmodSync(program, 0o755);
  for (const setting of [
    'core.fsmonitor',
    'core.pager',
    'pager.grep',
    'filter.evil.smudge',
    'diff.evil.textconv',
    'diff.external',
  ])
    git(root, 'config', setting, program);
  for (const name of ['rev-list', 'ls-tree', 'cat-file', 'grep']) git(root, 'config', `alias.${name}`, `!${program}`);
  const [head] = await listCommits(root);
  const past = await listPast(root, head!);
  expect(
    (
      await readBlobs(
        root,
        past.map(({ blob }) => blob),
      )
    ).size,
  ).toBe(2);
  expect((await findPast(root, head!, ['openParcel'])).get('openParcel')).toEqual(['a.txt']);
  expect(existsSync(canary)).toBe(false);
  spawnSync('git', ['grep', '--textconv', 'openParcel', 'HEAD'], { cwd: root });
  expect(existsSync(canary), 'control: textconv').toBe(true);
  rmSync(canary);

  const { blob } = past.find(({ path }) => path === 'a.txt')!;
  rmSync(join(root, '.git/objects', blob.slice(0, 2), blob.slice(2)));
  git(root, 'config', 'core.repositoryformatversion', '1');
  git(root, 'config', 'extensions.partialClone', 'origin');
  git(root, 'config', 'remote.origin.promisor', 'true');
  git(root, 'config', 'remote.origin.url', `ext::sh -c touch% ${canary}`);
  git(root, 'config', 'protocol.ext.allow', 'always');
  expect((await readBlobs(root, [blob])).size).toBe(0);
  expect((await findPast(root, head!, ['openParcel'])).size).toBe(0);
  expect(existsSync(canary)).toBe(false);
  spawnSync('git', ['cat-file', '-p', blob], { cwd: root });
  expect(existsSync(canary), 'control: ext transport').toBe(true);
});

test('a commit names what git calls the content of each file below the folder, as blobOf does of the same bytes', async () => {
  const root = makeRepository({ 'a.txt': 'one', 'sub/b.txt': 'two\n', 'sub/c ü.txt': '' });
  const past = await listPast(join(root, 'sub'), await findCommit(root, 'HEAD'));
  expect(past.map(({ path }) => path)).toEqual(['b.txt', 'c ü.txt']);
  for (const { path, blob } of past) expect(blobOf(join(root, 'sub'), path, blob.length)).toBe(blob);
  write(root, { 'sub/b.txt': 'three\n' });
  expect(blobOf(join(root, 'sub'), 'b.txt', 40)).not.toBe(past[0]!.blob);
});
