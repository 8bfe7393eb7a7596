/** The vector retriever: sign bits choose candidates, exact cosines of int8 embeddings order them. */
import type Database from 'better-sqlite3';
import type { Embedding, Hit, Retriever, Scope } from '../types.ts';
import { asBlob, checksum, signBits } from './rows.ts';

export type VectorQuestion = { readonly embedding: Embedding };

/** Candidates that sign bits choose for the exact comparison. */
const COARSE_MAX = 400;

export function openVector(database: Database.Database, dimensions: number): Retriever<VectorQuestion> {
  const nearest = 'ORDER BY vec_distance_hamming(vec_bit(bits), vec_bit(?)), coarse.chunk_id LIMIT ?';
  const all = database.prepare<unknown[], Candidate>(
    `SELECT e.chunk_id AS chunkId, e.embedding AS bytes, e.checksum FROM embeddings AS e
     WHERE e.chunk_id IN (SELECT chunk_id FROM coarse ${nearest})`,
  );
  const some = database.prepare<unknown[], Candidate>(
    `SELECT e.chunk_id AS chunkId, e.embedding AS bytes, e.checksum FROM embeddings AS e WHERE e.chunk_id IN (
       SELECT coarse.chunk_id FROM json_each(?) AS file CROSS JOIN chunks ON chunks.file_id = file.value
       CROSS JOIN coarse ON coarse.chunk_id = chunks.id ${nearest})`,
  );
  return {
    name: 'vector',
    retrieve({ embedding }, limit: number, { fileIds }: Scope): Hit[] {
      if (embedding.length !== dimensions || limit < 1) return [];
      const bits = asBlob(signBits(embedding));
      const most = Math.max(COARSE_MAX, limit);
      const rows = fileIds === undefined ? all.all(bits, most) : some.all(JSON.stringify(fileIds), bits, most);
      const hits = rows
        .filter(({ bytes, checksum: sum }) => bytes.length === dimensions && checksum(bytes) === sum)
        .map(({ chunkId, bytes }) => ({ chunkId, score: cosine(embedding, bytes) }));
      return hits.sort((a, b) => b.score - a.score || a.chunkId - b.chunkId).slice(0, limit);
    },
  };
}

type Candidate = { readonly chunkId: number; readonly bytes: Buffer; readonly checksum: number };

function cosine(embedding: Embedding, bytes: Buffer): number {
  const stored = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  let dot = 0;
  let own = 0;
  let other = 0;
  for (let i = 0; i < stored.length; i++) {
    const value = embedding[i]!;
    dot += value * stored[i]!;
    own += value * value;
    other += stored[i]! * stored[i]!;
  }
  const length = Math.sqrt(own * other);
  return length > 0 ? Math.max(-1, Math.min(1, dot / length)) : 0;
}
