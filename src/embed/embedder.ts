/** Texts -> embeddings: a model folder, its tokenizer, and one of the two ways to run it. */
import { DowserError } from '../errors.ts';
import { hashText } from '../hash.ts';
import type { Embedder, Embedding, Side } from '../types.ts';
import { type ModelFolder, openModelFolder } from './catalog.ts';
import type { LocalManifest } from './manifest.ts';
import { type LoadOnnx, loadOnnxRuntime, openOnnx } from './onnx.ts';
import { openTable } from './table.ts';
import { prefixFor, sideFor } from './tasks.ts';
import { CHARS_PER_TOKEN_MAX, openTokenizer } from './tokenizer.ts';

export type { ModelFolder } from './catalog.ts';

export type Runtime = 'onnx' | 'table';

export type EmbedderOptions = {
  /** Name of a folder in `modelsDir`, or the path of a model folder, or one that is loaded; the bundled model when left out. */
  readonly model?: string | ModelFolder | undefined;
  readonly modelsDir?: string | undefined;
  /**
   * 'auto' (the default) is the table for a static model: it starts without a library, holds half the memory and
   * sums twice as fast, because it adds a word that repeats only once; and ONNX Runtime aborts the whole process when
   * its thread is ended during a run. Embeddings of the two are equal to 1e-5. A transformer is always run by ONNX.
   */
  readonly runtime?: 'auto' | Runtime | undefined;
};

export type OpenEmbedder = Embedder & {
  readonly name: string;
  readonly runtime: Runtime;
  readonly maxTokens: number;
  /** What threads open the same model from. Undefined where the model is not of use as it was loaded: each has its own. */
  readonly shared: ModelFolder | undefined;
};

/** How far from 1 a length may lie by rounding; a model that is further off is broken. */
const LENGTH_TOLERANCE = 1e-3;

/** Opens a model. What a query and a passage text are is told in tasks.ts. */
export async function openEmbedder(
  options: EmbedderOptions = {},
  loadOnnx: LoadOnnx = loadOnnxRuntime,
): Promise<OpenEmbedder> {
  const { model, modelsDir } = options;
  const folder = typeof model === 'object' ? model : await openModelFolder(model, modelsDir);
  const { manifest } = folder;
  const tokenize = openTokenizer(folder.tokenizer, manifest.maxTokens);
  const runner = await openRunner(folder, options.runtime ?? 'auto', loadOnnx);
  let closed = false;
  return {
    id: identify(manifest),
    name: manifest.name,
    dimensions: manifest.dimensions,
    runtime: runner.runtime,
    maxTokens: manifest.maxTokens,
    shared: runner.runtime === 'table' ? folder : undefined,
    async embed(texts, task, side) {
      if (closed) throw new Error('embed() after close()');
      const prefix = prefixFor(manifest, task, side);
      const ids = texts.map((text) => tokenize(prefix + text));
      const embeddings = await runModel(runner, ids, sideFor(manifest, task, side));
      for (const embedding of embeddings) checkLength(embedding, manifest.name);
      return embeddings;
    },
    async close() {
      if (closed) return;
      closed = true;
      await runner.close();
    },
  };
}

type Runner = {
  readonly runtime: Runtime;
  embed(ids: readonly (readonly number[])[], side: Side): Promise<Embedding[]>;
  close(): Promise<void>;
};

async function openRunner(folder: ModelFolder, runtime: 'auto' | Runtime, loadOnnx: LoadOnnx): Promise<Runner> {
  const { manifest } = folder;
  if (runtime === 'table' && manifest.kind !== 'static') {
    throw new DowserError('bad_argument', `${manifest.name} is no static model: use the runtime "auto" or "onnx".`);
  }
  if (runtime !== 'onnx' && manifest.kind === 'static') {
    const embedIds = openTable(folder.model, manifest.dimensions);
    return {
      runtime: 'table',
      embed: async (ids, side) => ids.map((row) => embedIds(row, side)),
      close: async () => {},
    };
  }
  try {
    return { ...(await openOnnx(folder.model, manifest, loadOnnx)), runtime: 'onnx' };
  } catch (cause) {
    const other = manifest.kind === 'static' ? 'the runtime "auto"' : 'the bundled model';
    const message = `ONNX Runtime can't run ${manifest.name} (${reasonOf(cause)}). Install onnxruntime-node, or use ${other}.`;
    throw new DowserError('model_failed', message, { cause });
  }
}

/** Embeddings compare only when model, tokenizer, what is put before a text, and where it is cut are the same. */
function identify({ name, dimensions, files, prefixes, sides, maxTokens }: LocalManifest): string {
  const parts = [
    files['model.onnx'].sha256,
    files['tokenizer.json'].sha256,
    prefixes,
    sides,
    maxTokens,
    CHARS_PER_TOKEN_MAX,
  ];
  return `${name}-${dimensions}-${hashText(JSON.stringify(parts)).slice(0, 16)}`;
}

async function runModel(runner: Runner, ids: number[][], side: Side): Promise<Embedding[]> {
  try {
    return await runner.embed(ids, side);
  } catch (cause) {
    const message = `The model failed (${reasonOf(cause)}). Search goes on by words; reinstall dowser if it happens again.`;
    throw new DowserError('model_failed', message, { cause });
  }
}

function checkLength(embedding: Embedding, name: string): void {
  let squares = 0;
  for (const value of embedding) squares += value * value;
  if (squares === 0 || Math.abs(Math.sqrt(squares) - 1) <= LENGTH_TOLERANCE) return;
  throw new DowserError('model_failed', `${name} gave an embedding of length ${Math.sqrt(squares)}. Reinstall dowser.`);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
