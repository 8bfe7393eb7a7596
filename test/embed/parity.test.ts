/** dowser's embeddings against those of the reference library, which models/train/fixtures.py has written down. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { loadOnnxRuntime, type OnnxLibrary } from '../../src/embed/onnx.ts';
import type { Embedding } from '../../src/types.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/models/', import.meta.url));
const COSINE_MIN = 0.9999;
/** What a wrong form must fall below on some text, so that the bound above is known to tell right from wrong. */
const WRONG_COSINE_MAX = 0.99;
const SIZES = [8, 16, 32];

type Pooled = { ids: number[]; last?: number[]; mean?: number[]; cls?: number[] };
type Reference = { cut: number; rows: { text: string; whole: Pooled; cut: Pooled }[] };
type Pooling = 'last' | 'mean' | 'cls';

const hasOnnx = await loadOnnxRuntime().then(
  () => true,
  () => false,
);
const scratch = mkdtempSync(join(tmpdir(), 'dowser-parity-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let copies = 0;

function referenceOf(name: string): Reference {
  return JSON.parse(readFileSync(join(FIXTURES, name, 'reference.json'), 'utf8'));
}

/** The fixture with some of its manifest changed. */
function variant(name: string, changes: Record<string, unknown>): string {
  const folder = join(scratch, `${name}-${copies++}`);
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  const file = join(folder, 'model.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }));
  return folder;
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    squaresA += a[i]! ** 2;
    squaresB += b[i]! ** 2;
  }
  return dot / Math.sqrt(squaresA * squaresB);
}

/** The least cosine to the reference over its texts, all embedded in one call. Texts without a token must give zeros. */
async function leastCosine(
  model: string,
  rows: readonly { text: string; expected: readonly number[] | undefined }[],
  dimensions?: number,
  loadOnnx = loadOnnxRuntime,
): Promise<number> {
  const embedder = await openEmbedder({ model, dimensions, threads: 1 }, loadOnnx);
  const embeddings = await embedder.embed(
    rows.map(({ text }) => text),
    'nl2code',
    'passage',
  );
  await embedder.close();
  const cosines = embeddings.map((embedding: Embedding, at) => {
    expect(embedding).toHaveLength(embedder.dimensions);
    const { expected } = rows[at]!;
    if (expected === undefined) return embedding.every((value) => value === 0) ? 1 : 0;
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    return cosine(embedding, expected.slice(0, embedder.dimensions));
  });
  return Math.min(...cosines);
}

function rowsOf(name: string, limit: 'whole' | 'cut', pooling: Pooling) {
  return referenceOf(name).rows.map((row) => ({ text: row.text, expected: row[limit][pooling] }));
}

const FORMS: Readonly<Record<string, { pooling: Pooling[]; padding: ('left' | 'right')[] }>> = {
  decoder: { pooling: ['last', 'mean', 'cls'], padding: ['left', 'right'] },
  'decoder-past': { pooling: ['last', 'mean', 'cls'], padding: ['left', 'right'] },
  'decoder-q4': { pooling: ['last', 'mean', 'cls'], padding: ['left', 'right'] },
  // Its operator takes lengths from the mask: texts begin at the first column.
  'decoder-grouped': { pooling: ['last', 'mean', 'cls'], padding: ['right'] },
  // Positions are counted by column.
  encoder: { pooling: ['mean', 'cls', 'last'], padding: ['right'] },
  'encoder-half': { pooling: ['mean', 'cls', 'last'], padding: ['right'] },
  'encoder-int8': { pooling: ['mean', 'cls', 'last'], padding: ['right'] },
};

const CASES = Object.entries(FORMS).flatMap(([name, form]) =>
  form.pooling.flatMap((pooling) => form.padding.map((padding) => ({ name, pooling, padding }))),
);

describe.runIf(hasOnnx)('embeddings are those of the reference', () => {
  it.each(CASES)('$name, pooling $pooling, padding $padding: whole and cut, at every size', async (form) => {
    const { name, pooling, padding } = form;
    for (const limit of ['whole', 'cut'] as const) {
      const maxTokens = limit === 'cut' ? { maxTokens: referenceOf(name).cut } : {};
      const model = variant(name, { pooling, padding, ...maxTokens });
      const rows = rowsOf(name, limit, pooling);
      for (const dimensions of SIZES) {
        expect(await leastCosine(model, rows, dimensions)).toBeGreaterThanOrEqual(COSINE_MIN);
      }
    }
  });

  it.each(Object.keys(FORMS))('%s, in every mix of texts and alone', async (name) => {
    const pooling = FORMS[name]!.pooling[0]!;
    const rows = rowsOf(name, 'whole', pooling);
    const model = join(FIXTURES, name);
    const mixes = [
      rows.toReversed(),
      [...rows, ...rows, ...rows],
      rows.filter((_, at) => at % 2 === 0),
      ...rows.slice(0, 4).map((row) => [row]),
    ];
    for (const mix of mixes) expect(await leastCosine(model, mix)).toBeGreaterThanOrEqual(COSINE_MIN);
  });

  it('encoder, as it pools itself', async () => {
    const model = variant('encoder', { pooling: 'none' });
    expect(await leastCosine(model, rowsOf('encoder', 'whole', 'mean'))).toBeGreaterThanOrEqual(COSINE_MIN);
  });
});

describe.runIf(hasOnnx)('the comparison notices', () => {
  it.each([
    ['another pooling', 'decoder', { pooling: 'mean' }, 'last'],
    ['padding on the side that this model does not take', 'encoder', { padding: 'left' }, 'mean'],
    ['padding that is not looked past', 'decoder-grouped', { padding: 'left' }, 'last'],
    ['a cut at another place', 'decoder', { maxTokens: 20 }, 'last'],
  ] as const)('%s', async (_what, name, changes, pooling) => {
    const least = await leastCosine(variant(name, changes), rowsOf(name, 'whole', pooling));
    expect(least).toBeLessThan(WRONG_COSINE_MAX);
  });

  it.each([
    ['position_ids of zeros', 'position_ids', 0n],
    ['a mask that hides nothing', 'attention_mask', 1n],
  ] as const)('%s', async (_what, input, value) => {
    const library = await loadOnnxRuntime();
    const spoiled: OnnxLibrary = {
      ...library,
      env: library.env,
      Tensor: library.Tensor,
      InferenceSession: {
        async create(model, options) {
          const session = await library.InferenceSession.create(model, options);
          const { inputNames, outputNames, inputMetadata, outputMetadata } = session;
          return {
            inputNames,
            outputNames,
            inputMetadata,
            outputMetadata,
            release: () => session.release(),
            run: (feeds, outputs) => {
              const { dims } = feeds[input] as { dims: number[] };
              const wrong = new BigInt64Array(dims[0]! * dims[1]!).fill(value);
              return session.run({ ...feeds, [input]: new library.Tensor('int64', wrong, dims) }, outputs);
            },
          };
        },
      },
    };
    const rows = rowsOf('decoder', 'whole', 'last');
    const model = variant('decoder', { padding: 'left' });
    expect(await leastCosine(model, rows, undefined, async () => spoiled)).toBeLessThan(WRONG_COSINE_MAX);
  });
});
