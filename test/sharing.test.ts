/** A text is embedded once: not again in a sibling work tree, on another branch, or when other lines of its file change. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storePlaceFor } from '../src/store/place.ts';
import type { SyncReport } from '../src/types.ts';
import { writeTinyModel } from './embed/tinyModel.ts';
import { git, makeFolder, makeRepository, write } from './source/tree.ts';
import { openUnattended } from './support.ts';

const word = (at: number): string => `handler${String.fromCharCode(97 + (at % 26))}${at}`;
const functionOf = (at: number, body = 'request'): string =>
  `export function ${word(at)}(request) {\n${`  parse(${body}, ${at});\n`.repeat(30)}  return ${body};\n}\n`;
const FILE = Array.from({ length: 12 }, (_, at) => functionOf(at)).join('\n');

/** Static models add up rows of a table, transformers are run by ONNX Runtime and slow: both share. */
describe.each(['static', 'transformer'])('with a %s model', (kind) => {
  const models = makeFolder();
  const model = writeTinyModel(models, kind, { kind });
  const cacheDir = join(models, 'cache');

  async function sync(root: string): Promise<SyncReport & { embeddings: unknown }> {
    const { index, engine } = await openUnattended(root, { model, cacheDir });
    try {
      const report = await index.sync();
      const { store } = engine();
      const rows = [...store.files().keys()].flatMap((path) => store.chunkRowsOfFile(path));
      const embeddings = store.embeddingsOf(rows.map(({ id }) => id));
      expect(embeddings.size).toBe(rows.length);
      return {
        ...report,
        embeddings: rows.map(({ id, path, startLine }) => ({ path, startLine, embedding: embeddings.get(id) })),
      };
    } finally {
      await index.close();
    }
  }

  function project(name: string): string {
    return makeRepository({
      [`src/${name}.js`]: FILE,
      'src/two.py': `def ${name}_${kind}():\n    return 1\n`,
    });
  }

  test('a sibling work tree embeds nothing again, and has the same index', async () => {
    const root = project('sibling');
    const first = await sync(root);
    expect(first.chunksEmbedded).toBe(first.chunksWritten);
    expect(first.chunksEmbedded).toBeGreaterThan(5);
    const sibling = join(makeFolder(), 'sibling');
    git(root, 'worktree', 'add', '-q', sibling, '-b', 'other');
    const second = await sync(sibling);
    expect(second).toMatchObject({ chunksWritten: first.chunksWritten, chunksEmbedded: 0 });
    expect(second.embeddings).toEqual(first.embeddings);
  });

  test('a branch seen before embeds nothing again', async () => {
    const root = project('branch');
    const first = await sync(root);
    git(root, 'checkout', '-qb', 'feature');
    write(root, { 'src/branch.js': FILE.replaceAll('request', 'payload'), 'src/three.js': functionOf(77) });
    git(root, 'add', '.');
    git(root, 'commit', '-qm', 'second');
    expect((await sync(root)).chunksEmbedded).toBeGreaterThan(5);
    git(root, 'checkout', '-q', '-');
    const back = await sync(root);
    expect(back.chunksWritten).toBeGreaterThan(5);
    expect(back.chunksEmbedded).toBe(0);
    expect(back.embeddings).toEqual(first.embeddings);
    git(root, 'checkout', '-q', 'feature');
    expect(await sync(root)).toMatchObject({ chunksEmbedded: 0 });
  });

  test('an edit embeds the chunks that it changed', async () => {
    const root = project('edit');
    const { chunksEmbedded } = await sync(root);
    write(root, {
      'src/edit.js': `// a line that moves all others\n${FILE.replace(functionOf(7), functionOf(7, 'changed'))}`,
    });
    const edited = await sync(root);
    expect(edited.chunksEmbedded).toBeGreaterThan(0);
    expect(edited.chunksEmbedded).toBeLessThan(3);
    expect(chunksEmbedded).toBeGreaterThan(6);
  });

  test('nothing is written where nothing changed', async () => {
    const root = project('still');
    await sync(root);
    const { vectorsFile } = storePlaceFor(root, cacheDir);
    const before = readFileSync(vectorsFile);
    expect(await sync(root)).toMatchObject({ chunksWritten: 0, chunksEmbedded: 0 });
    expect(readFileSync(vectorsFile)).toEqual(before);
  });
});
