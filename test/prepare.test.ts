/** Preparing files for the store: words in their columns, hashes that prove lines, what is known by name alone. */
import { expect, test } from 'vitest';
import { hashText } from '../src/hash.ts';
import { prepareFiles } from '../src/prepare.ts';
import { scan } from '../src/source/scan.ts';
import type { Embedder, PreparedFile, Skip } from '../src/types.ts';
import { makeTree } from './source/tree.ts';

const LEASE = 'export class LeaseBook {\n  acquire() {}\n}\n';

async function prepare(
  files: Record<string, string | Uint8Array>,
  embedder?: Embedder,
  linesOnly = false,
): Promise<readonly (PreparedFile | Skip)[]> {
  const root = makeTree(files);
  const { entries } = await scan(root);
  return (await prepareFiles(entries, { root, embedder, vectors: undefined, linesOnly })).files;
}

test('a file becomes its chunks, with terms column by column and the hash of each text', async () => {
  const [file] = await prepare({ 'src/leaseBook.js': LEASE });
  expect(file).toMatchObject({ path: 'src/leaseBook.js', language: 'javascript', kind: 'code', depth: 'full' });
  expect((file as PreparedFile).chunks).toEqual([
    {
      path: 'src/leaseBook.js',
      language: 'javascript',
      kind: 'code',
      startLine: 1,
      endLine: 3,
      symbols: ['LeaseBook', 'acquire'],
      scope: [],
      hash: hashText(LEASE.trimEnd()),
      words: {
        path: 'src leas book leasebook js',
        symbols: 'leas book leasebook acquir',
        body: 'export class leas book leasebook acquir',
      },
    },
  ]);
});

test('what is known by name has one chunk of no lines; what is empty has none', async () => {
  const prepared = await prepare({ 'picture.png': Buffer.from([0, 1]), 'empty.js': ' \n' });
  const chunks = Object.fromEntries(prepared.map((file) => [file.path, 'chunks' in file ? file.chunks : undefined]));
  expect(chunks['empty.js']).toEqual([]);
  expect(chunks['picture.png']).toMatchObject([{ startLine: 0, endLine: 0, words: { path: 'pictur png', body: '' } }]);
});

test('every chunk gets its own embedding, in order, across files', async () => {
  const seen: string[] = [];
  const embedder: Embedder = {
    id: 'test',
    dimensions: 1,
    embed: async (texts) => texts.map((text) => Float32Array.of(seen.push(text))),
    close: async () => undefined,
  };
  const files = await prepare({ 'a.js': LEASE, 'b.png': Buffer.from([0]), 'c.md': '# C\n' }, embedder);
  const embeddings = files.flatMap((file) =>
    'chunks' in file ? file.chunks.map(({ embedding }) => embedding?.[0]) : [],
  );
  expect(embeddings).toEqual([1, undefined, 2]);
  expect(seen).toEqual([`a.js\n${LEASE.trimEnd()}`, 'c.md\n# C']);
});

test('by lines only, no parser names symbols', async () => {
  const [file] = await prepare({ 'a.js': LEASE }, undefined, true);
  expect(file).toMatchObject({ depth: 'full', chunks: [{ symbols: [] }] });
});

test('a file that went away is a skip, and harms no other', async () => {
  const root = makeTree({ 'a.js': LEASE });
  const [entry] = (await scan(root)).entries;
  const preparation = { root, embedder: undefined, vectors: undefined, linesOnly: false };
  const { files } = await prepareFiles([{ ...entry!, path: 'gone.js' }, entry!], preparation);
  expect(files).toMatchObject([
    { path: 'gone.js', reason: 'changing' },
    { path: 'a.js', depth: 'full' },
  ]);
});
