/** Real folders and real git repositories for the tests of this room. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';

// The ignore rules of whoever runs the tests must not decide them.
process.env.GIT_CONFIG_GLOBAL = '/dev/null';
process.env.GIT_CONFIG_NOSYSTEM = '1';

const made: string[] = [];
afterAll(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new folder, by its real path, that goes away with the test file. */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-source-')));
  made.push(folder);
  return folder;
}

/** Writes files by path; a path that ends in `/` is an empty folder. */
export function write(root: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    const place = join(root, path);
    mkdirSync(path.endsWith('/') ? place : dirname(place), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(place, content);
  }
}

/** A new folder with these files. */
export function makeTree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = makeFolder();
  write(root, files);
  return root;
}

/** Runs git with an identity that needs no configuration. */
export function git(folder: string, ...words: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'protocol.file.allow=always'];
  return execFileSync('git', [...identity, ...words], { cwd: folder, stdio: 'pipe' }).toString();
}

/** A new repository with these files committed. */
export function makeRepository(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = makeTree(files);
  git(root, 'init', '-q');
  git(root, 'add', '--all', '--force');
  git(root, 'commit', '-q', '--allow-empty', '-m', 'first');
  return root;
}
