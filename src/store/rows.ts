/** Rows as SQLite keeps them, and back: embeddings in bytes, lists in JSON, and a checksum that notices flipped bits. */
import type { ChunkRow, Embedding, Fingerprint, Kind, PreparedChunk } from '../types.ts';

export type ChunkColumns = {
  readonly id: number;
  readonly file_id: number;
  readonly path: string;
  readonly language: string;
  readonly kind: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly hash: string;
  readonly symbols: string;
  readonly scope: string;
  readonly checksum: number;
  readonly file_lines: number;
  readonly changed_day: number;
};

const DAY_NS = 86_400_000_000_000n;

/** The columns of ChunkColumns, of chunks as `c` in files as `f`. */
export const CHUNK_COLUMNS = `SELECT c.id, c.file_id, f.path, f.language, f.kind, c.start_line, c.end_line, c.hash, c.symbols, c.scope, c.checksum,
  (SELECT max(o.end_line) FROM chunks AS o WHERE o.file_id = c.file_id) AS file_lines,
  CAST(f.mtime_ns AS INTEGER) / ${DAY_NS} AS changed_day`;

/** Of what was never read: no file on disk is like it. */
export const NO_FINGERPRINT: Fingerprint = { size: 0, mtimeNs: '0', ctimeNs: '0', inode: '0' };

export type Words = PreparedChunk['words'];
export type WordColumns = Words & { readonly chunk_id: number; readonly checksum: number };
export type EmbeddingColumns = { readonly chunk_id: number; readonly checksum: number; readonly embedding: Buffer };

/** Rows that are what was written; `onDamage` hears how many are not. */
export function intact<Row>(
  rows: readonly Row[],
  isIntact: (row: Row) => boolean,
  onDamage: (rows: number) => void,
): readonly Row[] {
  const whole = rows.filter(isIntact);
  if (whole.length < rows.length) onDamage(rows.length - whole.length);
  return whole;
}

export function toChunkRows(columns: readonly ChunkColumns[], onDamage: (rows: number) => void): ChunkRow[] {
  return intact(columns, isWholeChunk, onDamage).map(toChunkRow);
}

function toChunkRow(row: ChunkColumns): ChunkRow {
  return {
    id: row.id,
    fileId: row.file_id,
    path: row.path,
    language: row.language,
    kind: row.kind as Kind,
    startLine: row.start_line,
    endLine: row.end_line,
    hash: row.hash,
    symbols: JSON.parse(row.symbols) as string[],
    scope: JSON.parse(row.scope) as string[],
    fileLines: row.file_lines,
    changedDay: row.changed_day,
  };
}

export type FileColumns = {
  readonly id: number;
  readonly path: string;
  readonly language: string;
  readonly kind: string;
  readonly depth: string;
  readonly hash: string;
  readonly size: number;
  readonly mtime_ns: string;
  readonly ctime_ns: string;
  readonly inode: string;
  readonly skip: string | null;
  readonly checksum: number;
};

/** Of all but the fingerprint: a flipped bit there has the file read again, no more. */
export function fileChecksum({
  path,
  language,
  kind,
  depth,
  hash,
  skip,
}: Pick<FileColumns, 'path' | 'language' | 'kind' | 'depth' | 'hash' | 'skip'>): number {
  return checksum([path, language, kind, depth, hash, skip ?? ''].join('|'));
}

export function isWholeFile(row: FileColumns): boolean {
  return row.checksum === fileChecksum(row);
}

export function isWholeChunk(
  row: Pick<ChunkColumns, 'file_id' | 'start_line' | 'end_line' | 'hash' | 'symbols' | 'scope' | 'checksum'>,
): boolean {
  return row.checksum === chunkChecksum(row.file_id, row.start_line, row.end_line, row.hash, row.symbols, row.scope);
}

export function chunkChecksum(...columns: readonly (string | number)[]): number {
  return checksum(columns.join('|'));
}

export function wordsChecksum({ path, symbols, body }: Words): number {
  return checksum(body, checksum(symbols, checksum(path)));
}

/** FNV-1a over 32 bits at a time: every step maps states one to one, so that a change of a single unit always changes the sum. */
export function checksum(units: string | Uint8Array, start = 0x811c9dc5): number {
  let sum = Math.imul((start | 0) ^ units.length, FNV_PRIME);
  let i = 0;
  if (typeof units === 'string') {
    for (; i + 1 < units.length; i += 2) {
      sum = Math.imul(sum ^ (units.charCodeAt(i) | (units.charCodeAt(i + 1) << 16)), FNV_PRIME);
    }
    for (; i < units.length; i++) sum = Math.imul(sum ^ units.charCodeAt(i), FNV_PRIME);
  } else {
    for (; i + 3 < units.length; i += 4) {
      const four = units[i]! | (units[i + 1]! << 8) | (units[i + 2]! << 16) | (units[i + 3]! << 24);
      sum = Math.imul(sum ^ four, FNV_PRIME);
    }
    for (; i < units.length; i++) sum = Math.imul(sum ^ units[i]!, FNV_PRIME);
  }
  return sum;
}

const FNV_PRIME = 0x01000193;

/** SQLite gives other text back for a lone surrogate than it was given: replaced before, so that sums agree. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** A name without case and underscores: `parse_url` and `parseURL` are asked for as one. */
export function plainName(name: string): string {
  return name.replaceAll('_', '').toLowerCase() || name;
}

const INT8_MAX = 127;

/**
 * One signed byte a dimension, scaled so that the largest uses all of it; the cosine needs no scale. Undefined when there
 * is nothing to compare: all zeros (the model knows no word of the text), NaN or infinite.
 */
export function quantise(embedding: Embedding): Int8Array | undefined {
  let largest = 0;
  for (let i = 0; i < embedding.length; i++) {
    const size = Math.abs(embedding[i]!);
    // False for NaN as well.
    if (!(size < Number.POSITIVE_INFINITY)) return undefined;
    if (size > largest) largest = size;
  }
  if (largest === 0) return undefined;
  const bytes = new Int8Array(embedding.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round((embedding[i]! / largest) * INT8_MAX);
  return bytes;
}

/** The stored bytes as an embedding of unit length again. */
export function dequantise(bytes: Uint8Array): Embedding {
  const values = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  const length = Math.sqrt(squares) || 1;
  const embedding = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) embedding[i] = values[i]! / length;
  return embedding;
}

/** The same memory as a Buffer, which is what SQLite takes as a blob. */
export function asBlob(bytes: Uint8Array | Int8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
