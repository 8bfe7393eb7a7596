/** dowser's embeddings against those of the reference library, which models/train/fixtures.py has written down. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openModelFolder } from '../../src/embed/catalog.ts';
import { openEmbedder } from '../../src/embed/embedder.ts';
import type { TransformerManifest } from '../../src/embed/manifest.ts';
import { openNeural } from '../../src/embed/neural.ts';
import { loadOnnxRuntime, type OnnxLibrary, type OnnxSession } from '../../src/embed/onnx.ts';
import { openTokenizer } from '../../src/embed/tokenizer.ts';
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
): Promise<number> {
  const embedder = await openEmbedder({ model, dimensions, threads: 1 });
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

/** The same without the trial that finds out whether texts may share a run: they do. */
async function leastCosineInCompany(
  name: string,
  changes: Partial<TransformerManifest>,
  rows: readonly { text: string; expected: readonly number[] | undefined }[],
  loadOnnx = loadOnnxRuntime,
): Promise<number> {
  const folder = await openModelFolder(join(FIXTURES, name));
  const manifest = { ...(folder.manifest as TransformerManifest), ...changes };
  const tokenize = openTokenizer(folder.tokenizer, manifest.maxTokens, true);
  const probe = [[5], [5]];
  const model = await openNeural(folder.model, manifest, { provider: 'cpu', threads: 1, probe }, loadOnnx);
  const known = rows.filter(({ expected }) => expected !== undefined);
  const embeddings = await model.embed(
    known.map(({ text }) => tokenize(text)),
    'passage',
  );
  await model.close();
  return Math.min(...embeddings.map((embedding, at) => cosine(embedding, known[at]!.expected!)));
}

/** ONNX Runtime, but one input has the same value everywhere. */
async function loadSpoiled(input: string, value: bigint): Promise<OnnxLibrary> {
  const { env, InferenceSession, Tensor } = await loadOnnxRuntime();
  return {
    env,
    Tensor,
    InferenceSession: {
      async create(model, options) {
        const session = await InferenceSession.create(model, options);
        const { inputNames, outputNames, inputMetadata, outputMetadata } = session;
        const run: OnnxSession['run'] = (feeds, outputs) => {
          const { dims } = feeds[input] as { dims: number[] };
          const wrong = new BigInt64Array(dims[0]! * dims[1]!).fill(value);
          return session.run({ ...feeds, [input]: new Tensor('int64', wrong, dims) }, outputs);
        };
        return { inputNames, outputNames, inputMetadata, outputMetadata, run, release: () => session.release() };
      },
    },
  };
}

describe.runIf(hasOnnx)('the comparison notices', () => {
  it.each<[string, string, Partial<TransformerManifest>, Pooling]>([
    ['another pooling', 'decoder', { pooling: 'mean' }, 'last'],
    ['padding on the left where positions are counted by column', 'encoder', { padding: 'left' }, 'mean'],
    ['padding on the left where texts begin at the first column', 'decoder-grouped', { padding: 'left' }, 'last'],
    ['a cut at another place', 'decoder', { maxTokens: 20 }, 'last'],
  ])('%s', async (_what, name, changes, pooling) => {
    const rows = rowsOf(name, 'whole', pooling);
    expect(await leastCosineInCompany(name, {}, rows)).toBeGreaterThanOrEqual(COSINE_MIN);
    expect(await leastCosineInCompany(name, changes, rows)).toBeLessThan(WRONG_COSINE_MAX);
  });

  it.each([
    ['position_ids', 0n],
    ['attention_mask', 1n],
  ])('%s that are everywhere %d', async (input, value) => {
    const rows = rowsOf('decoder', 'whole', 'last');
    const spoiled = await loadSpoiled(input, value);
    expect(await leastCosineInCompany('decoder', { padding: 'left' }, rows, async () => spoiled)).toBeLessThan(
      WRONG_COSINE_MAX,
    );
  });

  it('texts that share a run of a model that quantises by what is in it', async () => {
    const rows = rowsOf('encoder-int8', 'whole', 'mean');
    expect(await leastCosineInCompany('encoder-int8', {}, rows)).toBeLessThan(COSINE_MIN);
  });
});

describe.runIf(hasOnnx)('whether texts share a run', () => {
  it.each([
    ['decoder', {}, true],
    ['decoder-grouped', {}, true],
    ['encoder-half', {}, true],
    ['encoder-int8', {}, false],
    ['encoder', { padding: 'left' }, false],
    ['decoder-grouped', { padding: 'left' }, false],
  ])('%s %j: %s, as is found out once', async (name, changes, isShared) => {
    const texts = referenceOf(name).rows.map(({ text }) => text);
    const runs: number[] = [];
    const embedder = await openEmbedder({ model: variant(name, changes) }, async () => {
      const library = await loadOnnxRuntime();
      const create: OnnxLibrary['InferenceSession']['create'] = async (...given) => {
        const session = await library.InferenceSession.create(...given);
        const run = session.run.bind(session);
        session.run = (feeds, outputs) => {
          runs.push((feeds.input_ids as { dims: number[] }).dims[0]!);
          return run(feeds, outputs);
        };
        return session;
      };
      return { env: library.env, Tensor: library.Tensor, InferenceSession: { create } };
    });
    await embedder.embed(texts.slice(0, 1), 'nl2code', 'query');
    expect(runs).toEqual([1]);
    await embedder.embed(texts, 'nl2code', 'passage');
    expect(runs.slice(1, 3)).toEqual([1, 2]);
    expect(Math.max(...runs.slice(3))).toBe(isShared ? 8 : 1);
    const before = runs.length;
    await embedder.embed(texts, 'nl2code', 'passage');
    expect(runs.slice(before)).toEqual(runs.slice(3, before));
    await embedder.close();
  });
});
