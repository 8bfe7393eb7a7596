/** Everything that changes rows: whole files only, each call one short transaction. */
import type Database from 'better-sqlite3';
import type { Embedding, Fingerprint, PreparedChunk, PreparedFile, Skip } from '../types.ts';
import { openEmbeddingWriter } from './embeddings.ts';
import {
  chunkChecksum,
  fileChecksum,
  NO_FINGERPRINT,
  plainName,
  type Words,
  wellFormed,
  wordsChecksum,
} from './rows.ts';
import { openWordIndex } from './words.ts';

export type Touched = { readonly path: string; readonly fingerprint: Fingerprint };
/** With what the listing saw of the file, where it saw it. */
export type Skipped = Skip & { readonly fingerprint?: Fingerprint | undefined };
/** With the key of what was embedded (vectors.ts). */
export type Embedded = { readonly chunkId: number; readonly embedding: Embedding; readonly source: string };

export interface Writer {
  /** The files' rows become these; the removed paths' rows go. Chunks that stay the same keep their embedding unless they bring one. */
  replaceFiles(files: readonly PreparedFile[], removed: readonly string[]): void;
  /** Files of which nothing is searchable get a row that says why. */
  replaceSkips(skips: readonly Skipped[]): void;
  /** Same content, other fingerprint. */
  touchFiles(files: readonly Touched[]): void;
  /** Embeddings of the slow model; chunks that are gone by now are passed over. */
  putSlowEmbeddings(embedded: readonly Embedded[]): void;
  /** A removal of many chunks leaves words in the file's bytes: takes some of them out, and is true when there are more. */
  purge(): boolean;
}

/** A chunk as it is stored, with what tells whether a new one is the same. */
type Stored = {
  readonly id: number;
  readonly start_line: number;
  readonly end_line: number;
  readonly hash: string;
  readonly symbols: string;
  readonly scope: string;
  readonly checksum: number;
  readonly wordsChecksum: number;
};

/** `dimensions` are those of the embeddings that come with chunks, and of the slow model's. */
export function openWriter(database: Database.Database, dimensions: number, slowDimensions: number): Writer {
  const fileIdOf = database.prepare<[string], number>('SELECT id FROM files WHERE path = ?').pluck();
  const chunksOf = database.prepare<[number], Stored>(
    `SELECT c.id, c.start_line, c.end_line, c.hash, c.symbols, c.scope, c.checksum, t.checksum AS wordsChecksum
     FROM chunks AS c LEFT JOIN texts AS t ON t.chunk_id = c.id WHERE c.file_id = ? ORDER BY c.id`,
  );
  const wordIndex = openWordIndex(database);
  const places = [
    'texts WHERE chunk_id',
    'embeddings WHERE chunk_id',
    'slow_embeddings WHERE chunk_id',
    'chunks WHERE id',
  ];
  const deletions = places.map((place) => database.prepare<[number]>(`DELETE FROM ${place} = ?`));
  const deleteName = database.prepare('DELETE FROM definitions WHERE plain = ? AND name = ? AND chunk_id = ?');
  const deleteFile = database.prepare<[number]>('DELETE FROM files WHERE id = ?');
  const putFile = database
    .prepare<unknown[], number>(
      `INSERT INTO files(path, language, kind, depth, hash, size, mtime_ns, ctime_ns, inode, skip, checksum)
       VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(path) DO UPDATE SET language = excluded.language, kind = excluded.kind, depth = excluded.depth,
         hash = excluded.hash, size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
         inode = excluded.inode, skip = excluded.skip, checksum = excluded.checksum RETURNING id`,
    )
    .pluck();
  const putChunk = database.prepare(
    'INSERT INTO chunks(file_id, start_line, end_line, hash, symbols, scope, checksum) VALUES(?, ?, ?, ?, ?, ?, ?)',
  );
  const moveChunk = database.prepare('UPDATE chunks SET start_line = ?, end_line = ?, checksum = ? WHERE id = ?');
  const putText = database.prepare('INSERT INTO texts(chunk_id, checksum, path, symbols, body) VALUES(?, ?, ?, ?, ?)');
  const putName = database.prepare('INSERT OR IGNORE INTO definitions(plain, name, chunk_id) VALUES(?, ?, ?)');
  const embed = openEmbeddingWriter(database, 'embeddings', dimensions);
  const embedSlow = openEmbeddingWriter(database, 'slow_embeddings', slowDimensions);
  const hasChunk = database.prepare<[number], number>('SELECT 1 FROM chunks WHERE id = ?').pluck();
  const touch = database.prepare('UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?');
  const noteChange = database.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES('last_change', ?)");

  function deleteChunk({ id, symbols }: Stored): void {
    for (const name of namesOf(symbols)) deleteName.run(plainName(name), name, id);
    wordIndex.remove(id);
    for (const deletion of deletions) deletion.run(id);
  }

  function remove(path: string): void {
    const fileId = fileIdOf.get(path);
    if (fileId === undefined) return;
    for (const chunk of chunksOf.all(fileId)) deleteChunk(chunk);
    deleteFile.run(fileId);
  }

  /** Chunks that are the same but for their lines keep their rows: taking words out of the index is the slow part of an edit. */
  function replace(file: PreparedFile): void {
    const { path, language, kind, depth, hash, fingerprint, chunks } = file;
    const skip = file.skip ?? null;
    const sum = fileChecksum({ path, language, kind, depth, hash, skip });
    const oldId = fileIdOf.get(path);
    const old = new Map<string, Stored[]>();
    if (oldId !== undefined)
      for (const chunk of chunksOf.all(oldId)) old.set(keyOf(chunk), [...(old.get(keyOf(chunk)) ?? []), chunk]);
    const { size, mtimeNs, ctimeNs, inode } = fingerprint;
    const fileId = putFile.get(path, language, kind, depth, hash, size, mtimeNs, ctimeNs, inode, skip, sum)!;
    for (const chunk of chunks) {
      const columns = toColumns(chunk);
      const same = old.get(keyOf(columns))?.shift();
      const id = same === undefined ? insertChunk(fileId, columns) : keepChunk(fileId, columns, same);
      if (chunk.embedding !== undefined) embed(id, chunk.embedding, chunk.source);
    }
    for (const chunk of [...old.values()].flat()) deleteChunk(chunk);
  }

  function insertChunk(
    fileId: number,
    { start_line, end_line, hash, symbols, scope, words, wordsChecksum, names }: Columns,
  ): number {
    const sum = chunkChecksum(fileId, start_line, end_line, hash, symbols, scope);
    const id = Number(putChunk.run(fileId, start_line, end_line, hash, symbols, scope, sum).lastInsertRowid);
    putText.run(id, wordsChecksum, words.path, words.symbols, words.body);
    wordIndex.put(id, words);
    for (const name of names) putName.run(plainName(name), name, id);
    return id;
  }

  function keepChunk(fileId: number, { start_line, end_line, hash, symbols, scope }: Columns, same: Stored): number {
    const sum = chunkChecksum(fileId, start_line, end_line, hash, symbols, scope);
    if (same.checksum !== sum) moveChunk.run(start_line, end_line, sum, same.id);
    return same.id;
  }

  const inOneTransaction = (work: () => void): void => {
    wordIndex.begin();
    database.transaction(work).immediate();
  };

  return {
    purge: wordIndex.purge,
    replaceFiles(files, removed) {
      if (files.length + removed.length === 0) return;
      inOneTransaction(() => {
        for (const path of removed) remove(path);
        for (const file of files) replace(file);
        noteChange.run(new Date().toISOString());
      });
    },
    replaceSkips(skips) {
      if (skips.length === 0) return;
      inOneTransaction(() => {
        for (const skip of skips) replace(skippedFile(skip));
        noteChange.run(new Date().toISOString());
      });
    },
    touchFiles(files) {
      if (files.length === 0) return;
      inOneTransaction(() => {
        for (const { path, fingerprint } of files) {
          const { size, mtimeNs, ctimeNs, inode } = fingerprint;
          touch.run(size, mtimeNs, ctimeNs, inode, path);
        }
      });
    },
    putSlowEmbeddings(embedded) {
      if (embedded.length === 0) return;
      inOneTransaction(() => {
        for (const { chunkId, embedding, source } of embedded)
          if (hasChunk.get(chunkId) !== undefined) embedSlow(chunkId, embedding, source);
      });
    },
  };
}

/** A file that can't be read has no hash: read again whenever it changes. */
function skippedFile({ path, reason, fingerprint = NO_FINGERPRINT }: Skipped): PreparedFile {
  return {
    path,
    language: 'text',
    kind: 'code',
    depth: 'name',
    hash: '',
    fingerprint,
    skip: reason,
    chunks: [],
  };
}

type Columns = Omit<Stored, 'id' | 'checksum'> & { readonly words: Words; readonly names: readonly string[] };

function toColumns({ startLine, endLine, hash, symbols, scope, words }: PreparedChunk): Columns {
  const names = [...new Set(symbols.map(wellFormed))];
  const clean = { path: wellFormed(words.path), symbols: wellFormed(words.symbols), body: wellFormed(words.body) };
  return {
    start_line: startLine,
    end_line: endLine,
    hash,
    symbols: JSON.stringify(names),
    scope: JSON.stringify(scope.map(wellFormed)),
    words: clean,
    wordsChecksum: wordsChecksum(clean),
    names,
  };
}

/** Equal for chunks that differ in their lines at most. */
function keyOf({ hash, symbols, scope, wordsChecksum: sum }: Omit<Stored, 'id' | 'checksum'>): string {
  return `${hash} ${sum} ${symbols} ${scope}`;
}

/** Names of a stored row; none where the row is damaged. */
function namesOf(symbols: string): string[] {
  try {
    return JSON.parse(symbols) as string[];
  } catch {
    return [];
  }
}
