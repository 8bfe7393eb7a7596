/** Whole indexes over temporary repositories: real files, git, SQLite and worker threads. */
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Config, resolveConfig } from '../src/config.ts';
import { openEngine } from '../src/index.ts';
import { setLogLevel } from '../src/log.ts';
import type { Engine } from '../src/search.ts';
import { storePlaceFor } from '../src/store/place.ts';
import type { Answer, CodeIndex } from '../src/types.ts';
import { git, makeFolder, makeTree } from './source/tree.ts';

setLogLevel('error');

/** A new repository: files as they are, nothing committed. */
export function makeProject(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = makeTree(files);
  git(root, 'init', '-q');
  return root;
}

export type Opened = { readonly index: CodeIndex; readonly engine: () => Engine; readonly config: Config };

/** An index of the root without a model, closed when the test ends. Two of one cache folder share an index. */
export async function openFor(root: string, settings: Partial<Config> = {}): Promise<Opened> {
  const opened = await openUnattended(root, settings);
  onTestFinished(() => opened.index.close());
  return opened;
}

/** The same, for the caller to close. */
export async function openUnattended(root: string, settings: Partial<Config> = {}): Promise<Opened> {
  const config = resolveConfig({
    root,
    cacheDir: settings.cacheDir ?? join(makeFolder(), 'cache'),
    model: settings.model ?? 'none',
    workers: settings.workers ?? 1,
    logLevel: settings.logLevel ?? 'error',
    ...(settings.pause && { pause: settings.pause }),
  });
  const { index, engine } = await openEngine(config);
  return { index, engine, config };
}

/** An index in step with the disk. */
export async function openSynced(root: string, settings: Partial<Config> = {}): Promise<Opened> {
  const opened = await openFor(root, settings);
  await opened.index.sync();
  return opened;
}

export function storeFileOf({ root, cacheDir }: Config): string {
  return storePlaceFor(root, cacheDir).storeFile;
}

export function placesOf({ snippets }: Answer): string[] {
  return snippets.map(({ path, startLine, endLine }) => `${path}:${startLine}-${endLine}`);
}

export function pathsOf({ snippets }: Answer): string[] {
  return snippets.map(({ path }) => path);
}

/** Lines that are joined and ended. */
export function lines(...parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}
