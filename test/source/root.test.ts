import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findRoot } from '../../src/source/root.ts';
import { git, makeRepository, makeTree } from './tree.ts';

const home = makeTree({ 'plain/deep/x': '', 'other/x': '', 'file.txt': '' });
const repository = makeRepository({ 'src/deep/main.ts': '' });
const plain = join(home, 'plain');
const other = join(home, 'other');

describe('findRoot', () => {
  test('takes the first that is given: flag, environment, project, client roots, current folder', () => {
    const all = {
      explicit: plain,
      env: other,
      projectDir: repository,
      clientRoots: [pathToFileURL(plain).href],
      cwd: other,
      home,
    };
    expect(findRoot(all)).toBe(plain);
    expect(findRoot({ ...all, explicit: undefined })).toBe(other);
    expect(findRoot({ ...all, explicit: undefined, env: '' })).toBe(repository);
    expect(findRoot({ ...all, explicit: undefined, env: undefined, projectDir: '' })).toBe(plain);
    expect(findRoot({ cwd: other, home, clientRoots: [] })).toBe(other);
  });

  test('goes up to the work tree around it, and resolves links', () => {
    expect(findRoot({ explicit: join(repository, 'src/deep'), cwd: '/', home })).toBe(repository);
    expect(findRoot({ explicit: 'deep', cwd: join(repository, 'src'), home })).toBe(repository);
    const link = join(makeTree({}), 'link');
    symlinkSync(join(repository, 'src'), link);
    expect(findRoot({ explicit: link, cwd: '/', home })).toBe(repository);
  });

  test('stops at a submodule and at a linked work tree, whose .git is a file', () => {
    git(repository, 'worktree', 'add', '-q', 'linked');
    expect(findRoot({ explicit: join(repository, 'linked/src'), cwd: '/', home })).toBe(join(repository, 'linked'));
  });

  test('is not fooled by an empty .git folder', () => {
    mkdirSync(join(plain, 'deep/.git'));
    expect(findRoot({ explicit: join(plain, 'deep'), cwd: '/', home })).toBe(join(plain, 'deep'));
    expect(findRoot({ explicit: plain, cwd: '/', home })).toBe(plain);
  });

  test('keeps the project where the home folder itself is a repository', () => {
    const kept = makeRepository({ 'project/a.ts': '' });
    expect(findRoot({ cwd: join(kept, 'project'), home: kept })).toBe(join(kept, 'project'));
  });

  test('takes the first client root that is a folder here', () => {
    const clientRoots = [
      'https://example.org/',
      'file:///does/not/exist',
      'file://%00',
      pathToFileURL(join(home, 'file.txt')).href,
      other,
    ];
    expect(findRoot({ clientRoots, cwd: plain, home })).toBe(other);
    expect(findRoot({ clientRoots: clientRoots.slice(0, 4), cwd: plain, home })).toBe(plain);
  });

  test.each([
    ['a missing --root', { explicit: '/does/not/exist' }, /--root.*can't be opened/],
    ['a missing DOWSER_ROOT', { env: '$PROJECT' }, /DOWSER_ROOT.*can't be opened/],
    ['an empty --root', { explicit: '' }, /not a folder/],
    ['a file', { explicit: join(home, 'file.txt') }, /not a folder/],
    ['NUL', { explicit: 'a\0b' }, /can't be opened/],
    ['the file-system root', { explicit: '/' }, /too wide.*--root/],
    ['the home folder', { explicit: home }, /too wide/],
    ['the home folder by another spelling', { explicit: `${home}/plain/..` }, /too wide/],
    ['a folder that holds the home folder', { explicit: join(home, '..') }, /too wide/],
    ['a current folder that is too wide', {}, /the current folder.*too wide/],
  ])('refuses %s', (_what, choices, message) => {
    expect(() => findRoot({ cwd: '/', home, ...choices })).toThrow(
      expect.objectContaining({ code: 'bad_root', message: expect.stringMatching(message) }),
    );
  });
});
