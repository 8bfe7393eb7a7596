/** The store: one SQLite file that one process writes and any number read. */
import type Database from 'better-sqlite3';
import { log } from '../log.ts';
import type { ChunkRow, Retriever } from '../types.ts';
import { assertWhole, clearSuspicion, isSuspected, setAside, suspect } from './damage.ts';
import { type Embeddings, openEmbeddings } from './embeddings.ts';
import { guarded, isDamage } from './failures.ts';
import { type LexicalQuestion, openLexical } from './lexical.ts';
import { dropForeignRows, type ModelRows, modelKey, type RootIdentity } from './owner.ts';
import { inodeOf, isStill, makePrivateFolder } from './place.ts';
import { type Counts, type FileRecord, openReader, type Reader } from './read.ts';
import { ForeignSchema, openDatabase } from './schema.ts';
import { openVocabulary } from './vocabulary.ts';
import { openWriter, type Writer } from './write.ts';

export type { Counts, FileRecord } from './read.ts';

export type StoreOptions = {
  /** 'write' is for the holder of the leader's lock alone. */
  readonly mode: 'write' | 'read';
  /** What makes rows comparable: versions of the chunker and of the terms. */
  readonly fingerprint: string;
  /** Undefined when no model is at hand: embeddings that are there stay, and are not searched. */
  readonly modelId: string | undefined;
  readonly dimensions: number;
  /** A slow model, whose embeddings come behind the rows. */
  readonly slow?: ModelRows | undefined;
  /** The folder that is indexed; the rows of another one that lay at this path before are dropped. */
  readonly root?: RootIdentity | undefined;
};

type Reading = Pick<Reader, 'chunkRows' | 'chunkRowsOfFile' | 'definitionsOf' | 'wordsOf'>;

export interface Store extends Reading, Embeddings, Writer {
  readonly lexical: Retriever<LexicalQuestion>;
  /** What the slow model says, as far as it got; undefined when there is none. */
  readonly slow: Embeddings | undefined;
  /** Every known file by path; the map is the caller's own. */
  files(): Map<string, FileRecord>;
  file(path: string): FileRecord | undefined;
  selectFiles(wanted: (file: FileRecord & { readonly path: string }) => boolean): number[];
  chunkCount(): number;
  /** In how many chunks each term occurs; terms that occur in none are left out. */
  documentFrequency(terms: readonly string[]): Map<string, number>;
  /** Terms of the index that begin so, and in how many chunks each occurs. */
  termsStarting(prefix: string): Map<string, number>;
  counts(): Counts;
  /** Changes with every commit, of this process or another. */
  dataVersion(): string;
  /** Moves the log into the file and cuts it to nothing, unless a reader still needs it. Never waits. */
  checkpoint(): void;
  /** Rows met so far that were not what had been written; they were left out. */
  damagedRows(): number;
  /** Reason codes of what is degraded. */
  health(): string[];
  close(): void;
}

/** Opens the index file, made where there is none. What can't be used is set aside and begun anew, in 'write' mode only. */
export function openStore(file: string, options: StoreOptions): Store {
  makePrivateFolder(file);
  return guarded(
    file,
    () => openOrSetAside(file, options),
    () => suspect(file),
  );
}

function openOrSetAside(file: string, options: StoreOptions): Store {
  try {
    return openWhole(file, options, []);
  } catch (error) {
    if (options.mode === 'read' || !(isDamage(error) || error instanceof ForeignSchema)) throw error;
    const why = error instanceof ForeignSchema ? 'it is of another version' : error.message;
    log.warn(`the index could not be used (${why}); it is set aside and built anew`, { aside: setAside(file) });
    clearSuspicion(file);
    return openWhole(file, options, ['store_set_aside']);
  }
}

/** Some damage shows only when rows are changed or words spoken of: all that an open store needs is made here. */
function openWhole(file: string, options: StoreOptions, notes: readonly string[]): Store {
  const database = openDatabase(file, options.mode);
  try {
    if (options.mode === 'read') return assemble(file, database, options, notes);
    if (isSuspected(file)) assertWhole(database);
    clearSuspicion(file);
    const isNewRoot = dropForeignRows(database, options);
    return assemble(file, database, options, isNewRoot ? [...notes, 'root_replaced'] : notes);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** `notes` are reason codes of what was met when the store was opened. */
function assemble(file: string, database: Database.Database, options: StoreOptions, notes: readonly string[]): Store {
  const { dimensions, slow } = options;
  let damaged = 0;
  const onDamage = (rows: number): void => {
    damaged += rows;
    suspect(file);
  };
  const reader = openReader(database, onDamage);
  // The own connection's changes don't show in data_version.
  const ownChanges = database.prepare<[], number>('SELECT total_changes()').pluck();
  const othersChanges = database.prepare<[], number>('PRAGMA data_version').pluck();
  const version = (): string => `${othersChanges.get()}-${ownChanges.get()}`;
  const remembered = <Value>(read: () => Value): (() => Value) => remember(version, read);
  const files = remembered(() => reader.readFiles());
  const filesByPath = remembered(() => [...files()].map(([path, record]) => ({ ...record, path })));
  const documentFrequency = counterOf(reader, remembered);
  const owner = ownerOf(database, options, remembered);
  const part = { version, onDamage };
  const embeddings = openEmbeddings(database, 'embeddings', { ...part, dimensions, isComparable: owner.isModelOwn });
  /** The file that is open is no longer the one of this name: its rows are those of another time. */
  const inode = inodeOf(file);
  const isReplaced = (): boolean => !isStill(inode, file);
  return guardedAll(file, {
    ...openWriter(database, dimensions, slow?.dimensions ?? 0),
    ...embeddings,
    slow: slow && openEmbeddings(database, 'slow_embeddings', { ...part, ...slow, isComparable: owner.isSlowModelOwn }),
    lexical: openLexical(database, documentFrequency),
    files: () => new Map(files()),
    file: reader.readFile,
    selectFiles: (wanted) =>
      filesByPath()
        .filter(wanted)
        .map(({ id }) => id),
    chunkRows: reader.chunkRows,
    chunkRowsOfFile: rowsByFile(reader, remembered),
    definitionsOf: reader.definitionsOf,
    wordsOf: reader.wordsOf,
    damagedRows: () => damaged,
    chunkCount: remembered(() => reader.countChunks()),
    documentFrequency,
    termsStarting: openVocabulary(database),
    counts: remembered(() => reader.counts()),
    dataVersion: version,
    checkpoint: () => checkpoint(database),
    health: () => [
      ...notes,
      ...(isReplaced() ? ['store_replaced'] : []),
      ...(damaged > 0 ? ['damaged_rows'] : []),
      ...owner.health(),
    ],
    close: () => void database.close(),
  });
}

/** The same, where each function that meets damage has the file suspected. */
function guardedAll<Parts extends object>(file: string, parts: Parts): Parts {
  const guard = (part: unknown): unknown => {
    if (typeof part === 'object' && part !== null) return guardedAll(file, part);
    if (typeof part !== 'function') return part;
    return (...parameters: unknown[]) =>
      guarded(
        file,
        () => part(...parameters),
        () => suspect(file),
      );
  };
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, guard(part)])) as Parts;
}

/** `remember`, of one store. */
type Remembered = <Value>(read: () => Value) => () => Value;

/** Files whose rows are kept: about a megabyte. complete_context reads those around a cursor again at each keystroke's question. */
const FILES_KEPT = 500;

function rowsByFile(reader: Reader, remembered: Remembered): Reader['chunkRowsOfFile'] {
  const kept = remembered(() => new Map<string | number, ChunkRow[]>());
  return (file) => {
    const known = kept();
    const rows = known.get(file) ?? reader.chunkRowsOfFile(file);
    if (known.size >= FILES_KEPT) known.clear();
    known.set(file, rows);
    return [...rows];
  };
}

/** In how many chunks each term occurs, looked up once until something changes. */
function counterOf(reader: Reader, remembered: Remembered): (terms: readonly string[]) => Map<string, number> {
  const frequencies = remembered(() => new Map<string, number>());
  return (terms) => {
    // Asked once for all: to see whether something changed takes longer than to look up what is known.
    const known = frequencies();
    const counts = new Map<string, number>();
    for (const term of terms) {
      const count = known.get(term) ?? reader.countDocuments(term);
      if (count === 0) continue;
      // Terms that nothing holds are looked up again: what is remembered grows no larger than the vocabulary.
      known.set(term, count);
      counts.set(term, count);
    }
    return counts;
  };
}

/** Whether the rows are of this chunker and these models. A store that nobody has written to is nobody's yet. */
function ownerOf(database: Database.Database, options: StoreOptions, remembered: Remembered) {
  const { fingerprint, modelId, slow } = options;
  const readMeta = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
  const chunker = remembered(() => readMeta.get('fingerprint'));
  const model = remembered(() => readMeta.get('model'));
  const slowModel = remembered(() => readMeta.get('slow_model'));
  const isOther = (known: string | undefined, own: string): boolean => known !== undefined && known !== own;
  return {
    isModelOwn: () => modelId !== undefined && model() === modelKey(options),
    isSlowModelOwn: () => slow !== undefined && slowModel() === modelKey(slow),
    health: () => [
      ...(isOther(chunker(), fingerprint) ? ['other_version'] : []),
      ...(modelId !== undefined && isOther(model(), modelKey(options)) ? ['other_model'] : []),
      ...(slow !== undefined && isOther(slowModel(), modelKey(slow)) ? ['other_slow_model'] : []),
    ],
  };
}

/** Remembers what `read` gave until the version is another. */
function remember<Value>(version: () => string, read: () => Value): () => Value {
  let known: { at: string; value: Value } | undefined;
  return () => {
    const at = version();
    if (known?.at !== at) known = { at, value: read() };
    return known.value;
  };
}

function checkpoint(database: Database.Database): void {
  const waitMs = database.pragma('busy_timeout', { simple: true }) as number;
  database.pragma('busy_timeout = 0');
  try {
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.pragma(`busy_timeout = ${waitMs}`);
  }
}
