import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type GitListing, listWithGit } from '../../src/source/git.ts';
import { findCommit, listPast } from '../../src/source/history.ts';
import { git, makeFolder, makeRepository, makeTree, write } from './tree.ts';

const environment = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
});

async function list(folder: string): Promise<GitListing> {
  const listing = await listWithGit(folder);
  if ('refusal' in listing) throw new Error(listing.refusal);
  return listing;
}

/** What a listing looks like without any hardening: the control that proves a canary can sing. */
function listUnprotected(folder: string, ...words: string[]): void {
  spawnSync('git', words.length > 0 ? words : ['ls-files', '-co', '--exclude-standard'], { cwd: folder });
}

function makeProgram(place: string, canary: string): string {
  writeFileSync(place, `#!/bin/sh\necho sung >> '${canary}'\ncat\n`);
  chmodSync(place, 0o755);
  return place;
}

describe('a repository that brings programs along', () => {
  test('has none of them run: fsmonitor, filters, hooks, pager', async () => {
    const canary = join(makeFolder(), 'canary');
    const root = makeRepository({ 'a.txt': 'one', 'b.txt': 'two', '.gitattributes': '*.txt filter=evil diff=evil\n' });
    const program = makeProgram(join(root, 'program.sh'), canary);
    for (const setting of [
      'core.fsmonitor',
      'core.pager',
      'pager.ls-files',
      'filter.evil.clean',
      'filter.evil.smudge',
      'filter.evil.process',
      'diff.evil.textconv',
      'diff.external',
      'core.sshCommand',
      'core.editor',
      'credential.helper',
      'gpg.program',
      'alias.ls-files',
    ]) {
      git(root, 'config', setting, setting === 'alias.ls-files' ? `!${program}` : program);
    }
    for (const hook of [
      'post-index-change',
      'post-checkout',
      'pre-auto-gc',
      'fsmonitor-watchman',
      'reference-transaction',
    ])
      makeProgram(join(root, '.git/hooks', hook), canary);
    write(root, { 'a.txt': 'changed', 'new.txt': 'three' });
    const index = readFileSync(join(root, '.git/index'));

    expect((await list(root)).names.sort()).toEqual(['.gitattributes', 'a.txt', 'b.txt', 'new.txt', 'program.sh']);
    expect((await listPast(root, await findCommit(root, 'HEAD'))).map(({ path }) => path)).toEqual([
      '.gitattributes',
      'a.txt',
      'b.txt',
    ]);
    expect(existsSync(canary)).toBe(false);
    expect(readFileSync(join(root, '.git/index')).equals(index)).toBe(true);

    listUnprotected(root);
    expect(existsSync(canary), 'control: fsmonitor').toBe(true);
    rmSync(canary);
    listUnprotected(root, '-c', 'core.fsmonitor=false', 'status');
    expect(existsSync(canary), 'control: filter or hook').toBe(true);
  });

  test('has no transport run when a partial clone lacks the tree of a sparse index', async () => {
    const canary = join(makeFolder(), 'canary');
    const root = makeRepository({ 'in/a': 'a', 'out/b': 'b' });
    git(root, 'sparse-checkout', 'set', '--cone', '--sparse-index', 'in');
    const tree = git(root, 'rev-parse', 'HEAD:out').trim();
    rmSync(join(root, '.git/objects', tree.slice(0, 2), tree.slice(2)));
    git(root, 'config', 'core.repositoryformatversion', '1');
    git(root, 'config', 'extensions.partialClone', 'origin');
    git(root, 'config', 'remote.origin.promisor', 'true');
    git(root, 'config', 'remote.origin.url', `ext::sh -c touch% ${canary}`);
    git(root, 'config', 'protocol.ext.allow', 'always');

    const { names, warning } = await list(root);
    expect(names).toEqual(['in/a']);
    expect(warning).toMatch(/./);
    expect(existsSync(canary)).toBe(false);

    listUnprotected(root);
    expect(existsSync(canary), 'control: ext transport').toBe(true);
  });

  test('cannot pass a git of its own, neither by a relative PATH nor by one that leads into it', async () => {
    const canary = join(makeFolder(), 'canary');
    const root = makeRepository({ 'a.txt': '' });
    makeProgram(join(root, 'git'), canary);
    const outside = makeFolder();
    symlinkSync(join(root, 'git'), join(outside, 'git'));
    process.env.PATH = [`.`, '', root, outside, environment.PATH].join(':');
    expect((await list(root)).names.sort()).toEqual(['a.txt', 'git']);
    expect(existsSync(canary)).toBe(false);
    spawnSync('git', ['ls-files'], { cwd: root, env: process.env });
    expect(existsSync(canary), 'control').toBe(true);
  });

  test('cannot name files outside of itself by a forged index', async () => {
    const root = makeRepository({ 'xx/xx/passwd': 'a', 'ok.txt': '' });
    const index = join(root, '.git/index');
    const bytes = readFileSync(index);
    bytes.write('../../passwd', bytes.indexOf('xx/xx/passwd'));
    writeFileSync(index, bytes);
    git(root, 'config', 'index.skipHash', 'true');
    const listing = await listWithGit(root);
    // Either git refuses the index, or the name is turned away here.
    if ('refusal' in listing) expect(listing.refusal).toMatch(/git refused/);
    else expect(listing.names.some((name) => name.includes('..'))).toBe(false);
  });
});

describe('listWithGit', () => {
  test('is not led elsewhere by the GIT_ variables of a hook that it was started from', async () => {
    const root = makeRepository({ 'here.txt': '' });
    const other = makeRepository({ 'there.txt': '' });
    Object.assign(process.env, {
      GIT_DIR: join(other, '.git'),
      GIT_WORK_TREE: other,
      GIT_INDEX_FILE: join(other, '.git/index'),
      GIT_PREFIX: 'x/',
    });
    expect((await list(root)).names).toEqual(['here.txt']);
  });

  test('passes odd names on, and counts those that are not UTF-8', async () => {
    const names = [
      'new\nline',
      '"quoted"',
      '-rf',
      'tab\there',
      'back\\slash',
      '[b]*?',
      ' blank ',
      'ü',
      'x'.repeat(255),
      '...',
      '..a',
      '.git-not',
    ];
    const root = makeRepository(Object.fromEntries(names.map((name) => [name, ''])));
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff, 0x0a])]), '');
    const listing = await list(root);
    expect(listing.names.sort()).toEqual(names.sort());
    expect(listing.skips).toEqual([{ path: 'bad\\xff\\x0a', reason: 'bad_name', detail: 'not UTF-8' }]);
  });

  test('says why it can not list: no git, no repository', async () => {
    const root = makeTree({ a: '', '.git/HEAD': 'nonsense' });
    expect(await listWithGit(root)).toEqual({ refusal: expect.stringMatching(/not a git repository/) });
    process.env.PATH = makeFolder();
    expect(await listWithGit(root)).toEqual({ refusal: 'git is not installed' });
  });

  test('ends a git that is no longer wanted', async () => {
    const root = makeRepository({ a: '' });
    const bin = makeFolder();
    writeFileSync(join(bin, 'git'), '#!/bin/sh\nexec sleep 60\n');
    chmodSync(join(bin, 'git'), 0o755);
    process.env.PATH = `${bin}:${environment.PATH}`;
    const abort = new AbortController();
    const listing = listWithGit(root, abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(listing).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('calls it a failure, not an empty listing, when git dies half-way', async () => {
    const root = makeRepository({ a: '' });
    const bin = makeFolder();
    writeFileSync(join(bin, 'git'), '#!/bin/sh\nprintf "a\\0"\nkill -9 $$\n');
    chmodSync(join(bin, 'git'), 0o755);
    process.env.PATH = `${bin}:${environment.PATH}`;
    await expect(listWithGit(root)).rejects.toMatchObject({ code: 'git_failed' });
  });
});
