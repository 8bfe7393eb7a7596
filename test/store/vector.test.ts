import { describe, expect, it } from 'vitest';
import type { VectorQuestion } from '../../src/store/vector.ts';
import type { Embedding, PreparedFile } from '../../src/types.ts';
import { type Opened, testRetriever } from '../contracts/retriever.ts';
import { DIMENSIONS, embeddingOf, fileOf, freshFile, opened } from './support.ts';

function withEmbedding(path: string, embedding: Embedding): PreparedFile {
  const file = fileOf(path, [path], { embeds: false });
  return { ...file, chunks: file.chunks.map((chunk) => ({ ...chunk, embedding })) };
}

/** Two values in the first two dimensions: an angle away from the first. */
function direction(angle: number): Embedding {
  const values = new Float32Array(DIMENSIONS);
  values[0] = Math.cos(angle);
  values[1] = Math.sin(angle);
  return values;
}

function openWith(count: number, even: boolean): Opened<VectorQuestion> {
  const store = opened(freshFile());
  const files = Array.from({ length: count }, (_, at) =>
    withEmbedding(`f${at}`, even ? direction(1) : direction((at / count) * 3)),
  );
  store.replaceFiles(files, []);
  const records = store.files();
  return {
    retriever: store.vector,
    question: { embedding: direction(0) },
    evenQuestion: { embedding: direction(0) },
    emptyQuestion: { embedding: new Float32Array(DIMENSIONS) },
    fileIds: files.map(({ path }) => records.get(path)!.id),
    fileIdOf: (chunkId) => store.chunkRows([chunkId])[0]!.fileId,
  };
}

testRetriever('vector', (count) => openWith(count, count === 30));

describe('vector', () => {
  it('scores by the cosine, from -1 to 1', () => {
    const store = opened(freshFile());
    const angles = [0, 0.5, 1, Math.PI / 2, 2, Math.PI];
    store.replaceFiles(
      angles.map((angle) => withEmbedding(String(angle), direction(angle))),
      [],
    );
    const scores = store.vector.retrieve({ embedding: direction(0) }, 10, {}).map(({ score }) => score);
    expect(scores).toHaveLength(angles.length);
    for (const [at, angle] of angles.entries()) expect(scores[at]).toBeCloseTo(Math.cos(angle), 2);
    expect(Math.max(...scores)).toBeLessThanOrEqual(1);
    expect(Math.min(...scores)).toBeGreaterThanOrEqual(-1);
  });

  it('finds what an exact search over everything finds, among thousands', () => {
    const store = opened(freshFile());
    const texts = Array.from({ length: 3_000 }, (_, at) => `text number ${at}`);
    store.replaceFiles([fileOf('many', texts)], []);
    const lineOf = new Map(store.chunkRowsOfFile('many').map(({ id, startLine }) => [id, startLine]));
    let shared = 0;
    for (let asked = 0; asked < 20; asked++) {
      const question = embeddingOf(`question ${asked}`);
      const exact = texts
        .map((text, at) => ({
          line: at + 1,
          score: embeddingOf(text).reduce((sum, value, i) => sum + value * question[i]!, 0),
        }))
        .sort((a, b) => b.score - a.score)
        .slice(0, 10);
      const found = new Set(
        store.vector.retrieve({ embedding: question }, 10, {}).map(({ chunkId }) => lineOf.get(chunkId)),
      );
      shared += exact.filter(({ line }) => found.has(line)).length;
    }
    // Random directions of 16 dimensions are the hardest case there is; a text's neighbours are nearer than these.
    expect(shared).toBeGreaterThanOrEqual(190);
  });

  it('follows what is added, changed and removed, by this process and by another', () => {
    const file = freshFile();
    const writer = opened(file);
    const reader = opened(file, { mode: 'read' });
    const seen = (angle: number): string[][] =>
      [writer, reader].map((store) => {
        const ids = store.vector.retrieve({ embedding: direction(angle) }, 2, {}).map(({ chunkId }) => chunkId);
        return store.chunkRows(ids).map(({ path }) => path);
      });
    writer.replaceFiles([withEmbedding('a', direction(0)), withEmbedding('b', direction(1))], []);
    expect(seen(0)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    writer.replaceFiles([withEmbedding('c', direction(0.1)), withEmbedding('a', direction(3))], []);
    expect(seen(0)).toEqual([
      ['c', 'b'],
      ['c', 'b'],
    ]);
    writer.replaceFiles([], ['c']);
    expect(seen(0)).toEqual([
      ['b', 'a'],
      ['b', 'a'],
    ]);
    expect(seen(3)).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('is not led astray by rows that are gone, however many', () => {
    const store = opened(freshFile());
    for (let round = 0; round < 6; round++) {
      const texts = Array.from({ length: 700 }, (_, at) => `round ${round} text ${at}`);
      const file = fileOf('often', texts);
      store.replaceFiles(
        [{ ...file, chunks: file.chunks.map((chunk) => ({ ...chunk, embedding: direction(0.001 * round) })) }],
        [],
      );
      expect(store.vector.retrieve({ embedding: direction(0) }, 120, {})).toHaveLength(120);
    }
    store.replaceFiles([withEmbedding('left', direction(2))], ['often']);
    const hits = store.vector.retrieve({ embedding: direction(0) }, 120, {});
    expect(store.chunkRows(hits.map(({ chunkId }) => chunkId)).map(({ path }) => path)).toEqual(['left']);
  });

  it('refuses what can not be compared: NaN, infinity, zeros and other lengths', () => {
    const store = opened(freshFile());
    const bad = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) =>
      direction(1).with(3, value),
    );
    store.replaceFiles(
      [...bad, new Float32Array(DIMENSIONS)].map((embedding, at) => withEmbedding(`bad${at}`, embedding)),
      [],
    );
    expect(store.vector.retrieve({ embedding: direction(1) }, 10, {})).toEqual([]);
    expect(store.missingEmbeddings(10)).toEqual([]);
    expect(() => store.replaceFiles([withEmbedding('short', new Float32Array(3))], [])).toThrow('3 dimensions');
    expect(store.file('short')).toBeUndefined();
    store.replaceFiles([withEmbedding('good', direction(1))], []);
    for (const embedding of [...bad, new Float32Array(3), new Float32Array(0)]) {
      expect(store.vector.retrieve({ embedding }, 10, {})).toEqual([]);
    }
    expect(store.vector.retrieve({ embedding: direction(1) }, 10, {})).toHaveLength(1);
  });
});
