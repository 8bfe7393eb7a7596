/** The embeddings of one model: the table that keeps them, and what finds the nearest in it. */
import type Database from 'better-sqlite3';
import type { ChunkRow, Embedding, Retriever } from '../types.ts';
import {
  asBlob,
  CHUNK_COLUMNS,
  type ChunkColumns,
  checksum,
  dequantise,
  type EmbeddingColumns,
  intact,
  quantise,
  toChunkRows,
} from './rows.ts';
import { openVector, type VectorQuestion } from './vector.ts';

/** Embeddings that come with a chunk's row, and those of a slow model, which come behind. */
export type EmbeddingTable = 'embeddings' | 'slow_embeddings';

export interface Embeddings {
  readonly vector: Retriever<VectorQuestion>;
  /** Of the chunks that have one with something in it. */
  embeddingsOf(ids: readonly number[]): Map<number, Embedding>;
  /** Chunks that wait for an embedding, oldest first. */
  missingEmbeddings(limit: number): ChunkRow[];
  /** True as long as there is nothing to compare with. */
  isEmpty(): boolean;
}

export type EmbeddingsOptions = {
  readonly dimensions: number;
  /** Changes whenever rows may have. */
  readonly version: () => string;
  /** False while the rows are of another model, or of none: nothing is found then, and nothing missing. */
  readonly isComparable: () => boolean;
  /** Hears how many rows were left out because they are not what was written. */
  readonly onDamage: (rows: number) => void;
};

export function openEmbeddings(
  database: Database.Database,
  table: EmbeddingTable,
  { dimensions, version, isComparable, onDamage }: EmbeddingsOptions,
): Embeddings {
  const rows = database.prepare<[string], EmbeddingColumns>(
    `SELECT e.chunk_id, e.checksum, e.embedding FROM json_each(?) AS asked JOIN ${table} AS e ON e.chunk_id = asked.value
     WHERE length(e.embedding) > 0`,
  );
  // A chunk without lines is a file known by its name alone: there is nothing to embed.
  const missing = database.prepare<[number], ChunkColumns>(
    `${CHUNK_COLUMNS} FROM chunks AS c JOIN files AS f ON f.id = c.file_id
     WHERE c.start_line > 0 AND NOT EXISTS (SELECT 1 FROM ${table} AS e WHERE e.chunk_id = c.id) ORDER BY c.id LIMIT ?`,
  );
  const first = database.prepare(`SELECT 1 FROM ${table} WHERE length(embedding) > 0 LIMIT 1`).pluck();
  const vector = openVector(database, table, { dimensions, version, onDamage });
  return {
    vector: { name: 'vector', retrieve: (...question) => (isComparable() ? vector.retrieve(...question) : []) },
    embeddingsOf(ids) {
      const found = ids.length === 0 || !isComparable() ? [] : rows.all(JSON.stringify(ids));
      const whole = intact(found, (row) => row.checksum === checksum(row.embedding), onDamage);
      return new Map(whole.map(({ chunk_id, embedding }) => [chunk_id, dequantise(embedding)]));
    },
    isEmpty: () => !isComparable() || first.get() === undefined,
    missingEmbeddings: (limit) => (isComparable() ? toChunkRows(missing.all(limit), onDamage) : []),
  };
}

/** Puts one embedding in, inside the caller's transaction. `source` is the key of what was embedded (vectors.ts). */
export type PutEmbedding = (chunkId: number, embedding: Embedding, source?: string) => void;

/** An embedding that can't be compared leaves an empty row: nothing to find, and nothing left to do. */
export function openEmbeddingWriter(
  database: Database.Database,
  table: EmbeddingTable,
  dimensions: number,
): PutEmbedding {
  const known = database.prepare<[number], Buffer>(`SELECT embedding FROM ${table} WHERE chunk_id = ?`).pluck();
  // Replaced under a new id, by which readers notice it.
  const put = database.prepare(
    `INSERT OR REPLACE INTO ${table}(chunk_id, embedding, checksum, source) VALUES(?, ?, ?, ?)`,
  );
  return (chunkId, embedding, source) => {
    if (embedding.length !== dimensions)
      throw new Error(`an embedding of ${embedding.length} dimensions in a store of ${dimensions}`);
    const blob = asBlob(quantise(embedding) ?? new Int8Array());
    if (known.get(chunkId)?.equals(blob) === true) return;
    put.run(chunkId, blob, checksum(blob), source === undefined ? null : Buffer.from(source, 'hex'));
  };
}
