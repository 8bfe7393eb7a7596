import { execFileSync } from 'node:child_process';
import { chmodSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ScanResult, scan } from '../../src/source/scan.ts';
import { git, makeFolder, makeRepository, makeTree, write } from './tree.ts';

const paths = ({ entries }: ScanResult): string[] => entries.map(({ path }) => path);
const skipped = ({ skips }: ScanResult): Record<string, string> =>
  Object.fromEntries(skips.map(({ path, reason }) => [path, reason]));

describe('scan', () => {
  test('lists tracked and new files, not ignored or deleted ones, in code-unit order, with what lstat says', async () => {
    const root = makeRepository({
      'b.ts': 'bb',
      'a/z.ts': '',
      'B.ts': '',
      'gone.ts': '',
      '.gitignore': '*.log\n',
      'kept.log': '',
    });
    write(root, { 'new.ts': '', 'x.log': '' });
    rmSync(join(root, 'gone.ts'));
    const found = await scan(root);
    expect(found.via).toBe('git');
    expect(found.notes).toEqual([]);
    expect(paths(found)).toEqual(['.gitignore', 'B.ts', 'a/z.ts', 'b.ts', 'kept.log', 'new.ts']);
    const stats = statSync(join(root, 'b.ts'), { bigint: true });
    expect(found.entries.find(({ path }) => path === 'b.ts')?.fingerprint).toEqual({
      size: 2,
      mtimeNs: String(stats.mtimeNs),
      ctimeNs: String(stats.ctimeNs),
      inode: String(stats.ino),
    });
  });

  test('finds the same without git', async () => {
    const files = {
      '.gitignore': '*.log\nout/\n',
      'a/b/c.ts': '',
      'a.log': '',
      'out/x': '',
      '.env': '',
      'a/.gitignore': '!*.log',
      'a/k.log': '',
    };
    const plain = await scan(makeTree(files));
    const root = makeTree(files);
    git(root, 'init', '-q');
    const tracked = await scan(root);
    expect(plain.via).toBe('walk');
    expect(tracked.via).toBe('git');
    expect(paths(plain)).toEqual(paths(tracked));
    expect(skipped(plain)).toEqual({ '.env': 'secret_name' });
    expect(skipped(tracked)).toEqual(skipped(plain));
  });

  test('writes nothing, not even into .git', async () => {
    const root = makeRepository({ 'a.ts': 'a', 'b/c.ts': 'c' });
    writeFileSync(join(root, 'a.ts'), 'changed');
    const state = (): string => execFileSync('find', ['.', '-printf', '%p %s %T@ %C@ %i\n'], { cwd: root }).toString();
    const before = state();
    await scan(root);
    expect(state()).toBe(before);
  });

  test('never follows a link and never opens a FIFO or socket', async () => {
    const outside = makeTree({ 'secret.ts': '', 'sub/deep.ts': '' });
    for (const root of [makeRepository({ 'a.ts': '' }), makeTree({ 'a.ts': '' })]) {
      symlinkSync(outside, join(root, 'folder'));
      symlinkSync(join(outside, 'secret.ts'), join(root, 'file.ts'));
      symlinkSync('.', join(root, 'loop'));
      symlinkSync('nowhere', join(root, 'dangling'));
      execFileSync('mkfifo', [join(root, 'pipe')]);
      const found = await scan(root);
      expect(paths(found)).toEqual(['a.ts']);
      // git itself does not list a FIFO.
      expect(skipped(found)).toMatchObject({
        folder: 'not_regular',
        'file.ts': 'not_regular',
        loop: 'not_regular',
        dangling: 'not_regular',
      });
    }
  });

  test('forgets tracked files below a folder that became a link', async () => {
    const outside = makeTree({ 'x.ts': 'outside' });
    const root = makeRepository({ 'lib/x.ts': 'inside', 'a.ts': '' });
    rmSync(join(root, 'lib'), { recursive: true });
    symlinkSync(outside, join(root, 'lib'));
    const found = await scan(root);
    expect(paths(found)).toEqual(['a.ts']);
    expect(skipped(found)).toEqual({ lib: 'not_regular' });
  });

  test('lists submodules, nested repositories and their own rules; leaves out other work trees', async () => {
    const library = makeRepository({ 'lib.ts': '', 'deep/lib.ts': '' });
    const root = makeRepository({ 'main.ts': '', '.gitignore': '*.log\n' });
    git(root, 'submodule', 'add', '-q', library, 'vendor/sub');
    git(root, 'commit', '-q', '-m', 'sub');
    write(root, {
      'nested/.gitignore': 'out\n',
      'nested/kept.log': '',
      'nested/out/x': '',
      'nested/inner/y.ts': '',
      'vendor/sub/new.ts': '',
    });
    git(join(root, 'nested'), 'init', '-q');
    git(join(root, 'nested/inner'), 'init', '-q');
    git(root, 'worktree', 'add', '-q', 'other');
    const expected = [
      '.gitignore',
      '.gitmodules',
      'main.ts',
      'nested/.gitignore',
      'nested/inner/y.ts',
      'nested/kept.log',
      'vendor/sub/deep/lib.ts',
      'vendor/sub/lib.ts',
      'vendor/sub/new.ts',
    ];
    const found = await scan(root);
    expect(paths(found)).toEqual(expected);
    expect(found.notes).toEqual([expect.stringMatching(/^other is another work tree/)]);
    expect(paths(await scan(join(root, 'other')))).toEqual(['.gitignore', '.gitmodules', 'main.ts']);
    // A folder of several repositories, itself in none.
    renameSync(join(root, '.git'), join(root, 'vendor/sub/.git-was'));
    rmSync(join(root, 'vendor/sub/.git'));
    rmSync(join(root, 'other'), { recursive: true });
    rmSync(join(root, 'vendor/sub/.git-was'), { recursive: true });
    expect(await scan(root).then(paths)).toEqual(expected);
  });

  test('obeys .dowserignore and other agents’ ignore files with and without git, in nested repositories too', async () => {
    const files = {
      '.dowserignore': 'big/\n',
      'big/x.ts': '',
      'a.ts': '',
      'nested/big/y.ts': '',
      'nested/z.ts': '',
      '.cursorignore': 'z.ts\n',
    };
    for (const base of ['git', 'walk']) {
      const root = makeTree(files);
      git(join(root, 'nested'), 'init', '-q');
      if (base === 'git') git(root, 'init', '-q');
      const found = await scan(root);
      expect(found.via).toBe(base);
      expect(paths(found)).toEqual(['.cursorignore', '.dowserignore', 'a.ts']);
    }
  });

  test('lists an unmerged file once, and a file outside a sparse checkout not at all', async () => {
    const root = makeRepository({ 'a.ts': 'base', 'far/b.ts': '' });
    git(root, 'checkout', '-q', '-b', 'side');
    writeFileSync(join(root, 'a.ts'), 'side');
    git(root, 'commit', '-qam', 'side');
    git(root, 'checkout', '-q', '-');
    writeFileSync(join(root, 'a.ts'), 'main');
    git(root, 'commit', '-qam', 'main');
    expect(() => git(root, 'merge', '-q', 'side')).toThrow();
    expect(paths(await scan(root))).toEqual(['a.ts', 'far/b.ts']);
    git(root, 'merge', '--abort');
    git(root, 'sparse-checkout', 'set', '--no-cone', '/a.ts');
    expect(paths(await scan(root))).toEqual(['a.ts']);
  });

  test('lists with the walker, and says so, where git refuses', async () => {
    const root = makeRepository({ 'a.ts': '', '.gitignore': '*.log', 'x.log': '' });
    git(root, 'config', 'core.repositoryformatversion', '99');
    const found = await scan(root);
    expect(found.via).toBe('walk');
    expect(paths(found)).toEqual(['.gitignore', 'a.ts']);
    expect(found.notes).toEqual([expect.stringMatching(/without git \(git refused: fatal: .*version.*\)/)]);
  });

  test('walks a folder that the repository around it ignores, and asks git about one that it does not', async () => {
    const home = makeRepository({ '.gitignore': '/*\n!.gitignore\n' });
    write(home, { 'project/a.ts': '', 'project/.gitignore': 'b.ts', 'project/b.ts': '' });
    expect(await scan(join(home, 'project'))).toMatchObject({
      via: 'walk',
      entries: [{ path: '.gitignore' }, { path: 'a.ts' }],
    });
    const root = makeRepository({ '.gitignore': '*.log', 'sub/a.ts': '' });
    write(root, { 'sub/x.log': '' });
    expect(await scan(join(root, 'sub'))).toMatchObject({ via: 'git', entries: [{ path: 'a.ts' }] });
  });

  test('copes with odd names, 300 levels and a folder of 5,000 files', async () => {
    const deep = Array.from({ length: 300 }, (_, level) => `d${level % 10}`).join('/');
    const names = [
      'new\nline',
      '"q"',
      '-rf',
      'back\\slash',
      '[b]*?',
      ' blank ',
      'x'.repeat(255),
      '...',
      '\uFFFD',
      'lone\u{1F600}',
    ];
    const files: Record<string, string> = {
      [`${deep}/end.ts`]: '',
      ...Object.fromEntries(names.map((name) => [`odd/${name}`, ''])),
    };
    for (let count = 0; count < 5_000; count++) files[`many/${count}.ts`] = '';
    const root = makeTree(files);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/odd/bad`), Buffer.from([0xff])]), '');
    const walked = await scan(root);
    expect(paths(walked)).toEqual(Object.keys(files).sort());
    expect(skipped(walked)).toEqual({ 'odd/bad\\xff': 'bad_name' });
    git(root, 'init', '-q');
    const listed = await scan(root);
    expect(listed.via).toBe('git');
    expect(listed.entries).toEqual(walked.entries);
    expect(listed.skips).toEqual(walked.skips);
  });

  test.skipIf(process.getuid?.() === 0)('counts a folder that it may not read', async () => {
    const root = makeTree({ 'a.ts': '', 'closed/b.ts': '' });
    chmodSync(join(root, 'closed'), 0o000);
    expect(skipped(await scan(root))).toEqual({ closed: 'unreadable' });
    chmodSync(join(root, 'closed'), 0o700);
  });

  test('quotes hostile names in notes without control characters and without a flood', async () => {
    const root = makeTree(
      Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`d\u001b[31m\n${at}/.dowserignore/`, ''])),
    );
    write(root, Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`d\u001b[31m\n${at}/x`, ''])));
    const { notes } = await scan(root);
    expect(notes).toHaveLength(21);
    expect(notes.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('says that the root is gone instead of listing nothing', async () => {
    const root = makeFolder();
    rmSync(root, { recursive: true });
    await expect(scan(root)).rejects.toMatchObject({ code: 'bad_root' });
  });

  test('stops when it is told to', async () => {
    const abort = new AbortController();
    abort.abort();
    await expect(scan(makeRepository({ a: '' }), { signal: abort.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  test('lists an empty folder as empty', async () => {
    expect(await scan(makeFolder())).toEqual({ entries: [], skips: [], via: 'walk', notes: [] });
    expect(await scan(makeRepository({}))).toMatchObject({ entries: [], skips: [] });
  });
});
