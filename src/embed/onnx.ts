/**
 * The door to ONNX Runtime, which is optional and loaded when first needed. It runs on the thread that calls it; a
 * worker thread that is terminated, or a process that exits, in the middle of a run sometimes aborts (1.30.0): let the
 * run end first.
 */
import type { Embedding, Side } from '../types.ts';
import type { LocalManifest } from './manifest.ts';

/** Imports the library. A parameter of those who need it, so that its absence can be tried out. */
export type LoadOnnx = () => Promise<OnnxLibrary>;

/** What we use of onnxruntime-node. Described here, because the package and its types may be absent at build time. */
export type OnnxLibrary = {
  readonly env: { logLevel?: string };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: readonly number[]) => object;
};

type OnnxSession = {
  run(feeds: Readonly<Record<string, object>>): Promise<Readonly<Record<string, { data: unknown }>>>;
  release(): Promise<void>;
};

export type OnnxModel = {
  embed(ids: readonly (readonly number[])[], side: Side): Promise<Embedding[]>;
  close(): Promise<void>;
};

/** Texts in one run: as fast as 32 on a static model (4 are slower), with less memory at the peak. */
const BATCH_TEXTS = 8;

/**
 * One thread: two were less than half as fast on a static model, and parallel work is one worker thread per core. No
 * arena: it keeps the largest batch's memory for good, and costs no time to be without.
 */
const SESSION_OPTIONS = {
  executionProviders: ['cpu'],
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 3,
} as const;

// A variable, so that type checking and bundling do without the package.
const PACKAGE: string = 'onnxruntime-node';

export async function loadOnnxRuntime(): Promise<OnnxLibrary> {
  const library = (await import(PACKAGE)) as OnnxLibrary;
  // It warns on stderr about graphics cards it can't see.
  library.env.logLevel = 'error';
  return library;
}

/** Makes a session of a static model. Throws whatever the library throws when it, or the model, can't be loaded. */
export async function openOnnx(model: Uint8Array, manifest: LocalManifest, load: LoadOnnx): Promise<OnnxModel> {
  const library = await load();
  // It takes no shared memory.
  const session = await library.InferenceSession.create(Uint8Array.from(model), SESSION_OPTIONS);
  return {
    embed: (ids, side) => embedInBatches(library, session, manifest, ids, side),
    close: () => session.release(),
  };
}

/** Texts of like length share a batch, so that little of it is padding. One without tokens needs no run. */
async function embedInBatches(
  library: OnnxLibrary,
  session: OnnxSession,
  manifest: LocalManifest,
  ids: readonly (readonly number[])[],
  side: Side,
): Promise<Embedding[]> {
  const embeddings = ids.map(() => new Float32Array(manifest.dimensions));
  const order = [...ids.keys()].filter((index) => ids[index]!.length > 0);
  order.sort((a, b) => ids[a]!.length - ids[b]!.length);
  for (let start = 0; start < order.length; start += BATCH_TEXTS) {
    const batch = order.slice(start, start + BATCH_TEXTS);
    const feeds = makeFeeds(
      library,
      manifest,
      batch.map((index) => ids[index]!),
      side,
    );
    const output = (await session.run(feeds))[manifest.output ?? ''];
    const values = floatsOf(output, batch.length, manifest.dimensions);
    batch.forEach((index, row) => {
      embeddings[index]!.set(values.subarray(row * manifest.dimensions, (row + 1) * manifest.dimensions));
    });
  }
  return embeddings;
}

function makeFeeds(
  { Tensor }: OnnxLibrary,
  { inputs }: LocalManifest,
  batch: readonly (readonly number[])[],
  side: Side,
): Record<string, object> {
  if (inputs === undefined) throw new Error('its manifest names no inputs');
  const width = Math.max(...batch.map((ids) => ids.length));
  const ids = new BigInt64Array(batch.length * width);
  const mask = new BigInt64Array(batch.length * width);
  batch.forEach((row, index) => {
    row.forEach((id, column) => {
      ids[index * width + column] = BigInt(id);
    });
    mask.fill(1n, index * width, index * width + row.length);
  });
  const shape = [batch.length, width];
  return {
    [inputs.ids]: new Tensor('int64', ids, shape),
    [inputs.mask]: new Tensor('int64', mask, shape),
    [inputs.side]: new Tensor('int64', BigInt64Array.of(side === 'query' ? 0n : 1n), [1]),
  };
}

function floatsOf(output: { data: unknown } | undefined, texts: number, dimensions: number): Float32Array {
  if (!(output?.data instanceof Float32Array) || output.data.length !== texts * dimensions) {
    throw new Error(`the model's output is not ${texts} x ${dimensions} floats`);
  }
  return output.data;
}
