/** Everything that changes rows: whole files only, each call one short transaction. */
import type Database from 'better-sqlite3';
import type { Embedding, Fingerprint, PreparedChunk, PreparedFile, Skip } from '../types.ts';
import { asBlob, checksum, chunkChecksum, plainName, quantise, signBits, wellFormed, wordsChecksum } from './rows.ts';

export type Touched = { readonly path: string; readonly fingerprint: Fingerprint };
export type Embedded = { readonly chunkId: number; readonly embedding: Embedding };

export interface Writer {
  /** The files' rows become these; the removed paths' rows go. Chunks that keep their text keep their embedding unless they bring one. */
  replaceFiles(files: readonly PreparedFile[], removed: readonly string[]): void;
  /** Files of which nothing is searchable get a row that says why. */
  replaceSkips(skips: readonly Skip[]): void;
  /** Same content, other fingerprint. */
  touchFiles(files: readonly Touched[]): void;
  /** Embeddings for chunks that have none; chunks that are gone by now are passed over. */
  putEmbeddings(embedded: readonly Embedded[]): void;
}

const NO_FINGERPRINT: Fingerprint = { size: 0, mtimeNs: '0', ctimeNs: '0', inode: '0' };

type Kept = {
  readonly hash: string;
  readonly embedding: Buffer;
  readonly checksum: number;
  readonly bits: Buffer | null;
};

export function openWriter(database: Database.Database, dimensions: number): Writer {
  const fileIdOf = database.prepare<[string], number>('SELECT id FROM files WHERE path = ?').pluck();
  const keptOf = database.prepare<[number], Kept>(
    `SELECT c.hash, e.embedding, e.checksum, b.bits FROM chunks AS c JOIN embeddings AS e ON e.chunk_id = c.id
     LEFT JOIN coarse AS b ON b.chunk_id = c.id WHERE c.file_id = ? ORDER BY c.id`,
  );
  const ofFile = 'SELECT id FROM chunks WHERE file_id = ?';
  // Words first: FTS5 reads the old text to know what to take out.
  const deletions = [
    `DELETE FROM words WHERE rowid IN (${ofFile})`,
    `DELETE FROM texts WHERE chunk_id IN (${ofFile})`,
    `DELETE FROM embeddings WHERE chunk_id IN (${ofFile})`,
    `DELETE FROM coarse WHERE chunk_id IN (${ofFile})`,
    'DELETE FROM chunks WHERE file_id = ?',
  ].map((sql) => database.prepare<[number]>(sql));
  const namesOf = database.prepare<[number], { id: number; symbols: string }>(
    'SELECT id, symbols FROM chunks WHERE file_id = ?',
  );
  const deleteName = database.prepare('DELETE FROM definitions WHERE plain = ? AND name = ? AND chunk_id = ?');
  const deleteFile = database.prepare<[number]>('DELETE FROM files WHERE id = ?');
  const putFile = database
    .prepare<unknown[], number>(
      `INSERT INTO files(path, language, kind, depth, hash, size, mtime_ns, ctime_ns, inode, skip) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(path) DO UPDATE SET language = excluded.language, kind = excluded.kind, depth = excluded.depth,
         hash = excluded.hash, size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
         inode = excluded.inode, skip = excluded.skip RETURNING id`,
    )
    .pluck();
  const putChunk = database.prepare(
    'INSERT INTO chunks(file_id, start_line, end_line, hash, symbols, scope, checksum) VALUES(?, ?, ?, ?, ?, ?, ?)',
  );
  const putText = database.prepare('INSERT INTO texts(chunk_id, path, symbols, body, checksum) VALUES(?, ?, ?, ?, ?)');
  const putWords = database.prepare('INSERT INTO words(rowid, path, symbols, body) VALUES(?, ?, ?, ?)');
  const putName = database.prepare('INSERT OR IGNORE INTO definitions(plain, name, chunk_id) VALUES(?, ?, ?)');
  const putEmbedding = database.prepare(
    'INSERT OR REPLACE INTO embeddings(chunk_id, embedding, checksum) VALUES(?, ?, ?)',
  );
  const putCoarse = database.prepare('INSERT OR REPLACE INTO coarse(chunk_id, bits) VALUES(?, ?)');
  const hasChunk = database.prepare<[number], number>('SELECT 1 FROM chunks WHERE id = ?').pluck();
  const touch = database.prepare('UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ? WHERE path = ?');
  const noteChange = database.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES('last_change', ?)");

  function deleteChunks(fileId: number): void {
    for (const { id, symbols } of namesOf.all(fileId)) {
      for (const name of JSON.parse(symbols) as string[]) deleteName.run(plainName(name), name, id);
    }
    for (const deletion of deletions) deletion.run(fileId);
  }

  function remove(path: string): void {
    const fileId = fileIdOf.get(path);
    if (fileId === undefined) return;
    deleteChunks(fileId);
    deleteFile.run(fileId);
  }

  function replace(file: PreparedFile): void {
    const { path, language, kind, depth, hash, fingerprint, skip, chunks } = file;
    const oldId = fileIdOf.get(path);
    const kept = new Map<string, Kept>();
    if (oldId !== undefined) {
      for (const old of keptOf.all(oldId)) kept.set(old.hash, old);
      deleteChunks(oldId);
    }
    const { size, mtimeNs, ctimeNs, inode } = fingerprint;
    const fileId = putFile.get(path, language, kind, depth, hash, size, mtimeNs, ctimeNs, inode, skip ?? null)!;
    for (const chunk of chunks) insertChunk(fileId, chunk, kept.get(chunk.hash));
  }

  function insertChunk(fileId: number, chunk: PreparedChunk, kept: Kept | undefined): void {
    const { startLine, endLine, hash, embedding } = chunk;
    const names = [...new Set(chunk.symbols.map(wellFormed))];
    const symbols = JSON.stringify(names);
    const scope = JSON.stringify(chunk.scope.map(wellFormed));
    const words = {
      path: wellFormed(chunk.words.path),
      symbols: wellFormed(chunk.words.symbols),
      body: wellFormed(chunk.words.body),
    };
    const sum = chunkChecksum(fileId, startLine, endLine, hash, symbols, scope);
    const id = Number(putChunk.run(fileId, startLine, endLine, hash, symbols, scope, sum).lastInsertRowid);
    putText.run(id, words.path, words.symbols, words.body, wordsChecksum(words));
    putWords.run(id, words.path, words.symbols, words.body);
    for (const name of names) putName.run(plainName(name), name, id);
    if (embedding !== undefined) embed(id, embedding);
    else if (kept !== undefined) {
      putEmbedding.run(id, kept.embedding, kept.checksum);
      if (kept.bits !== null) putCoarse.run(id, kept.bits);
    }
  }

  /** An embedding that can't be compared leaves an empty row: nothing to find, and nothing left to do. */
  function embed(chunkId: number, embedding: Embedding): void {
    if (embedding.length !== dimensions)
      throw new Error(`an embedding of ${embedding.length} dimensions in a store of ${dimensions}`);
    const bytes = quantise(embedding);
    const blob = asBlob(bytes ?? new Int8Array());
    putEmbedding.run(chunkId, blob, checksum(blob));
    if (bytes !== undefined) putCoarse.run(chunkId, asBlob(signBits(bytes)));
  }

  const inOneTransaction = (work: () => void): void => database.transaction(work).immediate();

  return {
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
        for (const { path, reason } of skips) replace(skippedFile(path, reason));
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
    putEmbeddings(embedded) {
      if (embedded.length === 0) return;
      inOneTransaction(() => {
        for (const { chunkId, embedding } of embedded)
          if (hasChunk.get(chunkId) !== undefined) embed(chunkId, embedding);
      });
    },
  };
}

/** A file that can't be read has no hash: read again whenever it changes. */
function skippedFile(path: string, skip: Skip['reason']): PreparedFile {
  return {
    path,
    language: 'text',
    kind: 'code',
    depth: 'name',
    hash: '',
    fingerprint: NO_FINGERPRINT,
    skip,
    chunks: [],
  };
}
