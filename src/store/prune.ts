/** Removes shared embeddings that no index has any more: what is derived from text that is gone does not stay for ever. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { indexFilesIn } from './cache.ts';
import { openDatabase, VECTORS, VECTORS_VERSION } from './schema.ts';

/** So long a branch may be away that is to come back without being embedded again. */
export const UNUSED_DAYS_MAX = 30;

const ROWS_A_TRANSACTION = 500;
/** Bytes of a source that tell it from others: two of a million are alike with a chance of one in 500, and then one row too many stays. */
const TELLING_BYTES = 6;

type Candidate = { readonly id: number; readonly source: Buffer };

/** Gives the number of embeddings removed. Questions are answered between its steps; `goesOn` ends it early. */
export async function pruneVectors(cache: string, todayDay: number, goesOn: () => boolean): Promise<number> {
  const file = join(cache, `vectors-${VECTORS_VERSION}.db`);
  if (!existsSync(file)) return 0;
  const database = openDatabase(file, 'write', VECTORS);
  try {
    const old = database.prepare<[number, number, number], Candidate>(
      'SELECT id, source FROM embeddings WHERE id > ? AND used < ? ORDER BY id LIMIT ?',
    );
    const drop = database.prepare<[number]>('DELETE FROM embeddings WHERE id = ?');
    const before = todayDay - UNUSED_DAYS_MAX;
    if (old.get(0, before, 1) === undefined) return 0;
    const living = await livingSources(cache);
    let dropped = 0;
    for (let last = 0; goesOn(); await nextTurn()) {
      const rows = old.all(last, before, ROWS_A_TRANSACTION);
      if (rows.length === 0) break;
      last = rows.at(-1)!.id;
      const dead = rows.filter(({ source }) => !has(living, telling(source)));
      database.transaction(() => dead.forEach(({ id }) => void drop.run(id))).immediate();
      dropped += dead.length;
    }
    if (dropped > 0) database.pragma('wal_checkpoint(TRUNCATE)');
    return dropped;
  } finally {
    database.close();
  }
}

/** Of all indexes in the cache folder, in order. An index that can't be read, for now, throws: its embeddings are not to go. */
async function livingSources(cache: string): Promise<Float64Array> {
  const parts: Float64Array[] = [];
  for (const file of indexFilesIn(cache)) {
    const database = openDatabase(file, 'read');
    try {
      const sources = database
        .prepare<[], Buffer>(
          'SELECT source FROM (SELECT source FROM embeddings UNION ALL SELECT source FROM slow_embeddings) WHERE source IS NOT NULL',
        )
        .pluck()
        .all();
      parts.push(Float64Array.from(sources, telling));
    } finally {
      database.close();
    }
    await nextTurn();
  }
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.sort();
}

function telling(source: Buffer): number {
  return source.readUIntBE(0, TELLING_BYTES);
}

function has(sorted: Float64Array, value: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === value;
}
