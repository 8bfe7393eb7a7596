/** Where faults are made: temporary repositories with indexes of their own, and what an index ought to hold. */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { type Config, resolveConfig } from '../../src/config.ts';
import { openEngine } from '../../src/index.ts';
import type { Engine } from '../../src/search.ts';
import { storePlaceFor } from '../../src/store/place.ts';
import type { CodeIndex } from '../../src/types.ts';
import { contentOf } from '../store/content.ts';

export type Files = Readonly<Record<string, string | Uint8Array>>;

export function write(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

/** Runs git with an identity and without the rules of whoever runs the suite. */
export function git(root: string, ...words: string[]): string {
  const identity = ['-c', 'user.name=f', '-c', 'user.email=f@example.org', '-c', 'gc.auto=0'];
  return execFileSync('git', [...identity, ...words], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: root, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 256 * 1024 * 1024,
  }).toString();
}

/** A new repository under `folder` with these files committed. */
export function makeRepository(folder: string, files: Files): string {
  const root = join(folder, 'repository');
  mkdirSync(root, { recursive: true });
  git(root, 'init', '-q', '-b', 'main');
  write(root, files);
  git(root, 'add', '--all');
  git(root, 'commit', '-q', '--allow-empty', '-m', 'first');
  return root;
}

export type Opened = { readonly index: CodeIndex; readonly engine: () => Engine; readonly config: Config };

/** An index of `root` in this process, words alone unless a model is named. */
export async function openFor(root: string, cacheDir: string, settings: Partial<Config> = {}): Promise<Opened> {
  const config = resolveConfig({ root, cacheDir, model: 'none', workers: 1, logLevel: 'error', ...settings });
  return { ...(await openEngine(config)), config };
}

/** All that the index knows, by path, without the ids that its rows happen to have. */
export function rowsOf({ engine }: Opened): Map<string, string> {
  const files = contentOf(engine().store) as { path: string }[];
  return new Map(files.map((file) => [file.path, JSON.stringify(file)]));
}

/** Paths in which two indexes differ. */
export function differences(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string[] {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].filter((path) => one.get(path) !== other.get(path)).sort();
}

/** Paths in which an index differs from one that is made afresh, in `cacheDir`, of the same tree. */
export async function differencesFromFresh(opened: Opened, cacheDir: string): Promise<string[]> {
  const fresh = await openFor(opened.config.root, cacheDir, { model: opened.config.model });
  try {
    await fresh.index.sync();
    return differences(rowsOf(opened), rowsOf(fresh));
  } finally {
    await fresh.index.close();
    rmSync(cacheDir, { recursive: true, force: true });
  }
}

/** Chunks whose rows were written, deleted and written again: ids count up, so they leave gaps. */
export function replacedChunks(root: string, cacheDir: string): number {
  const database = new Database(storePlaceFor(root, cacheDir).storeFile, { readonly: true });
  try {
    return database.prepare('SELECT ifnull(max(id), 0) - count(*) FROM chunks').pluck().get() as number;
  } finally {
    database.close();
  }
}

/** What git lists in the work tree and the disk has, by path, as text. */
export function onDisk(root: string): Map<string, string> {
  const listed = git(root, 'ls-files', '-z', '-co', '--exclude-standard').split('\0').filter(Boolean);
  const files = listed.filter((path) => existsSync(join(root, path)) && lstatSync(join(root, path)).isFile());
  return new Map(files.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}
