import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PreparedFile } from '../../src/types.ts';
import { bytesOf, contentOf, embeddingOf, fileOf, find, freshFile, opened, pathsOf } from './support.ts';

describe('the store', () => {
  it('gives back the files, chunks, words and embeddings that were put in', () => {
    const store = opened(freshFile());
    store.replaceFiles(
      [fileOf('src/a.ts', ['parse the url', 'open a door'], { symbols: ['parse_url'], size: 12 })],
      [],
    );
    expect(contentOf(store)).toMatchObject([
      {
        path: 'src/a.ts',
        language: 'typescript',
        kind: 'code',
        depth: 'full',
        fingerprint: { size: 12, mtimeNs: '1', ctimeNs: '2', inode: '3' },
        skip: undefined,
        chunks: [
          {
            startLine: 1,
            endLine: 1,
            symbols: ['parse_url'],
            words: { path: 'src a ts', symbols: 'pars url parseurl' },
          },
          { startLine: 2, symbols: [], words: { body: 'open a door' } },
        ],
      },
    ]);
    const ids = store.chunkRowsOfFile('src/a.ts').map(({ id }) => id);
    const embedding = store.embeddingsOf(ids).get(ids[0]!)!;
    const expected = embeddingOf('parse the url');
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(Math.max(...embedding.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThan(0.005);
    expect(store.chunkRowsOfFile(store.files().get('src/a.ts')!.id)).toEqual(store.chunkRowsOfFile('src/a.ts'));
  });

  it('keeps the order that rows are asked for in, and leaves out what is gone', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a', ['one', 'two', 'three'])], []);
    const ids = store.chunkRowsOfFile('a').map(({ id }) => id);
    expect(pathsOf(store, [ids[2]!, 77_777, ids[0]!])).toEqual(['a:3', 'a:1']);
    expect(store.chunkRows([])).toEqual([]);
    expect(store.chunkRowsOfFile('nowhere')).toEqual([]);
  });

  it('replaces a file whole and removes one whole', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a', ['alpha', 'beta'], { symbols: ['first'] }), fileOf('b', ['gamma'])], []);
    store.replaceFiles([fileOf('a', ['delta'], { symbols: ['second'] })], ['b', 'never was']);
    expect([find(store, 'alpha'), find(store, 'beta'), find(store, 'gamma'), find(store, 'delta')]).toEqual([
      [],
      [],
      [],
      ['a:1'],
    ]);
    expect(store.definitionsOf(['first'], {})).toEqual([]);
    expect(store.definitionsOf(['second'], {})).toHaveLength(1);
    expect(store.counts()).toMatchObject({ files: 1, chunks: 1, embedded: 1 });
    expect(store.documentFrequency(['alpha', 'delta'])).toEqual(new Map([['delta', 1]]));
  });

  it('keeps the rows of chunks that only moved, and their embeddings unless new ones come', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a', ['one', 'two', 'two'])], []);
    const before = new Map(store.chunkRowsOfFile('a').map(({ id, startLine }) => [startLine, id]));
    store.replaceFiles([fileOf('a', ['zero', 'one', 'two', 'two'], { embeds: false })], []);
    const after = new Map(store.chunkRowsOfFile('a').map(({ id, startLine }) => [startLine, id]));
    expect([after.get(2), after.get(3), after.get(4)]).toEqual([before.get(1), before.get(2), before.get(3)]);
    expect(store.missingEmbeddings(10).map(({ startLine }) => startLine)).toEqual([1]);
    const file = fileOf('a', ['zero', 'one', 'two', 'two']);
    store.replaceFiles(
      [{ ...file, chunks: file.chunks.map((chunk) => ({ ...chunk, embedding: embeddingOf('other') })) }],
      [],
    );
    const hits = store.vector.retrieve({ embedding: embeddingOf('other') }, 10, {});
    expect(hits).toHaveLength(4);
    for (const { score } of hits) expect(score).toBeCloseTo(1, 4);
  });

  it('takes embeddings of a slow model later, for chunks that are still there, and drops them for another model', () => {
    const file = freshFile();
    const slow = { modelId: 'slow-1', dimensions: embeddingOf('one').length };
    const store = opened(file, { slow });
    const nameOnly = {
      ...fileOf('big.bin', ['x'], { embeds: false }),
      depth: 'name' as const,
      skip: 'binary' as const,
    };
    const byName = { ...nameOnly, chunks: nameOnly.chunks.map((chunk) => ({ ...chunk, startLine: 0, endLine: 0 })) };
    store.replaceFiles([fileOf('a', ['one', 'two']), byName], []);
    expect(store.counts()).toMatchObject({
      chunks: 3,
      embedded: 3,
      slowEmbedded: 1,
      skipped: { binary: 1 },
    });
    const missing = store.slow!.missingEmbeddings(10);
    expect(missing.map(({ startLine }) => startLine)).toEqual([1, 2]);
    const nearest = (from: typeof store, text: string): string[] => {
      const hits = from.slow!.vector.retrieve({ embedding: embeddingOf(text) }, 9, {});
      return pathsOf(
        from,
        hits.map(({ chunkId }) => chunkId),
      );
    };
    expect(nearest(store, 'two')).toEqual([]);
    store.replaceFiles([fileOf('a', ['two'])], []);
    store.putSlowEmbeddings(
      missing.map(({ id, startLine }) => ({
        chunkId: id,
        embedding: embeddingOf(['one', 'two'][startLine - 1]!),
        source: '00'.repeat(16),
      })),
    );
    expect(store.counts()).toMatchObject({ chunks: 2, slowEmbedded: 2 });
    expect(nearest(store, 'two')).toEqual(['a:1']);
    expect(nearest(opened(file, { mode: 'read', slow }), 'two')).toEqual(['a:1']);
    const otherwise = opened(file, { mode: 'read', slow: { ...slow, modelId: 'slow-2' } });
    expect(nearest(otherwise, 'two')).toEqual([]);
    expect(otherwise.health()).toEqual(['other_slow_model']);
    store.replaceFiles([fileOf('a', ['two', 'three'])], []);
    expect(store.slow!.missingEmbeddings(10).map(({ startLine }) => startLine)).toEqual([2]);
    store.close();
    const second = opened(file, { slow: { ...slow, modelId: 'slow-2' } });
    expect(second.counts()).toMatchObject({ chunks: 3, embedded: 3, slowEmbedded: 1 });
    expect(second.slow!.missingEmbeddings(10)).toHaveLength(2);
  });

  it('has a row for every skipped file, with the reason', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a.key', ['was readable once'])], []);
    store.replaceSkips([
      { path: 'a.key', reason: 'secret_name' },
      { path: 'pipe', reason: 'not_regular' },
    ]);
    expect(store.file('a.key')).toMatchObject({ skip: 'secret_name', hash: '' });
    expect(store.counts()).toMatchObject({ files: 2, chunks: 0, skipped: { secret_name: 1, not_regular: 1 } });
    expect(find(store, 'readabl')).toEqual([]);
  });

  it('moves a fingerprint without touching anything else', () => {
    const store = opened(freshFile());
    store.replaceFiles([fileOf('a', ['one'])], []);
    const before = contentOf(store);
    const lastChange = store.counts().lastChange;
    store.touchFiles([
      { path: 'a', fingerprint: { size: 9, mtimeNs: '18446744073709551616', ctimeNs: '8', inode: '7' } },
    ]);
    expect(store.files().get('a')!.fingerprint).toEqual({
      size: 9,
      mtimeNs: '18446744073709551616',
      ctimeNs: '8',
      inode: '7',
    });
    store.touchFiles([{ path: 'a', fingerprint: { size: 1, mtimeNs: '1', ctimeNs: '2', inode: '3' } }]);
    expect(contentOf(store)).toEqual(before);
    expect(store.counts().lastChange).toBe(lastChange);
  });

  it('finds definitions however they are spelled, as written first, in the files asked for', () => {
    const store = opened(freshFile());
    store.replaceFiles(
      [
        fileOf('a', ['1'], { symbols: ['parseURL'] }),
        fileOf('b', ['2'], { symbols: ['parse_url'] }),
        fileOf('c', ['3'], { symbols: ['_'] }),
      ],
      [],
    );
    const names = (asked: string, fileIds?: number[]): string[] =>
      store.definitionsOf([asked], fileIds === undefined ? {} : { fileIds }).map(({ path }) => path);
    expect(names('parse_url')).toEqual(['b', 'a']);
    expect(names('parseURL')).toEqual(['a', 'b']);
    expect(names('parse_url', [store.files().get('a')!.id])).toEqual(['a']);
    expect(names('_')).toEqual(['c']);
    expect(names('nothing')).toEqual([]);
    expect(names("'; DROP TABLE definitions; --")).toEqual([]);
  });

  it('selects files by what is known of them', () => {
    const store = opened(freshFile());
    store.replaceFiles(
      [fileOf('a.py', ['x'], { language: 'python' }), fileOf('a.test.ts', ['y'], { kind: 'tests' })],
      [],
    );
    const select = (wanted: Parameters<typeof store.selectFiles>[0]): number[] => store.selectFiles(wanted);
    expect(select(({ language }) => language === 'python')).toEqual([store.files().get('a.py')!.id]);
    expect(select(({ path, kind }) => path.startsWith('a') && kind === 'tests')).toEqual([
      store.files().get('a.test.ts')!.id,
    ]);
    store.replaceFiles([], ['a.py']);
    expect(select(({ language }) => language === 'python')).toEqual([]);
  });

  it('writes nothing when it is given nothing', () => {
    const file = freshFile();
    const store = opened(file);
    const other = opened(file, { mode: 'read' });
    store.replaceFiles([fileOf('a', ['one'])], []);
    const [bytes, version, seen] = [bytesOf(file), store.dataVersion(), other.dataVersion()];
    store.replaceFiles([], []);
    store.replaceSkips([]);
    store.touchFiles([]);
    store.putSlowEmbeddings([]);
    expect(bytesOf(file).equals(bytes)).toBe(true);
    expect([store.dataVersion(), other.dataVersion()]).toEqual([version, seen]);
    store.replaceFiles([fileOf('a', ['two'])], []);
    expect(store.dataVersion()).not.toBe(version);
    expect(other.dataVersion()).not.toBe(seen);
  });

  it('stores texts that are no valid Unicode, and paths and symbols of any shape', () => {
    const store = opened(freshFile());
    const odd = fileOf('odd \' " \n path', ['x'], { symbols: ['a\nb', '"', '\ud800', '名前', ''] });
    const broken = {
      ...odd,
      chunks: odd.chunks.map((chunk) => ({
        ...chunk,
        words: { path: '\ud800', symbols: '\0', body: 'half\udc00 \0 nul' },
      })),
    };
    store.replaceFiles([broken], []);
    expect(store.chunkRowsOfFile(odd.path)[0]!.symbols).toEqual(['a\nb', '"', '\ufffd', '名前', '']);
    expect(store.damagedRows()).toBe(0);
    expect(find(store, 'nul')).toHaveLength(1);
    store.replaceFiles([], [odd.path]);
    expect(find(store, 'nul')).toEqual([]);
  });

  it('holds the same after any number of changes as a fresh one that is given the outcome', () => {
    const path = fc.constantFrom('a.ts', 'b/c.ts', 'd.md');
    const file = fc
      .record({
        path,
        texts: fc.array(fc.constantFrom('alpha beta', 'beta gamma', 'gamma delta alpha', 'one two three'), {
          maxLength: 5,
        }),
        symbols: fc.subarray(['parse_url', 'Store', 'x']),
        size: fc.nat(9),
      })
      .map(({ path, texts, ...parts }) => fileOf(path, texts, parts));
    const change = fc.record({
      files: fc.array(file, { maxLength: 3 }),
      removed: fc.uniqueArray(path, { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const incremental = opened(freshFile());
        const outcome = new Map<string, PreparedFile>();
        for (const { files, removed } of changes) {
          incremental.replaceFiles(files, removed);
          for (const gone of removed) outcome.delete(gone);
          for (const one of files) outcome.set(one.path, one);
        }
        const fresh = opened(freshFile());
        fresh.replaceFiles([...outcome.values()], []);
        expect(contentOf(incremental)).toEqual(contentOf(fresh));
        const words = ['alpha', 'beta', 'gamma', 'two', 'url'];
        expect(incremental.documentFrequency(words)).toEqual(fresh.documentFrequency(words));
        for (const word of words) expect(find(incremental, word)).toEqual(find(fresh, word));
        const { lastChange: _, bytes: __, ...counts } = incremental.counts();
        expect(fresh.counts()).toMatchObject(counts);
        const near = (store: typeof fresh): number[] =>
          store.vector.retrieve({ embedding: embeddingOf('alpha beta') }, 50, {}).map(({ score }) => score);
        expect(near(incremental)).toEqual(near(fresh));
        incremental.close();
        fresh.close();
      }),
      { numRuns: 20, seed: 11 },
    );
  });
});
