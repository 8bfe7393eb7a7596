import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { isWhole } from '../../src/store/damage.ts';
import { openDatabase } from '../../src/store/schema.ts';
import { openStore } from '../../src/store/store.ts';
import { bytesOf, contentOf, embeddingOf, fileOf, find, freshFile, OPTIONS, opened } from './support.ts';

function asides(file: string): string[] {
  return readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.set-aside-`));
}

/** Changes a file that no store has open. */
function alter(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

describe('a store that is not as it was left', () => {
  it('sets aside what is no database, and begins anew', () => {
    const file = freshFile();
    mkdirSync(dirname(file));
    writeFileSync(file, 'this is no database '.repeat(400));
    const store = opened(file);
    expect(store.health()).toContain('store_set_aside');
    expect(asides(file)).toHaveLength(1);
    expect(readFileSync(`${dirname(file)}/${asides(file)[0]}`, 'utf8')).toContain('this is no database');
    store.replaceFiles([fileOf('a', ['alpha'])], []);
    expect(find(store, 'alpha')).toEqual(['a:1']);
  });

  it("sets aside another schema and another program's database, never writing into them", () => {
    for (const sql of [
      'PRAGMA user_version = 999',
      'PRAGMA application_id = 1',
      'CREATE TABLE mine(x); INSERT INTO mine VALUES(1)',
    ]) {
      const file = freshFile();
      if (sql.startsWith('CREATE')) mkdirSync(dirname(file));
      else openStore(file, OPTIONS).close();
      alter(file, sql);
      const before = readFileSync(file);
      expect(() => openStore(file, { ...OPTIONS, mode: 'read' })).toThrow(
        expect.objectContaining({ code: 'store_unusable' }),
      );
      const store = opened(file);
      expect(store.files().size).toBe(0);
      expect(readFileSync(`${dirname(file)}/${asides(file)[0]}`).equals(before)).toBe(true);
    }
  });

  it('sets aside a file that lost its end', () => {
    const file = freshFile();
    const store = openStore(file, OPTIONS);
    store.replaceFiles(
      [
        fileOf(
          'a',
          Array.from({ length: 300 }, (_, at) => `alpha ${at}`),
        ),
      ],
      [],
    );
    store.close();
    truncateSync(file, 4096 * 3);
    const again = openStore(file, OPTIONS);
    // SQLite notices when it reads what is missing; from then on the file is suspected, and the next start replaces it.
    if (again.files().size > 0)
      expect(() => contentOf(again)).toThrow(expect.objectContaining({ code: 'store_unusable' }));
    again.close();
    const renewed = opened(file);
    expect(asides(file)).toHaveLength(1);
    expect(renewed.files().size).toBe(0);
  });

  it('sets aside a file whose damage shows when its words are first spoken of', () => {
    const file = freshFile();
    openStore(file, OPTIONS).close();
    const database = new Database(file);
    const page = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'words_config'").pluck().get();
    const pageBytes = database.pragma('page_size', { simple: true }) as number;
    database.close();
    writeFileSync(file, readFileSync(file).fill(0, ((page as number) - 1) * pageBytes, (page as number) * pageBytes));
    const store = opened(file);
    expect(store.health()).toEqual(['store_set_aside']);
    expect(asides(file)).toHaveLength(1);
    store.replaceFiles([fileOf('a', ['alpha'])], []);
    expect(find(store, 'alpha')).toEqual(['a:1']);
  });

  it.each([
    ['chunks', 'UPDATE chunks SET start_line = start_line + 64 WHERE file_id = 1'],
    ['words', "UPDATE texts SET body = 'alpha tampered' WHERE chunk_id = 1"],
    ['embeddings', 'UPDATE embeddings SET embedding = zeroblob(16) WHERE chunk_id = 1'],
  ])('leaves out damaged rows of %s, says so, and is built anew at the next start', (_, sql) => {
    const file = freshFile();
    const first = openStore(file, OPTIONS);
    first.replaceFiles([fileOf('a', ['alpha']), fileOf('b', ['alpha beta'])], []);
    first.close();
    alter(file, sql);
    const store = openStore(file, OPTIONS);
    expect(store.health()).toEqual([]);
    const ids = [1, 2];
    const seen = [store.chunkRows(ids).length, store.wordsOf(ids).size, store.embeddingsOf(ids).size];
    expect(seen.sort()).toEqual([1, 2, 2]);
    store.vector.retrieve({ embedding: embeddingOf('alpha') }, 5, {});
    expect(store.damagedRows()).toBeGreaterThan(0);
    expect(store.health()).toEqual(['damaged_rows']);
    store.close();
    const next = opened(file);
    expect(next.health()).toEqual(['store_set_aside']);
    expect(next.files().size).toBe(0);
    next.close();
    expect(opened(file).health()).toEqual([]);
  });

  it("reads a file anew whose own row is damaged, says so, and doesn't trust what that row said", () => {
    const file = freshFile();
    const first = openStore(file, OPTIONS);
    first.replaceFiles([fileOf('a', ['alpha'], { size: 7 }), fileOf('b', ['beta'], { size: 7 })], []);
    first.close();
    alter(file, "UPDATE files SET language = 'typescripu' WHERE path = 'a'");
    const store = opened(file);
    expect(store.file('b')).toMatchObject({ fingerprint: { size: 7 } });
    expect(store.file('a')).toMatchObject({ hash: '', fingerprint: { size: 0 } });
    expect(store.health()).toEqual(['damaged_rows']);
    store.replaceFiles([fileOf('a', ['alpha'], { size: 7 })], []);
    expect(store.file('a')).toMatchObject({ language: 'typescript', fingerprint: { size: 7 } });
    store.close();
    expect(opened(file).health()).toEqual([]);
  });

  it('is used again when a suspicion proves wrong', () => {
    const file = freshFile();
    const first = openStore(file, OPTIONS);
    first.replaceFiles([fileOf('a', ['alpha'])], []);
    first.close();
    writeFileSync(`${file}.suspect`, '');
    const store = opened(file);
    expect(store.health()).toEqual([]);
    expect(find(store, 'alpha')).toEqual(['a:1']);
    expect(readdirSync(dirname(file)).some((name) => name.endsWith('.suspect'))).toBe(false);
  });

  it('never mixes rows of two chunkers: another fingerprint starts from nothing', () => {
    const file = freshFile();
    const first = openStore(file, OPTIONS);
    first.replaceFiles([fileOf('a', ['alpha'], { symbols: ['Alpha'] })], []);
    const reader = opened(file, { mode: 'read', fingerprint: 'chunker-2' });
    expect(reader.health()).toEqual(['other_version']);
    first.close();
    const second = opened(file, { fingerprint: 'chunker-2' });
    expect(second.files().size).toBe(0);
    expect(find(second, 'alpha')).toEqual([]);
    expect(second.definitionsOf(['Alpha'], {})).toEqual([]);
    expect(second.counts()).toMatchObject({ files: 0, chunks: 0, embedded: 0 });
    expect(reader.files().size).toBe(0);
    expect(reader.health()).toEqual([]);
  });

  it('never compares embeddings of two models: another one drops them and keeps the rest', () => {
    const file = freshFile();
    const first = openStore(file, OPTIONS);
    first.replaceFiles([fileOf('a', ['alpha'])], []);
    const near = { embedding: embeddingOf('alpha') };
    const reader = opened(file, { mode: 'read', modelId: 'model-2' });
    expect(reader.vector.retrieve(near, 5, {})).toEqual([]);
    expect(reader.embeddingsOf([1]).size).toBe(0);
    expect(reader.health()).toEqual(['other_model']);
    expect(find(reader, 'alpha')).toEqual(['a:1']);
    first.close();
    const without = openStore(file, { ...OPTIONS, modelId: undefined, dimensions: 0 });
    expect(without.vector.retrieve(near, 5, {})).toEqual([]);
    without.close();
    const same = openStore(file, OPTIONS);
    expect(same.vector.retrieve(near, 5, {})).toHaveLength(1);
    same.close();
    const second = opened(file, { modelId: 'model-2' });
    expect(second.vector.retrieve(near, 5, {})).toEqual([]);
    expect(second.missingEmbeddings(5)).toHaveLength(1);
    expect(find(second, 'alpha')).toEqual(['a:1']);
    second.replaceFiles([fileOf('a', ['alpha'])], []);
    expect(reader.vector.retrieve(near, 5, {})).toHaveLength(1);
  });

  it.each([
    ['one by one', 1],
    ['at once', 40],
  ])('keeps no byte of what was removed %s, once the log is in', (_name, together) => {
    const file = freshFile();
    const store = opened(file);
    const secret = (at: number): string => `canaryzq${at}`;
    const other = (at: number): PreparedText => fileOf(`other${at}`, [`plain text ${at} of some length`]);
    for (let at = 0; at < 40; at++)
      store.replaceFiles([fileOf(`f${at}`, [`text ${secret(at)} text`], { symbols: [secret(at)] }), other(at)], []);
    store.checkpoint();
    expect(bytesOf(file).includes('canaryzq')).toBe(true);
    const doomed = Array.from({ length: 39 }, (_, at) => `f${at + 1}`);
    store.replaceFiles([fileOf('f0', ['now without'])], []);
    for (let at = 0; at < doomed.length; at += together) store.replaceFiles([], doomed.slice(at, at + together));
    store.checkpoint();
    // FTS5 writes only what a term adds to the one before it, so a tail alone would tell as well.
    expect(bytesOf(file).includes('anaryzq')).toBe(together > 1);
    while (store.purge());
    store.checkpoint();
    expect(bytesOf(file).includes('anaryzq')).toBe(false);
    expect(find(store, 'plain')).toHaveLength(40);
    expect(find(store, 'canaryzq7')).toEqual([]);
  });

  it('purges what another process left behind, in slices, and then writes nothing more', () => {
    const file = freshFile();
    const text = (at: number): string =>
      Array.from({ length: 300 }, (_, word) => `w${(at * 7 + word) % 9_000}`).join(' ');
    const first = openStore(file, OPTIONS);
    const files = Array.from({ length: 300 }, (_, at) => fileOf(`f${at}`, [`canaryzq${at} ${text(at)}`]));
    for (let at = 0; at < 300; at += 20) first.replaceFiles(files.slice(at, at + 20), []);
    first.replaceFiles(
      files.slice(0, 200).map((changed) => ({ ...changed, hash: 'other', chunks: [] })),
      [],
    );
    first.close();
    const store = opened(file);
    expect(isSound(file)).toBe(true);
    let slices = 0;
    while (store.purge()) slices++;
    expect(slices).toBeGreaterThan(1);
    expect(isSound(file)).toBe(true);
    store.checkpoint();
    for (let at = 0; at < 200; at++) expect(find(store, `canaryzq${at}`)).toEqual([]);
    expect(find(store, 'canaryzq250')).toEqual(['f250:1']);
    const bytes = bytesOf(file);
    expect(bytes.includes('canaryzq250')).toBe(true);
    expect(bytes.includes('canaryzq17')).toBe(false);
    expect(store.purge()).toBe(false);
    expect(bytesOf(file)).toEqual(bytes);
  });

  it('keeps its folder to its user', () => {
    const file = freshFile();
    opened(file).replaceFiles([fileOf('a', ['alpha'])], []);
    if (process.platform !== 'win32') expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  });
});

function isSound(file: string): boolean {
  const database = openDatabase(file, 'write');
  try {
    return isWhole(database);
  } finally {
    database.close();
  }
}

type PreparedText = ReturnType<typeof fileOf>;
