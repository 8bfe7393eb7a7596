import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BUNDLED_MODEL } from '../../src/embed/catalog.ts';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { type LoadOnnx, loadOnnxRuntime } from '../../src/embed/onnx.ts';
import { SIDES } from '../../src/embed/tasks.ts';
import { expectClose, testEmbedder } from '../contracts/embedder.ts';
import { writeTinyModel } from './tinyModel.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tinyDir = mkdtempSync(join(tmpdir(), 'dowser-models-'));
afterAll(() => rmSync(tinyDir, { recursive: true }));
writeTinyModel(tinyDir);

const hasOnnx = await loadOnnxRuntime().then(
  () => true,
  () => false,
);
const runtimes: ('onnx' | 'table')[] = hasOnnx ? ['table', 'onnx'] : ['table'];
const tiny = { model: 'tiny', modelsDir: tinyDir };
const bundled = { model: BUNDLED_MODEL, modelsDir: join(root, 'models') };
const models = existsSync(join(bundled.modelsDir, BUNDLED_MODEL, 'model.json')) ? [tiny, bundled] : [tiny];

for (const model of models) {
  for (const runtime of runtimes) {
    testEmbedder(`${model.model} on ${runtime}`, () => openEmbedder({ ...model, runtime }), { sidesDiffer: true });
  }
}

/** Real code of every sort, prose, unknown words, scripts of the world, noise. */
function manyTexts(): string[] {
  const folders = ['src/embed', 'test/embed', 'test/contracts', 'src'].map((folder) => join(root, folder));
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(folder, entry.name), 'utf8')),
  );
  const code = files.flatMap((text) => text.match(/[\s\S]{1,400}/g) ?? []).slice(0, 300);
  const noise = fc.sample(fc.string({ unit: 'grapheme', maxLength: 80 }), { seed: 11, numRuns: 150 });
  const words = fc.sample(fc.lorem({ maxCount: 40 }), { seed: 12, numRuns: 150 });
  const odd = [
    '',
    ' ',
    '日本語のコメント',
    'naïve café',
    'Zqxv Wkjh',
    'é'.repeat(3000),
    'a'.repeat(5000),
    'readFile '.repeat(900),
  ];
  return [...odd, ...code, ...noise, ...words, ...files.slice(0, 4)];
}

describe.runIf(hasOnnx).each(models)('$model without ONNX Runtime', (model) => {
  it('gives the embeddings that ONNX Runtime gives, on hundreds of texts', async () => {
    const texts = manyTexts();
    expect(texts.length).toBeGreaterThanOrEqual(500);
    const table = await openEmbedder({ ...model, runtime: 'table' });
    const onnx = await openEmbedder({ ...model, runtime: 'onnx' });
    expect(onnx.id).toBe(table.id);
    for (const side of SIDES) {
      const fromTable = await table.embed(texts, 'nl2code', side);
      const fromOnnx = await onnx.embed(texts, 'nl2code', side);
      for (const [index, embedding] of fromTable.entries()) expectClose(embedding, fromOnnx[index]!);
    }
    await onnx.close();
  });
});

describe('the choice of runtime', () => {
  const absent: LoadOnnx = async () => {
    throw new Error("Cannot find package 'onnxruntime-node'");
  };

  it('needs no ONNX Runtime unless it is asked for by name', async () => {
    for (const runtime of ['auto', 'table', undefined] as const) {
      const embedder = await openEmbedder({ ...tiny, runtime }, absent);
      expect(embedder.runtime).toBe('table');
      const [embedding] = await embedder.embed(['parse url'], 'nl2code', 'query');
      expect(Math.hypot(...embedding!)).toBeCloseTo(1, 4);
    }
  });

  it('says what to do when ONNX Runtime was asked for by name and is absent', async () => {
    const opening = openEmbedder({ ...tiny, runtime: 'onnx' }, absent);
    await expect(opening).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(/Cannot find.*Install/),
    });
  });

  it('says what to do when ONNX Runtime is there and can run nothing', async () => {
    const broken = {
      env: {},
      InferenceSession: { create: () => Promise.reject(new Error('no provider')) },
      Tensor: class {},
    };
    const opening = openEmbedder({ ...tiny, runtime: 'onnx' }, async () => broken);
    await expect(opening).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringContaining('no provider'),
    });
  });

  it.runIf(hasOnnx)('is ONNX Runtime for a transformer, whose sums are not those of a table', async () => {
    const model = writeTinyModel(tinyDir, 'transformer', { kind: 'transformer' });
    const [plain, transformer] = [await openEmbedder({ ...tiny, runtime: 'onnx' }), await openEmbedder({ model })];
    expect(transformer.runtime).toBe('onnx');
    const [expected] = await plain.embed(['parse url'], 'nl2code', 'query');
    const [embedding] = await transformer.embed(['parse url'], 'nl2code', 'query');
    expectClose(embedding!, expected!);
    await Promise.all([plain.close(), transformer.close()]);
  });

  it('refuses to sum a transformer as a table, and says what to do without ONNX Runtime', async () => {
    const model = writeTinyModel(tinyDir, 'transformer', { kind: 'transformer' });
    await expect(openEmbedder({ model, runtime: 'table' })).rejects.toMatchObject({ code: 'bad_argument' });
    await expect(openEmbedder({ model }, absent)).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringContaining('bundled model'),
    });
  });

  it('reports a model that fails while it runs, and one that gives no unit length', async () => {
    const form = {
      inputNames: ['input_ids', 'attention_mask', 'side'],
      outputNames: ['embeddings'],
      inputMetadata: [],
      outputMetadata: [],
    };
    const running = (run: () => Promise<Record<string, { data: unknown; dims: number[] }>>) =>
      openEmbedder({ ...tiny, runtime: 'onnx' }, async () => ({
        env: {},
        InferenceSession: { create: async () => ({ ...form, run, release: async () => {} }) },
        Tensor: class {},
      }));
    const throwing = await running(() => Promise.reject(new Error('out of memory')));
    await expect(throwing.embed(['url'], 'qa', 'query')).rejects.toMatchObject({ code: 'model_failed' });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 0.5]) {
      const odd = await running(async () => ({
        embeddings: { data: new Float32Array(256).fill(value), dims: [1, 256] },
      }));
      await expect(odd.embed(['url'], 'qa', 'query')).rejects.toMatchObject({ code: 'model_failed' });
    }
    const short = await running(async () => ({ embeddings: { data: new Float32Array(255), dims: [1, 255] } }));
    await expect(short.embed(['url'], 'qa', 'query')).rejects.toMatchObject({ code: 'model_failed' });
    const none = await running(async () => ({}));
    await expect(none.embed(['url'], 'qa', 'query')).rejects.toMatchObject({ code: 'model_failed' });
  });
});

describe('the id of an embedder', () => {
  it('is the same for the same model, and another when anything that shapes embeddings differs', async () => {
    const changes: Record<string, unknown>[] = [
      {},
      { maxTokens: 256 },
      { sides: {} },
      {
        prefixes: Object.fromEntries(
          ['nl2code', 'qa', 'code2code', 'code2nl', 'code2completion'].map((task) => [
            task,
            { query: 'q: ', passage: '' },
          ]),
        ),
      },
    ];
    const ids: string[] = [];
    for (const change of changes) {
      writeTinyModel(tinyDir, 'variant', change);
      ids.push((await openEmbedder({ model: 'variant', modelsDir: tinyDir })).id);
    }
    expect(new Set(ids).size).toBe(changes.length);
    writeTinyModel(tinyDir, 'variant');
    expect((await openEmbedder({ model: 'variant', modelsDir: tinyDir })).id).toBe(ids[0]);
    expect(ids[0]).toMatch(/^variant-256-[0-9a-f]{16}$/);
  });
});

// Six isolates start in each of these; a loaded machine takes its time.
describe.each(runtimes)('worker threads on %s', { timeout: 60_000 }, (runtime) => {
  it.concurrent.each(['return', 'close', 'terminate', 'exit'])(
    'embed, and the process ends in order by %s',
    async (ending) => {
      const program = join(root, 'test/embed/embedInThreads.ts');
      const args = [program, tiny.modelsDir, tiny.model, runtime, ending];
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 50_000 });
      expect(stdout).toBe('1.000 1.000\n');
      expect(stderr).toBe('');
    },
  );
});
