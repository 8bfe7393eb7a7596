import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LexicalQuestion } from '../../src/store/lexical.ts';
import type { Retriever } from '../../src/types.ts';
import { type Opened, testRetriever } from '../contracts/retriever.ts';
import { fileOf, find, freshFile, opened, pathsOf } from './support.ts';

/** File n says "river" once among n + 5 words, so that all match and none alike; "even" is a third of the words of each. */
function openWith(count: number): Opened<LexicalQuestion> {
  const store = opened(freshFile());
  const files = Array.from({ length: count }, (_, at) =>
    fileOf(`f${at}`, [`river ${'stone '.repeat(at + 4)}`], { embeds: false }),
  );
  // The others keep the terms rare enough for BM25 to weigh them at all.
  const others = Array.from({ length: count * 2 }, (_, at) => fileOf(`other${at}`, ['cloud'], { embeds: false }));
  store.replaceFiles([...files, ...others], []);
  const records = store.files();
  const fileIds = files.map(({ path }) => records.get(path)!.id);
  return {
    retriever: store.lexical as Retriever<LexicalQuestion>,
    question: { terms: ['river'] },
    evenQuestion: { terms: ['f'] },
    emptyQuestion: { terms: [] },
    fileIds,
    fileIdOf: (chunkId) => store.chunkRows([chunkId])[0]!.fileId,
  };
}

testRetriever('lexical', (count) => {
  const one = openWith(count);
  if (count !== 30) return one;
  const store = opened(freshFile());
  const same = Array.from({ length: count }, (_, at) => fileOf(`a/${at}x`, ['even'], { embeds: false }));
  const others = Array.from({ length: count * 2 }, (_, at) => fileOf(`b/${at}x`, ['cloud'], { embeds: false }));
  store.replaceFiles([...same, ...others], []);
  return { ...one, retriever: store.lexical, evenQuestion: { terms: ['even'] } };
});

describe('lexical', () => {
  it('weighs a word in a symbol over one in the body, and one in the path over both', () => {
    const store = opened(freshFile());
    store.replaceFiles(
      [
        fileOf('a.ts', ['token here and there']),
        fileOf('b.ts', ['plain here and there'], { symbols: ['token'] }),
        fileOf('token.ts', ['plain here and there']),
        ...Array.from({ length: 9 }, (_, at) => fileOf(`${at}.ts`, ['nothing of it'])),
      ],
      [],
    );
    const hits = store.lexical.retrieve({ terms: ['token'] }, 10, {});
    expect(
      pathsOf(
        store,
        hits.map(({ chunkId }) => chunkId),
      ),
    ).toEqual(['token.ts:1', 'b.ts:1', 'a.ts:1']);
    const turned = store.lexical.retrieve({ terms: ['token'], weights: { path: 0.1, symbols: 0.1, body: 9 } }, 1, {});
    expect(
      pathsOf(
        store,
        turned.map(({ chunkId }) => chunkId),
      ),
    ).toEqual(['a.ts:1']);
  });

  it('keeps every term whole, of whatever script', () => {
    const store = opened(freshFile());
    const words = ['größe', 'имя', '設定', 'नाम', '\u{10400}\u{10428}', 'naïve', 'x86', 'ﬁle', 'x'.repeat(64)];
    store.replaceFiles([fileOf('words', words, { embeds: false })], []);
    const rows = store.chunkRowsOfFile('words');
    for (const [at, row] of rows.entries()) {
      const all = store.wordsOf([row.id]).get(row.id)!.body.split(' ');
      expect(all.length).toBeGreaterThan(0);
      for (const term of all) expect(find(store, term)).toContain(`words:${at + 1}`);
    }
    expect(find(store, 'gr')).toEqual([]);
  });

  it('never throws, whatever the terms', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a', ['and or not near body path quote star'])], []);
    const hostile = [
      '"',
      '""',
      "'",
      'a"b',
      '\0',
      'a\0b',
      '*',
      'bod*',
      'body:',
      '(',
      ')',
      'AND',
      'NEAR(a b)',
      '{path}:x',
      '-',
      '^a',
      '',
      ' ',
      '\ud800',
      '%',
      '; DROP TABLE files',
    ];
    for (const term of hostile) expect(store.lexical.retrieve({ terms: [term] }, 10, {}).length).toBeLessThanOrEqual(1);
    expect(store.lexical.retrieve({ terms: [...hostile, 'quot'] }, 10, {})).toHaveLength(1);
    expect(store.lexical.retrieve({ terms: Array.from({ length: 5_000 }, (_, at) => `t${at}`) }, 10, {})).toEqual([]);
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.string())), (terms) => {
        store.lexical.retrieve({ terms }, 10, {});
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('scores alike whether common terms may choose or only add to the score', () => {
    const store = opened(freshFile());
    const texts = Array.from({ length: 21_000 }, (_, at) =>
      at % 3 === 0 ? `common word${at % 500}` : at % 2 === 0 ? 'common' : 'usual',
    );
    store.replaceFiles(
      [fileOf('many', texts, { embeds: false }), fileOf('few', ['common quartz', 'quartz'], { embeds: false })],
      [],
    );
    const many = store.lexical.retrieve({ terms: ['common', 'usual', 'quartz'] }, 2, {});
    expect(
      pathsOf(
        store,
        many.map(({ chunkId }) => chunkId),
      ),
    ).toEqual(expect.arrayContaining(['few:1', 'few:2']));
    const few = store.lexical.retrieve({ terms: ['common', 'usual', 'quartz'] }, 2, {
      fileIds: [store.files().get('few')!.id],
    });
    expect(few.map(({ chunkId }) => chunkId)).toEqual(many.map(({ chunkId }) => chunkId));
    for (const [at, { score }] of few.entries()) expect(score).toBeCloseTo(many[at]!.score, 9);
    expect(store.lexical.retrieve({ terms: ['usual'] }, 5, {})).toHaveLength(5);
  });
});
