/** What an index holds and what its files are made of, for comparing one with another. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Store } from '../../src/store/store.ts';

/** Everything that a store knows, by content alone: ids and times of change left out. */
export function contentOf(store: Store): unknown {
  const files = [...store.files()].map(([path, { id: _, ...record }]) => ({ path, ...record }));
  return files.map((file) => {
    const rows = store.chunkRowsOfFile(file.path);
    const ids = rows.map(({ id }) => id);
    const words = store.wordsOf(ids);
    const embeddings = store.embeddingsOf(ids);
    const chunks = rows.map(({ id, fileId: _, ...row }) => ({
      ...row,
      words: words.get(id),
      embedding: embeddings.get(id),
    }));
    return { ...file, chunks };
  });
}

/** All bytes of the index and what lies beside it, but for the file in which processes tell each other what they read. */
export function bytesOf(file: string): Buffer {
  if (!existsSync(dirname(file))) return Buffer.alloc(0);
  return Buffer.concat(
    readdirSync(dirname(file))
      .filter((name) => !name.endsWith('-shm'))
      .sort()
      .map((name) => readFileSync(join(dirname(file), name))),
  );
}
