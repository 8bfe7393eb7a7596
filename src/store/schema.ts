/** Tables, pragmas and versions of the index file: how one is opened, checked, made and emptied. */
import Database from 'better-sqlite3';
import { DowserError } from '../errors.ts';
import { isBusy } from './failures.ts';

/** What a database of ours holds. `version` is part of the file's name, so that versions of dowser never share a file. */
export type Layout = {
  readonly version: number;
  /** Marks the file as dowser's, and of this kind. */
  readonly applicationId: number;
  readonly tables: string;
};

/** Changes with any change to the index's tables. */
export const SCHEMA_VERSION = 6;

/** Writers wait for each other this long before anyone hears of it. */
const BUSY_TIMEOUT_MS = 5_000;

/** Making the file takes some milliseconds. */
const SWITCH_RETRY_MS = 5;

/** Pages that a reader keeps. The library's own 16 MB are only faster than the system's cache where many pages are written. */
const CACHE_KIB = 4_096;

/** The log is cut back to this after a checkpoint that a burst of writes had let grow. */
const JOURNAL_BYTES_MAX = 16 * 1024 * 1024;

/** Older versions can corrupt a file when two connections write and checkpoint at the same moment. */
const SQLITE_VERSION_MIN = [3, 51, 3] as const;

/**
 * `words` has its content in `texts`: contentless tables keep deleted text until they are optimised. Terms come split and
 * stemmed, so the plainest tokenizer keeps each as it is. Ids are never used twice, so that an id found in one moment
 * never means another chunk in the next. `definitions` holds names without case and underscores beside names as written.
 * `slow_embeddings` are those of a slow model, which come behind the rows. The `source` of an embedding is the key of its input in the file that all indexes share (vectors.ts).
 */
const TABLES = `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE files(
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, language TEXT NOT NULL, kind TEXT NOT NULL,
    depth TEXT NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns TEXT NOT NULL, ctime_ns TEXT NOT NULL,
    inode TEXT NOT NULL, skip TEXT, checksum INTEGER NOT NULL) STRICT;
  CREATE TABLE chunks(
    id INTEGER PRIMARY KEY AUTOINCREMENT, file_id INTEGER NOT NULL, start_line INTEGER NOT NULL, end_line INTEGER NOT NULL,
    hash TEXT NOT NULL, symbols TEXT NOT NULL, scope TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
  CREATE INDEX chunks_of_file ON chunks(file_id, end_line);
  CREATE TABLE texts(
    chunk_id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, path TEXT NOT NULL, symbols TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE VIRTUAL TABLE words USING fts5(path, symbols, body, content='texts', content_rowid='chunk_id', tokenize='ascii');
  INSERT INTO words(words, rank) VALUES('secure-delete', 1);
  CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
  CREATE TABLE definitions(
    plain TEXT NOT NULL, name TEXT NOT NULL, chunk_id INTEGER NOT NULL, PRIMARY KEY(plain, name, chunk_id)) STRICT, WITHOUT ROWID;
  CREATE TABLE embeddings(
    id INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id INTEGER NOT NULL UNIQUE, checksum INTEGER NOT NULL, embedding BLOB NOT NULL,
    source BLOB) STRICT;
  CREATE TABLE slow_embeddings(
    id INTEGER PRIMARY KEY AUTOINCREMENT, chunk_id INTEGER NOT NULL UNIQUE, checksum INTEGER NOT NULL, embedding BLOB NOT NULL,
    source BLOB) STRICT;
`;

/** "dows" */
const INDEX: Layout = { version: SCHEMA_VERSION, applicationId: 0x646f7773, tables: TABLES };

/** Changes with any change to the table of shared embeddings. */
export const VECTORS_VERSION = 1;

/** "dowv". Rows come in the order of their ids, so that old ones lie together; `used` is a day, written once a day at most. */
export const VECTORS: Layout = {
  version: VECTORS_VERSION,
  applicationId: 0x646f7776,
  tables: `
    CREATE TABLE embeddings(
      id INTEGER PRIMARY KEY, source BLOB NOT NULL UNIQUE, used INTEGER NOT NULL, checksum INTEGER NOT NULL, embedding BLOB NOT NULL) STRICT;
    CREATE INDEX embeddings_by_use ON embeddings(used);
  `,
};

/** A file of another schema, or another program's: it must be set aside, not written. */
export class ForeignSchema extends DowserError {
  constructor(file: string) {
    super(
      'store_unusable',
      `The file ${file} is not one of this version of dowser. End the dowser that uses it and start again.`,
    );
  }
}

/** Opens the file with every pragma set and its tables made. Throws what SQLite throws, and ForeignSchema. */
export function openDatabase(file: string, mode: 'write' | 'read', layout = INDEX): Database.Database {
  // The timeout is set before the first statement: even reading the schema can meet a lock.
  const database = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    assertVersion(database);
    database.pragma('trusted_schema = OFF');
    database.pragma('cell_size_check = ON');
    database.pragma('mmap_size = 0');
    if (mode === 'read' || layout !== INDEX) database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma('secure_delete = ON');
    if (!isCurrent(database, layout)) create(database, layout);
    database.pragma('synchronous = NORMAL');
    database.pragma(`journal_size_limit = ${JOURNAL_BYTES_MAX}`);
    if (mode === 'read') database.pragma('query_only = ON');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Removes all rows, inside the caller's transaction. */
export function clearAll(database: Database.Database): void {
  database.exec("INSERT INTO words(words) VALUES('delete-all')");
  for (const table of ['files', 'chunks', 'texts', 'definitions', 'embeddings', 'slow_embeddings'])
    database.exec(`DELETE FROM ${table}`);
}

export function clearEmbeddings(database: Database.Database, table: 'embeddings' | 'slow_embeddings'): void {
  database.exec(`DELETE FROM ${table}`);
}

function isCurrent(database: Database.Database, { version, applicationId }: Layout): boolean {
  const found = database.pragma('user_version', { simple: true });
  return found === version && database.pragma('application_id', { simple: true }) === applicationId;
}

/** Several processes may come here in the same moment: one makes the tables, the others see them when their turn comes. */
function create(database: Database.Database, layout: Layout): void {
  database.transaction(() => refuseForeign(database, layout)).immediate();
  switchToLog(database);
  database
    .transaction(() => {
      if (isCurrent(database, layout)) return;
      database.exec(layout.tables);
      database.pragma(`application_id = ${layout.applicationId}`);
      database.pragma(`user_version = ${layout.version}`);
    })
    .immediate();
}

/** SQLite does not wait for its timeout here but fails at once when another process is at the same point: so we wait. */
function switchToLog(database: Database.Database): void {
  const deadlineMs = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      database.pragma('journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadlineMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SWITCH_RETRY_MS);
    }
  }
}

function refuseForeign(database: Database.Database, layout: Layout): void {
  if (isCurrent(database, layout)) return;
  const version = database.pragma('user_version', { simple: true });
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  if (version !== 0 || tables !== 0) throw new ForeignSchema(database.name);
}

function assertVersion(database: Database.Database): void {
  const version = database.prepare('SELECT sqlite_version()').pluck().get() as string;
  const parts = version.split('.').map(Number);
  for (const [at, least] of SQLITE_VERSION_MIN.entries()) {
    const part = parts[at] ?? 0;
    if (part > least) return;
    if (part < least) {
      throw new Error(
        `SQLite ${version} can corrupt an index that two processes use: ${SQLITE_VERSION_MIN.join('.')} is the least`,
      );
    }
  }
}
