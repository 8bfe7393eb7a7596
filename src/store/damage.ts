/** What to do about a file that may be damaged: remember the suspicion, check it at the next start, set the file aside. */

import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { DowserError } from '../errors.ts';
import { DamagedRows, isDamage } from './failures.ts';
import {
  type ChunkColumns,
  checksum,
  type EmbeddingColumns,
  type FileColumns,
  isWholeChunk,
  isWholeFile,
  type WordColumns,
  wordsChecksum,
} from './rows.ts';

/** Has the next process that may write check the file before it is used. */
export function suspect(file: string): void {
  try {
    writeFileSync(suspicionOf(file), '', { mode: 0o600 });
  } catch {
    // Where not even this can be written, the failure that led here says enough.
  }
}

export function isSuspected(file: string): boolean {
  return existsSync(suspicionOf(file));
}

export function clearSuspicion(file: string): void {
  try {
    rmSync(suspicionOf(file), { force: true });
  } catch {
    // What stays has the file checked once more than needed.
  }
}

/** Renames the file out of the way; nothing is deleted. Its log goes first: beside a new file, an old log would be read. */
export function setAside(file: string): string {
  const aside = `${file}.set-aside-${new Date().toISOString().replace(/[-:.]/g, '')}`;
  try {
    for (const ending of ['-wal', '-shm', '']) if (existsSync(file + ending)) renameSync(file + ending, aside + ending);
  } catch (cause) {
    // Windows renames nothing that another process has open.
    const message = `The index ${file} can't be used, nor set aside. End every other dowser and start again.`;
    throw new DowserError('store_unusable', message, { cause });
  }
  return aside;
}

/** Throws what isDamage() is true of, when anything in the file is not what was written. */
export function assertWhole(database: Database.Database): void {
  if (!isWhole(database)) throw new DamagedRows('it is damaged');
}

/** True when the file, its word index and every row are what was written. Slow: reads everything. */
export function isWhole(database: Database.Database): boolean {
  try {
    if (database.pragma('quick_check(1)', { simple: true }) !== 'ok') return false;
    database.exec("INSERT INTO words(words, rank) VALUES('integrity-check', 1)");
    return (
      holds<FileColumns>(database, 'files', isWholeFile) &&
      holds<ChunkColumns>(database, 'chunks', isWholeChunk) &&
      holds<WordColumns>(database, 'texts', (row) => row.checksum === wordsChecksum(row)) &&
      holds<EmbeddingColumns>(database, 'embeddings', isWholeEmbedding) &&
      holds<EmbeddingColumns>(database, 'slow_embeddings', isWholeEmbedding)
    );
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

function isWholeEmbedding(row: EmbeddingColumns): boolean {
  return row.checksum === checksum(row.embedding);
}

function holds<Row>(database: Database.Database, table: string, isIntact: (row: Row) => boolean): boolean {
  for (const row of database.prepare<[], Row>(`SELECT * FROM ${table}`).iterate()) if (!isIntact(row)) return false;
  return true;
}

function suspicionOf(file: string): string {
  return `${file}.suspect`;
}
