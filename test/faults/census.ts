/** Examines an index file that no process has open: whether it is whole, and what it holds of each file. */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { FileRecord } from '../../src/store/read.ts';
import { SCHEMA_VERSION } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { contentOf } from '../store/content.ts';
import { type Files, makeRepository, openFor } from './ground.ts';

/** What an index says of one file; `embeddings` is undefined as long as none of its chunks has one. */
export type Held = { readonly hash: string; readonly chunks: string; readonly embeddings: string | undefined };
export type Census = {
  readonly files: ReadonlyMap<string, Held>;
  /** Model and dimensions, as the index names them; undefined where none was ever used. */
  readonly model: string | undefined;
  /** What can't be in an index that only whole files were written to. */
  readonly torn: readonly string[];
};

const EMPTY: Census = { files: new Map(), model: undefined, torn: [] };

/** An index that is not yet made, or of another version, holds nothing. */
export function takeCensus(storeFile: string): Census {
  if (!existsSync(storeFile)) return EMPTY;
  const database = new Database(storeFile, { timeout: 5_000 });
  let meta: ReadonlyMap<string, string>;
  let torn: string[];
  try {
    if (database.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) return EMPTY;
    meta = new Map(database.prepare<[], [string, string]>('SELECT key, value FROM meta').raw().all());
    torn = tornIn(database);
  } finally {
    database.close();
  }
  const [modelId, dimensions = '0'] = meta.get('model')?.split(' ') ?? [];
  const fingerprint = meta.get('fingerprint') ?? '';
  const store = openStore(storeFile, { mode: 'read', fingerprint, modelId, dimensions: Number(dimensions) });
  try {
    const files = heldBy(store);
    if (store.damagedRows() > 0) torn.push(`${store.damagedRows()} rows are not what was written`);
    for (const [path, { embeddings }] of files) {
      if (embeddings?.includes('missing')) torn.push(`${path} has embeddings for some of its chunks only`);
    }
    return { files, model: meta.get('model'), torn };
  } finally {
    store.close();
  }
}

/** What every index of these files holds, made afresh in `folder`. */
export async function censusOfFresh(folder: string, files: Files, model: string): Promise<Census['files']> {
  const opened = await openFor(makeRepository(folder, files), `${folder}/cache`, { model });
  try {
    await opened.index.sync();
    return heldBy(opened.engine().store);
  } finally {
    await opened.index.close();
  }
}

type File = Omit<FileRecord, 'id'> & {
  readonly path: string;
  readonly chunks: readonly { readonly changedDay: number; readonly embedding?: unknown }[];
};

/** Without what depends on when and where the files were written. */
export function heldBy(store: Store): Map<string, Held> {
  return new Map(
    (contentOf(store) as File[]).map(({ path, hash, fingerprint: _, chunks, ...file }) => {
      const plain = chunks.map(({ changedDay: _, embedding: __, ...chunk }) => chunk);
      const embeddings = chunks.map(({ embedding }) => embedding ?? 'missing');
      const some = embeddings.some((embedding) => embedding !== 'missing');
      const held = { ...file, chunks: plain };
      return [path, { hash, chunks: JSON.stringify(held), embeddings: some ? JSON.stringify(embeddings) : undefined }];
    }),
  );
}

const ORPHANS: readonly (readonly [string, string])[] = [
  ['chunks of no file', 'SELECT count(*) FROM chunks WHERE file_id NOT IN (SELECT id FROM files)'],
  ['chunks without words', 'SELECT count(*) FROM chunks WHERE id NOT IN (SELECT chunk_id FROM texts)'],
  ['words of no chunk', 'SELECT count(*) FROM texts WHERE chunk_id NOT IN (SELECT id FROM chunks)'],
  ['embeddings of no chunk', 'SELECT count(*) FROM embeddings WHERE chunk_id NOT IN (SELECT id FROM chunks)'],
  [
    'names that their chunk does not define, or the other way round',
    `WITH named AS (SELECT DISTINCT chunks.id, value FROM chunks, json_each(chunks.symbols))
     SELECT (SELECT count(*) FROM (SELECT id, value FROM named EXCEPT SELECT chunk_id, name FROM definitions)) +
       (SELECT count(*) FROM (SELECT chunk_id, name FROM definitions EXCEPT SELECT id, value FROM named))`,
  ],
];

function tornIn(database: Database.Database): string[] {
  const torn: string[] = [];
  const whole = database.pragma('integrity_check(3)', { simple: true });
  if (whole !== 'ok') torn.push(`integrity_check: ${whole}`);
  for (const [what, sql] of ORPHANS) {
    const count = database.prepare(sql).pluck().get() as number;
    if (count > 0) torn.push(`${count} ${what}`);
  }
  try {
    database.exec("INSERT INTO words(words, rank) VALUES('integrity-check', 1)");
  } catch (error) {
    torn.push(`the words are not those of the chunks: ${error}`);
  }
  return torn;
}
