/** Everything that reads rows, but for the two retrievers. */
import type Database from 'better-sqlite3';
import type { ChunkRow, Depth, Fingerprint, Kind, Scope, SkipReason } from '../types.ts';
import {
  CHUNK_COLUMNS,
  type ChunkColumns,
  type FileColumns,
  intact,
  isWholeFile,
  NO_FINGERPRINT,
  plainName,
  toChunkRows,
  type WordColumns,
  type Words,
  wordsChecksum,
} from './rows.ts';

/** What the store knows of one file. */
export type FileRecord = {
  readonly id: number;
  readonly language: string;
  readonly kind: Kind;
  readonly depth: Depth;
  /** Hash of the content, '' where it was not read. */
  readonly hash: string;
  readonly fingerprint: Fingerprint;
  readonly skip: SkipReason | undefined;
};

export type Counts = {
  readonly files: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  readonly languages: Readonly<Record<string, number>>;
  readonly chunks: number;
  /** Chunks that no embedding is missing for; one that has nothing to embed counts. */
  readonly embedded: number;
  /** The same of a slow model. */
  readonly slowEmbedded: number;
  readonly bytes: number;
  readonly lastChange?: string;
};

/** More chunks than these that define one name tell nothing of which is meant. */
const DEFINITIONS_MAX = 50;

export interface Reader {
  readFiles(): Map<string, FileRecord>;
  readFile(path: string): FileRecord | undefined;
  /** Light columns in the order of the ids; ids that are gone, or whose row is damaged, are left out. */
  chunkRows(ids: readonly number[]): ChunkRow[];
  chunkRowsOfFile(file: string | number): ChunkRow[];
  /** Chunks that define one of these names, however it is spelled (`parse_url`, `parseURL`); as written first, `most` of each name. */
  definitionsOf(names: readonly string[], scope: Scope, most?: number): ChunkRow[];
  wordsOf(ids: readonly number[]): Map<number, Words>;
  countDocuments(term: string): number;
  countChunks(): number;
  counts(): Counts;
}

type Definition = { readonly name: string; readonly id: number };
type Definers = Readonly<Record<'any' | 'asWritten' | 'otherwise', Database.Statement<unknown[], Definition>>>;

/** Rows that are not what was written are left out, and `onDamage` hears how many. */
export function openReader(database: Database.Database, onDamage: (rows: number) => void): Reader {
  const files = database.prepare<[], FileColumns>('SELECT * FROM files ORDER BY path');
  const file = database.prepare<[string], FileColumns>('SELECT * FROM files WHERE path = ?');
  const rows = database.prepare<[string], ChunkColumns>(
    `${CHUNK_COLUMNS} FROM json_each(?) AS asked JOIN chunks AS c ON c.id = asked.value JOIN files AS f ON f.id = c.file_id ORDER BY asked.key`,
  );
  const ofPath = `${CHUNK_COLUMNS} FROM files AS f JOIN chunks AS c ON c.file_id = f.id`;
  const rowsOfPath = database.prepare<[string], ChunkColumns>(`${ofPath} WHERE f.path = ? ORDER BY c.start_line, c.id`);
  const rowsOfId = database.prepare<[number], ChunkColumns>(`${ofPath} WHERE f.id = ? ORDER BY c.start_line, c.id`);
  // Ids alone come straight from the index, 4 us a name; with the rows joined, each statement took ten times as long.
  const defining = (where: string, order = '') =>
    database.prepare<unknown[], Definition>(
      `SELECT d.name, d.chunk_id AS id FROM definitions AS d ${where.includes('o.') ? 'JOIN chunks AS o ON o.id = d.chunk_id' : ''}
       WHERE d.plain = ? ${where} ${order} LIMIT ?`,
    );
  const inFiles = 'AND o.file_id IN (SELECT value FROM json_each(?))';
  const [definers, definersIn] = ['', inFiles].map((files) => ({
    any: defining(files),
    asWritten: defining(`AND d.name = ? ${files}`, 'ORDER BY d.chunk_id'),
    otherwise: defining(`AND d.name <> ? ${files}`, 'ORDER BY d.chunk_id'),
  })) as [Definers, Definers];
  const words = database.prepare<[string], WordColumns>(
    'SELECT t.* FROM json_each(?) AS asked JOIN texts AS t ON t.chunk_id = asked.value',
  );
  const documents = database.prepare<[string], number>('SELECT doc FROM vocabulary WHERE term = ?').pluck();
  const one = (sql: string) => database.prepare<[], number>(sql).pluck();
  const chunks = one('SELECT count(*) FROM chunks');
  const embedded = one('SELECT count(*) FROM embeddings');
  const slowEmbedded = one('SELECT count(*) FROM slow_embeddings');
  const withoutLines = one('SELECT count(*) FROM chunks WHERE start_line = 0');
  const bytes = one('SELECT page_count * page_size FROM pragma_page_count, pragma_page_size');
  const fileGroups = database.prepare<[], FileGroup>(
    'SELECT skip, language, count(*) AS count FROM files GROUP BY skip, language ORDER BY language',
  );
  const lastChange = database.prepare<[], string>("SELECT value FROM meta WHERE key = 'last_change'").pluck();
  /** A damaged row is one of a file that was never read: the next sweep writes it anew. */
  const toRecord = (row: FileColumns): FileRecord => {
    if (isWholeFile(row)) return toFileRecord(row);
    onDamage(1);
    return { ...toFileRecord(row), hash: '', fingerprint: NO_FINGERPRINT, skip: undefined };
  };

  return {
    readFiles: () => new Map(files.all().map((row) => [row.path, toRecord(row)])),
    readFile(path) {
      const row = file.get(path);
      return row && toRecord(row);
    },
    chunkRows: (ids) => (ids.length === 0 ? [] : toChunkRows(rows.all(JSON.stringify(ids)), onDamage)),
    chunkRowsOfFile: (file) =>
      toChunkRows(typeof file === 'string' ? rowsOfPath.all(file) : rowsOfId.all(file), onDamage),
    definitionsOf(names, { fileIds }, most = DEFINITIONS_MAX) {
      const files = fileIds === undefined ? [] : [JSON.stringify(fileIds)];
      const { any, asWritten, otherwise } = fileIds === undefined ? definers : definersIn;
      const ids = new Set<number>();
      for (const name of new Set(names)) {
        const plain = plainName(name);
        let found = any.all(plain, ...files, most + 1);
        if (found.length > most) {
          found = asWritten.all(plain, name, ...files, most);
          found.push(...otherwise.all(plain, name, ...files, most - found.length));
        }
        const isOther = (one: Definition): number => Number(one.name !== name);
        for (const { id } of found.sort((a, b) => isOther(a) - isOther(b) || a.id - b.id)) ids.add(id);
      }
      return ids.size === 0 ? [] : toChunkRows(rows.all(JSON.stringify([...ids])), onDamage);
    },
    wordsOf(ids) {
      const found = ids.length === 0 ? [] : words.all(JSON.stringify(ids));
      const whole = intact(found, (row) => row.checksum === wordsChecksum(row), onDamage);
      return new Map(whole.map(({ chunk_id, path, symbols, body }) => [chunk_id, { path, symbols, body }]));
    },
    countDocuments: (term) => documents.get(term) ?? 0,
    countChunks: () => chunks.get()!,
    counts() {
      const groups = fileGroups.all();
      const changed = lastChange.get();
      return {
        files: groups.reduce((sum, { count }) => sum + count, 0),
        skipped: tally(groups.map(({ skip, count }) => [skip, count])),
        languages: tally<string>(groups.map(({ skip, language, count }) => [skip === null ? language : null, count])),
        chunks: chunks.get()!,
        embedded: embedded.get()! + withoutLines.get()!,
        slowEmbedded: slowEmbedded.get()! + withoutLines.get()!,
        bytes: bytes.get()!,
        ...(changed === undefined ? {} : { lastChange: changed }),
      };
    },
  };
}

type FileGroup = { readonly skip: SkipReason | null; readonly language: string; readonly count: number };

function toFileRecord(row: FileColumns): FileRecord {
  const { id, language, kind, depth, hash, size, mtime_ns, ctime_ns, inode, skip } = row;
  const fingerprint = { size, mtimeNs: mtime_ns, ctimeNs: ctime_ns, inode };
  return {
    id,
    language,
    kind: kind as Kind,
    depth: depth as Depth,
    hash,
    fingerprint,
    skip: (skip as SkipReason | null) ?? undefined,
  };
}

function tally<Name extends string>(groups: readonly (readonly [Name | null, number])[]): Record<Name, number> {
  const counts: Record<string, number> = {};
  for (const [name, count] of groups) if (name !== null) counts[name] = (counts[name] ?? 0) + count;
  return counts;
}
