/** Runs a model on token ids: batches in, embeddings out, in whatever form the model was exported. */
import type { Provider } from '../config.ts';
import { DowserError } from '../errors.ts';
import type { Embedding, Side } from '../types.ts';
import { type Batch, batchOf, openFeeds } from './feeds.ts';
import type { LocalManifest } from './manifest.ts';
import { type LoadOnnx, type OnnxLibrary, type OnnxSession, openSession, type SessionSettings } from './onnx.ts';
import { chooseOutput, pool, similarity } from './pooling.ts';

export type NeuralModel = {
  readonly provider: Provider;
  /** As the model makes them: of its own size, of any length; zeros for a text without tokens. */
  embed(ids: readonly (readonly number[])[], side: Side): Promise<Embedding[]>;
  /** Waits for the run that goes on; what is left of a call of embed() is given up. */
  close(): Promise<void>;
};

/** Texts in one run: as fast as 32 on a static model (4 are slower), with less memory at the peak. */
const BATCH_TEXTS = 8;

/**
 * Tokens in one run, padding included: attention of a run holds a number for each pair of them and each head. With MiniLM,
 * 2,048 peak at 610 MB and 512 at 360 MB, no slower: what is worked on fits the processor's cache.
 */
const BATCH_TOKENS_MAX = 512;

/**
 * Least cosine of a text's embedding alone to that in company, so that embeddings do not depend on what else was to do.
 * Floats, halves and 4 bits of the test's models are 1e-13 away from 1; activations that are quantised by what is in the
 * run (dynamic int8) 8e-5, and padding on the wrong side 1e-1.
 */
const COMPANY_COSINE_MIN = 0.99999;

/**
 * Opens the model of a folder. `probe` is a short and a long text, which are embedded once to see whether the model lets
 * texts share a run. Throws whatever the library throws, and an Error for a model of a form that is not known.
 */
export async function openNeural(
  model: Uint8Array | string,
  manifest: LocalManifest,
  { probe, ...settings }: SessionSettings & { readonly probe: readonly (readonly number[])[] },
  load: LoadOnnx,
): Promise<NeuralModel> {
  const { library, session, provider } = await openSession(model, settings, load);
  const { feed, output } = await formOf(library, session, manifest);
  const padding = manifest.kind === 'transformer' ? manifest.padding : 'right';
  let closed = false;
  const active = new Set<Promise<unknown>>();

  const run = async (batch: Batch, side: Side): Promise<Embedding[]> => {
    if (closed) throw new DowserError('cancelled', 'The model was closed.');
    const running = session.run(feed(batch, side), [output]);
    active.add(running);
    const outputs = await running.finally(() => active.delete(running));
    return pool(outputs[output], batch, manifest.pooling, manifest.dimensions);
  };

  let together: boolean | undefined = manifest.kind === 'static' ? true : undefined;
  const mayShareRuns = async (): Promise<boolean> => {
    const [alone] = await run(batchOf(probe.slice(0, 1), padding), 'passage');
    const [inCompany] = await run(batchOf(probe, padding), 'passage');
    return similarity(alone!, inCompany!) >= COMPANY_COSINE_MIN;
  };

  return {
    provider,
    async embed(ids, side) {
      const embeddings = ids.map((): Embedding => new Float32Array(manifest.dimensions));
      const some = [...ids.keys()].filter((index) => ids[index]!.length > 0);
      if (some.length > 1) together ??= await mayShareRuns();
      const rowsMax = together === true ? BATCH_TEXTS : 1;
      for (const batch of batches(ids, some, rowsMax)) {
        const rows = batchOf(
          batch.map((index) => ids[index]!),
          padding,
        );
        for (const [row, embedding] of (await run(rows, side)).entries()) embeddings[batch[row]!] = embedding;
      }
      return embeddings;
    },
    async close() {
      closed = true;
      await Promise.allSettled(active);
      await session.release();
    },
  };
}

/** How the model is fed and which of its outputs counts; one of a form that is not known does not stay in memory. */
async function formOf(library: OnnxLibrary, session: OnnxSession, manifest: LocalManifest) {
  try {
    return { feed: openFeeds(library, session, manifest), output: chooseOutput(session, manifest) };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Texts of like length share a run, so that little of it is padding. */
function* batches(
  ids: readonly (readonly number[])[],
  indexes: readonly number[],
  rowsMax: number,
): Generator<readonly number[]> {
  const order = indexes.toSorted((a, b) => ids[a]!.length - ids[b]!.length);
  let batch: number[] = [];
  for (const index of order) {
    // The longest comes last, so it is as wide as the batch.
    const tokens = (batch.length + 1) * ids[index]!.length;
    if (batch.length > 0 && (batch.length === rowsMax || tokens > BATCH_TOKENS_MAX)) {
      yield batch;
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) yield batch;
}
