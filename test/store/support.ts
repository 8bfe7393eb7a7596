/** What the tests of the store share: files made of words, stores in fresh folders, and their content without ids. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hashText } from '../../src/hash.ts';
import { setLogLevel } from '../../src/log.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import { terms } from '../../src/tokens.ts';
import type { Embedding, Kind, PreparedChunk, PreparedFile } from '../../src/types.ts';
import { DIMENSIONS, OPTIONS } from './rounds.ts';

export { bytesOf, contentOf } from './content.ts';
export { DIMENSIONS, OPTIONS };

// What is set aside on purpose needs no warning.
setLogLevel('error');

export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function freshFile(): string {
  return join(freshFolder(), 'index', 'index.db');
}

/** A store that is closed when the test ends. */
export function opened(file: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore(file, { ...OPTIONS, ...options });
  onTestFinished(() => store.close());
  return store;
}

type FileParts = {
  readonly symbols?: readonly string[];
  readonly language?: string;
  readonly kind?: Kind;
  readonly embeds?: boolean;
  readonly size?: number;
};

/** A file with one chunk of one line for each text. */
export function fileOf(path: string, texts: readonly string[], parts: FileParts = {}): PreparedFile {
  const { symbols = [], language = 'typescript', kind = 'code', embeds = true, size = 1 } = parts;
  const chunks = texts.map((text, at): PreparedChunk => {
    return {
      path,
      language,
      kind,
      startLine: at + 1,
      endLine: at + 1,
      symbols: at === 0 ? symbols : [],
      scope: [],
      hash: hashText(text),
      words: {
        path: terms(path).join(' '),
        symbols: at === 0 ? terms(symbols.join(' ')).join(' ') : '',
        body: terms(text).join(' '),
      },
      ...(embeds ? { embedding: embeddingOf(text) } : {}),
    };
  });
  const fingerprint = { size, mtimeNs: '1', ctimeNs: '2', inode: '3' };
  return { path, language, kind, depth: 'full', hash: hashText(texts.join('\n')), fingerprint, chunks };
}

/** A direction that only the text decides. */
export function embeddingOf(text: string): Embedding {
  const digest = Buffer.from(hashText(text) + hashText(`${text} `), 'hex');
  const values = Float32Array.from({ length: DIMENSIONS }, (_, at) => digest[at]! - 127.5);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

export function pathsOf(store: Store, ids: readonly number[]): string[] {
  return store.chunkRows(ids).map(({ path, startLine }) => `${path}:${startLine}`);
}

/** Places that a word is found at. */
export function find(store: Store, ...words: readonly string[]): string[] {
  const hits = store.lexical.retrieve({ terms: words }, 1_000, {});
  return pathsOf(
    store,
    hits.map(({ chunkId }) => chunkId),
  ).sort();
}
