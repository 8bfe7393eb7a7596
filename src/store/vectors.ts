/**
 * Embeddings by what was embedded, in one file for all indexes of a user: a text that a sibling work tree or another
 * branch has brought in before is not embedded again. A help, never a need: what goes wrong with it costs time only.
 *
 * Finding one takes 8 us, keeping one 20; the static model takes 150 for the same chunk of 1,300 characters, and
 * transformers thousands: so all models share, by one path.
 */
import { existsSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { log } from '../log.ts';
import type { Embedding } from '../types.ts';
import { clearSuspicion, isSuspected, setAside, suspect } from './damage.ts';
import { isDamage } from './failures.ts';
import { inodeOf, makePrivateFolder } from './place.ts';
import { asBlob, checksum, dequantise, quantise } from './rows.ts';
import { ForeignSchema, openDatabase, VECTORS } from './schema.ts';

/** The file grows no larger: about 3 million embeddings of 256 dimensions. Those that were used last longest ago make room. */
export const VECTORS_BYTES_MAX = 1024 * 1024 * 1024;

/** For each embedding that comes to a full file this many go, so that a ceiling that was lowered is reached again. */
const ROOM_FACTOR = 2;

/** Others write for milliseconds. One that holds the file for longer hangs, and sharing is not worth waiting for it. */
const BUSY_TIMEOUT_MS = 1_000;

const DAY_MS = 86_400_000;

export interface Vectors {
  /** The embeddings that are known, by source (the key of what was embedded, hex); they are equal to what an index keeps of the original. */
  find(sources: readonly string[]): Map<string, Embedding>;
  /** Keeps embeddings for others, and notes that those `found` are still of use. */
  keep(made: ReadonlyMap<string, Embedding>, found: Iterable<string>): void;
  close(): void;
}

export type VectorsOptions = { readonly dimensions: number; readonly bytesMax?: number; readonly todayDay?: number };

/** Opens the file, made where there is none; one that is damaged or foreign is set aside. Undefined when it can't be used. */
export function openVectors(file: string, options: VectorsOptions): Vectors | undefined {
  try {
    makePrivateFolder(file);
    return assemble(file, openOrSetAside(file), options);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    log.info('embeddings are not shared with other indexes', { message });
    return undefined;
  }
}

function assemble(file: string, database: Database.Database, options: VectorsOptions): Vectors {
  const { dimensions, bytesMax = VECTORS_BYTES_MAX, todayDay = Math.floor(Date.now() / DAY_MS) } = options;
  database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const known = database.prepare<[Buffer], Row>('SELECT used, checksum, embedding FROM embeddings WHERE source = ?');
  const put = database.prepare(
    'INSERT OR REPLACE INTO embeddings(source, used, checksum, embedding) VALUES(?, ?, ?, ?)',
  );
  const use = database.prepare('UPDATE embeddings SET used = ? WHERE source = ? AND used < ?');
  const dropOldest = database.prepare(
    'DELETE FROM embeddings WHERE id IN (SELECT id FROM embeddings ORDER BY used, id LIMIT ?)',
  );
  const bytes = database
    .prepare<[], number>(
      'SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
    )
    .pluck();
  /** Sources whose row was last used on an earlier day. */
  const stale = new Set<string>();

  function find(sources: readonly string[]): Map<string, Embedding> {
    const found = new Map<string, Embedding>();
    for (const source of sources) {
      const key = Buffer.from(source, 'hex');
      const row = known.get(key);
      if (row === undefined || !isIntact(key, row, dimensions)) continue;
      found.set(source, row.embedding.length === 0 ? new Float32Array(dimensions) : dequantise(row.embedding));
      if (row.used < todayDay) stale.add(source);
    }
    return found;
  }

  function keep(made: ReadonlyMap<string, Embedding>, found: Iterable<string>): void {
    const used = [...found].filter((source) => stale.delete(source));
    if (made.size + used.length === 0) return;
    database
      .transaction(() => {
        if (bytes.get()! >= bytesMax) dropOldest.run(made.size * ROOM_FACTOR);
        for (const source of used) use.run(todayDay, Buffer.from(source, 'hex'), todayDay);
        for (const [source, embedding] of made) {
          const key = Buffer.from(source, 'hex');
          const blob = asBlob(quantise(embedding) ?? new Int8Array());
          put.run(key, todayDay, checksum(blob, checksum(key)), blob);
        }
      })
      .immediate();
  }

  /** Nothing that goes wrong here is worth an error, or trying again: texts are embedded, and who opens the file next may mend it. */
  let isUsable = true;
  function attempt<Result>(work: () => Result, otherwise: Result): Result {
    if (!isUsable) return otherwise;
    try {
      return work();
    } catch (error) {
      isUsable = false;
      if (isDamage(error)) suspect(file);
      log.info('embeddings could not be shared', { message: error instanceof Error ? error.message : String(error) });
      return otherwise;
    }
  }
  return {
    find: (sources) => attempt(() => find(sources), new Map()),
    keep: (made, found) => attempt(() => keep(made, found), undefined),
    close: () => void database.close(),
  };
}

type Row = { readonly used: number; readonly checksum: number; readonly embedding: Buffer };

/** Empty rows are of texts in which the model knows no word. */
function isIntact(key: Buffer, { embedding, checksum: sum }: Row, dimensions: number): boolean {
  return [0, dimensions].includes(embedding.length) && sum === checksum(embedding, checksum(key));
}

function openOrSetAside(file: string): Database.Database {
  const before = inodeOf(file);
  try {
    if (!isSuspected(file)) return openDatabase(file, 'write', VECTORS);
  } catch (error) {
    if (!(isDamage(error) || error instanceof ForeignSchema)) throw error;
  }
  // Another process may have begun a new one already.
  if (existsSync(file) && inodeOf(file) === before) {
    log.warn('the shared embeddings could not be used; they are set aside and begun anew', { aside: setAside(file) });
  }
  clearSuspicion(file);
  return openDatabase(file, 'write', VECTORS);
}
