/** Texts -> embeddings: a model folder, its tokenizer, and one of the two ways to run it. */
import { availableParallelism } from 'node:os';
import type { Config, Provider } from '../config.ts';
import { DowserError } from '../errors.ts';
import { hashText } from '../hash.ts';
import type { Embedder, Embedding, Side } from '../types.ts';
import { type ModelFolder, openModelFolder, readModelManifest } from './catalog.ts';
import type { LocalManifest, ModelManifest, RemoteManifest } from './manifest.ts';
import { openNeural } from './neural.ts';
import { type LoadOnnx, loadOnnxRuntime } from './onnx.ts';
import { unitLength } from './pooling.ts';
import { openTable } from './table.ts';
import { prefixFor, sideFor, tellsProse } from './tasks.ts';
import { CHARS_PER_TOKEN_MAX, openTokenizer, type Tokenize } from './tokenizer.ts';

export type { ModelFolder } from './catalog.ts';

export type Runtime = 'onnx' | 'table' | 'remote';

export type EmbedderOptions = {
  /** Name of a folder in `modelsDir`, or the path of a model folder, or one that is loaded; the bundled model when left out. */
  readonly model?: string | ModelFolder | undefined;
  readonly modelsDir?: string | undefined;
  /**
   * 'auto' (the default) is the table for a static model: it starts without a library, holds half the memory and
   * sums twice as fast, because it adds a word that repeats only once; and ONNX Runtime aborts the whole process when
   * its thread is ended during a run. Embeddings of the two are equal to 1e-5. A transformer is always run by ONNX.
   */
  readonly runtime?: 'auto' | 'onnx' | 'table' | undefined;
  /** Size of the embeddings: one of the model's Matryoshka sizes. The largest when left out. */
  readonly dimensions?: number | undefined;
  /** What computes a transformer, if it can; else the processor (the default), and the log says so. */
  readonly provider?: Provider | undefined;
  /** Threads that share one run of a transformer: every core but one, up to THREADS_MAX, when left out. */
  readonly threads?: number | undefined;
  /** Folder in which it is kept which large files were checked; when left out, they are hashed each time. */
  readonly rememberIn?: string | undefined;
};

/** What the configuration says of it, but for the model. */
export function settingsOf({ runtime, dimensions, provider, modelThreads }: Config): Omit<EmbedderOptions, 'model'> {
  return { runtime, dimensions, provider, threads: modelThreads };
}

export type OpenEmbedder = Embedder & {
  readonly name: string;
  readonly runtime: Runtime;
  readonly maxTokens: number;
  /** What threads open the same model from. Undefined where the model is not of use as it was loaded: each has its own. */
  readonly shared: ModelFolder | undefined;
};

/**
 * Threads of a run wait for each other: two on two cores embed 1.5 times as much as one while nobody else works there,
 * and 0.6 times as much when others want those cores too. So one core is left alone, and more on larger machines: a
 * bound of modesty, not measured.
 */
const THREADS_MAX = 4;

/** A short and a long text, to see whether a model lets texts share a run. */
const PROBE = [
  'return a + b',
  'def parse(url): # the parts of a URL\n    return re.split(r"[:/?#]+", url.strip(), maxsplit=3)',
];

/** How far from 1 a length may lie by rounding; a model that is further off is broken. */
const LENGTH_TOLERANCE = 1e-3;

/** What is known of a model before any of its weights is read. */
export type ModelTraits = Pick<Embedder, 'id' | 'dimensions'> & {
  readonly name: string;
  /** It reads code behind the answers of another model. */
  readonly isSlow: boolean;
  /** It reads prose by another task than code. */
  readonly hasLanes: boolean;
  /** Where texts are sent to, for a model on a server. */
  readonly host: string | undefined;
};

export async function describeModel({
  model,
  modelsDir,
  dimensions,
}: Pick<EmbedderOptions, 'modelsDir' | 'dimensions'> & { readonly model: string }): Promise<ModelTraits> {
  const manifest = await readModelManifest(model, modelsDir);
  const size = checkSize(manifest, dimensions ?? manifest.dimensions);
  const isSlow = manifest.kind !== 'static';
  return {
    id: manifest.kind === 'remote' ? identifyRemote(manifest, size) : identify(manifest, size),
    dimensions: size,
    name: manifest.name,
    isSlow,
    hasLanes: isSlow && tellsProse(manifest),
    host: manifest.kind === 'remote' ? manifest.host : undefined,
  };
}

/** Opens a model. What a query and a passage text are is told in tasks.ts. */
export async function openEmbedder(
  options: EmbedderOptions = {},
  loadOnnx: LoadOnnx = loadOnnxRuntime,
): Promise<OpenEmbedder> {
  const { model, modelsDir, rememberIn } = options;
  if (typeof model === 'string') {
    const manifest = await readModelManifest(model, modelsDir);
    if (manifest.kind === 'remote') return openRemoteEmbedder(manifest, options);
  }
  const folder = typeof model === 'object' ? model : await openModelFolder(model, modelsDir, rememberIn);
  const { manifest } = folder;
  const dimensions = checkSize(manifest, options.dimensions ?? manifest.dimensions);
  const tokenize = openTokenizer(folder.tokenizer, manifest.maxTokens, manifest.kind === 'transformer');
  const runner = await openRunner(folder, options, tokenize, loadOnnx);
  // A static model gives unit length itself, which only a cut changes.
  const isDone = manifest.kind === 'static' && dimensions === manifest.dimensions;
  let closed = false;
  return {
    id: identify(manifest, dimensions),
    name: manifest.name,
    dimensions,
    runtime: runner.runtime,
    maxTokens: manifest.maxTokens,
    shared: runner.runtime === 'table' ? folder : undefined,
    async embed(texts, task, side) {
      if (closed) throw new Error('embed() after close()');
      const prefix = prefixFor(manifest, task, side);
      const ids = texts.map((text) => tokenize(prefix + text));
      const made = await runModel(runner, ids, sideFor(manifest, task, side));
      const embeddings = isDone ? made : made.map((whole) => unitLength(whole.subarray(0, dimensions)));
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

async function openRemoteEmbedder(manifest: RemoteManifest, options: EmbedderOptions): Promise<OpenEmbedder> {
  const { openRemote } = await import('./remote.ts'); // with all of HTTP, which no thread and hardly any server needs
  const dimensions = checkSize(manifest, options.dimensions ?? manifest.dimensions);
  const remote = openRemote(manifest, dimensions);
  let closed = false;
  return {
    id: identifyRemote(manifest, dimensions),
    name: manifest.name,
    dimensions,
    runtime: 'remote',
    maxTokens: manifest.maxTokens,
    shared: undefined,
    async embed(texts, task, side) {
      if (closed) throw new Error('embed() after close()');
      return remote.embed(texts, task, side);
    },
    async close() {
      closed = true;
      remote.close();
    },
  };
}

type Runner = {
  readonly runtime: Runtime;
  embed(ids: readonly (readonly number[])[], side: Side): Promise<Embedding[]>;
  close(): Promise<void>;
};

async function openRunner(
  { manifest, model }: ModelFolder,
  { runtime = 'auto', provider = 'cpu', threads }: EmbedderOptions,
  tokenize: Tokenize,
  loadOnnx: LoadOnnx,
): Promise<Runner> {
  if (runtime === 'table' && manifest.kind !== 'static') {
    throw new DowserError('bad_argument', `${manifest.name} is no static model: use the runtime "auto" or "onnx".`);
  }
  if (runtime !== 'onnx' && typeof model === 'object') {
    const embedIds = openTable(model, manifest.dimensions);
    return {
      runtime: 'table',
      embed: async (ids, side) => ids.map((row) => embedIds(row, side)),
      close: async () => {},
    };
  }
  // A static model runs on one thread: two were less than half as fast, and parallel work is one worker thread per core.
  const settings =
    manifest.kind === 'static'
      ? ({ provider: 'cpu', threads: 1 } as const)
      : { provider, threads: threads ?? Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1)) };
  try {
    const probe = PROBE.map((text) => tokenize(text));
    return { ...(await openNeural(model, manifest, { ...settings, probe }, loadOnnx)), runtime: 'onnx' };
  } catch (cause) {
    const other = manifest.kind === 'static' ? 'the runtime "auto"' : 'the bundled model';
    const message = `ONNX Runtime can't run ${manifest.name} (${reasonOf(cause)}). Install onnxruntime-node, or use ${other}.`;
    throw new DowserError('model_failed', message, { cause });
  }
}

function checkSize({ name, matryoshka }: ModelManifest, dimensions: number): number {
  if (matryoshka.includes(dimensions)) return dimensions;
  const message = `${name} gives embeddings of ${matryoshka.join(', ')} dimensions, not ${dimensions}. Choose one of these sizes, or none for the largest.`;
  throw new DowserError('bad_argument', message);
}

/** Embeddings compare only when model, tokenizer, what is put before a text, where it is cut and how it is pooled are the same. */
function identify(manifest: LocalManifest, dimensions: number): string {
  const { name, kind, files, prefixes, sides, maxTokens } = manifest;
  const parts: unknown[] = [
    files['model.onnx'].sha256,
    files['tokenizer.json'].sha256,
    prefixes,
    sides,
    maxTokens,
    CHARS_PER_TOKEN_MAX,
  ];
  if (kind === 'transformer') {
    const hashes = Object.entries(files).map(([file, { sha256 }]) => [file, sha256]);
    parts.push(hashes.sort(), manifest.pooling, manifest.padding, manifest.output ?? null, manifest.inputs ?? null);
  }
  return `${name}-${dimensions}-${hashText(JSON.stringify(parts)).slice(0, 16)}`;
}

/**
 * The same model on another server may be of another precision, and the same server may serve another model by the same
 * name when it is added again, which the probe tells: its embeddings count as other ones.
 */
function identifyRemote(manifest: RemoteManifest, dimensions: number): string {
  const { name, url, model, prefixes, tasks, maxTokens, probes } = manifest;
  const parts = [url, model, tasks ?? prefixes, maxTokens, probes];
  return `${name}-${dimensions}-${hashText(JSON.stringify(parts)).slice(0, 16)}`;
}

async function runModel(runner: Runner, ids: number[][], side: Side): Promise<Embedding[]> {
  try {
    return await runner.embed(ids, side);
  } catch (cause) {
    if (cause instanceof DowserError) throw cause;
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
