/** Embeddings that all indexes share: what one kept another finds, whatever happens to the file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hashText } from '../../src/hash.ts';
import { makePrivateFolder } from '../../src/store/place.ts';
import { asBlob, dequantise, quantise } from '../../src/store/rows.ts';
import { openDatabase, VECTORS } from '../../src/store/schema.ts';
import { openVectors, type Vectors, type VectorsOptions } from '../../src/store/vectors.ts';
import type { Embedding } from '../../src/types.ts';
import { bytesOf, DIMENSIONS, embeddingOf, freshFile } from './support.ts';

const PROGRAM = fileURLToPath(new URL('./storeProcess.ts', import.meta.url));

function shared(file: string, options: Partial<VectorsOptions> = {}): Vectors {
  const vectors = openVectors(file, { dimensions: DIMENSIONS, ...options })!;
  onTestFinished(() => vectors.close());
  return vectors;
}

const named = (...names: readonly string[]): Map<string, Embedding> =>
  new Map(names.map((name) => [hashText(name), embeddingOf(name)]));
const sources = (...names: readonly string[]): string[] => names.map(hashText);
const stored = (embedding: Embedding): Buffer => asBlob(quantise(embedding)!);

describe('shared embeddings', () => {
  it('are found by who asks for the same source, as an index would store them', () => {
    const file = freshFile();
    shared(file).keep(named('one', 'two'), []);
    const found = shared(file).find(sources('two', 'three', 'one'));
    expect([...found.keys()]).toEqual(sources('two', 'one'));
    expect(stored(found.get(hashText('one'))!)).toEqual(stored(embeddingOf('one')));
  });

  it('are the same bytes again, however often they are read and written', () => {
    const values = fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(values, (embedding) => {
        const bytes = quantise(embedding);
        if (bytes === undefined) return;
        expect(quantise(dequantise(asBlob(bytes)))).toEqual(bytes);
      }),
    );
  });

  it('of texts without a known word are known to be nothing', () => {
    const vectors = shared(freshFile());
    vectors.keep(new Map([[hashText('?'), new Float32Array(DIMENSIONS)]]), []);
    expect(vectors.find(sources('?')).get(hashText('?'))).toEqual(new Float32Array(DIMENSIONS));
  });

  it('of other dimensions are not found', () => {
    const file = freshFile();
    shared(file, { dimensions: 8 }).keep(new Map([[hashText('one'), new Float32Array(8).fill(1)]]), []);
    expect(shared(file).find(sources('one')).size).toBe(0);
  });

  it('write nothing when they are used again on the same day, and one note on another', () => {
    const file = freshFile();
    const first = shared(file, { todayDay: 100 });
    first.keep(named('one'), []);
    const before = bytesOf(file);
    first.keep(new Map(), first.find(sources('one')).keys());
    expect(bytesOf(file)).toEqual(before);
    const later = shared(file, { todayDay: 101 });
    later.keep(new Map(), later.find(sources('one')).keys());
    const database = openDatabaseOf(file);
    expect(database.prepare('SELECT used FROM embeddings').pluck().all()).toEqual([101]);
  });

  it('stay below their ceiling: those used last longest ago make room', () => {
    const file = freshFile();
    const bytesMax = 200_000;
    const names = Array.from({ length: 6_000 }, (_, at) => `text ${at}`);
    shared(file, { bytesMax, todayDay: 1 }).keep(named('old but used'), []);
    for (let at = 0; at < names.length; at += 100) {
      const vectors = shared(file, { bytesMax, todayDay: 2 + at / 100 });
      vectors.keep(named(...names.slice(at, at + 100)), vectors.find(sources('old but used')).keys());
    }
    const vectors = shared(file);
    expect(vectors.find(sources(...names.slice(-100))).size).toBe(100);
    expect(vectors.find(sources(...names.slice(0, 100))).size).toBe(0);
    expect(vectors.find(sources('old but used')).size).toBe(1);
    openDatabaseOf(file).pragma('wal_checkpoint(TRUNCATE)');
    expect(statSync(file).size).toBeLessThan(bytesMax * 1.2);
  });
});

describe('a file of shared embeddings that', () => {
  it('is no database is set aside, and another begun', () => {
    const file = freshFile();
    shared(file).close();
    writeFileSync(file, 'not a database, but long enough to be read as one '.repeat(100));
    const vectors = shared(file);
    vectors.keep(named('one'), []);
    expect(vectors.find(sources('one')).size).toBe(1);
    expect(readdirSync(dirname(file)).filter((name) => name.includes('set-aside'))).toHaveLength(1);
  });

  it('is of another kind is set aside, and another begun', () => {
    const file = freshFile();
    makePrivateFolder(file);
    // An index is no file of shared embeddings either.
    openDatabase(file, 'write').close();
    shared(file).keep(named('one'), []);
    expect(shared(file).find(sources('one')).size).toBe(1);
  });

  it('has flipped bits gives nothing wrong, and takes what is made again', () => {
    const file = freshFile();
    shared(file).keep(named('one', 'two'), []);
    const database = openDatabaseOf(file);
    database.prepare('UPDATE embeddings SET embedding = zeroblob(?) WHERE id = 1').run(DIMENSIONS);
    const vectors = shared(file);
    expect([...vectors.find(sources('one', 'two')).keys()]).toEqual(sources('two'));
    vectors.keep(named('one'), []);
    expect(vectors.find(sources('one', 'two')).size).toBe(2);
  });

  it('is damaged while it is open is given up, and begun anew by the next who opens it', () => {
    const file = freshFile();
    const vectors = shared(file);
    vectors.keep(named(...Array.from({ length: 500 }, (_, at) => `text ${at}`)), []);
    openDatabaseOf(file).pragma('wal_checkpoint(TRUNCATE)');
    vectors.close();
    const page = Buffer.alloc(4_096, 0xee);
    const bytes = bytesOf(file);
    for (let at = 4_096; at < bytes.length; at += 4_096) page.copy(bytes, at);
    writeFileSync(file, bytes);
    const torn = shared(file);
    expect(torn.find(sources('text 1')).size).toBe(0);
    torn.keep(named('one'), []);
    const next = shared(file);
    next.keep(named('one'), []);
    expect(next.find(sources('one')).size).toBe(1);
  });

  it("can't be made is done without", () => {
    const file = freshFile();
    writeFileSync(dirname(file), 'a file where the folder should be');
    expect(openVectors(file, { dimensions: DIMENSIONS })).toBeUndefined();
  });
});

describe('among processes', () => {
  it('one that holds the file for good is waited for once, and what is in it is still found', () => {
    const file = freshFile();
    const vectors = shared(file);
    vectors.keep(named('one'), []);
    const other = openDatabaseOf(file);
    other.exec('BEGIN IMMEDIATE');
    const late = shared(file);
    expect(late.find(sources('one')).size).toBe(1);
    late.keep(named('two'), []);
    const startedMs = performance.now();
    for (let at = 0; at < 20; at++) late.keep(named(`more ${at}`), []);
    expect(performance.now() - startedMs).toBeLessThan(900);
    other.exec('ROLLBACK');
    expect([...shared(file).find(sources('one', 'two')).keys()]).toEqual(sources('one'));
  });

  it('what several keep at the same time is all found', async () => {
    const file = freshFile();
    const children = Array.from({ length: 4 }, (_, at) =>
      spawn(process.execPath, [PROGRAM, 'keep', file, '40', String(at)], { stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    const ends = await Promise.all(children.map(async (child) => (await once(child, 'close'))[0]));
    expect(ends).toEqual([0, 0, 0, 0]);
    const names = Array.from({ length: 4 * 40 }, (_, at) => `${at % 4} ${Math.floor(at / 4)}`);
    expect(shared(file).find(sources(...names)).size).toBe(160);
    expect(existsSync(`${file}.suspect`)).toBe(false);
  });
});

function openDatabaseOf(file: string): ReturnType<typeof openDatabase> {
  const database = openDatabase(file, 'write', VECTORS);
  onTestFinished(() => void database.close());
  return database;
}
