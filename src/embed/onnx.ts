/**
 * The door to ONNX Runtime, which is optional and loaded when first needed. It runs on the thread that calls it; a
 * worker thread that is terminated, or a process that exits, in the middle of a run sometimes aborts (1.30.0): let the
 * run end first.
 */
import { isMainThread } from 'node:worker_threads';
import type { Provider } from '../config.ts';
import { log } from '../log.ts';

/** Imports the library. A parameter of those who need it, so that its absence can be tried out. */
export type LoadOnnx = () => Promise<OnnxLibrary>;

/** What we use of onnxruntime-node. Described here, because the package and its types may be absent at build time. */
export type OnnxLibrary = {
  readonly env: { logLevel?: string };
  readonly InferenceSession: { create(model: Uint8Array | string, options: object): Promise<OnnxSession> };
  readonly Tensor: new (type: string, data: TensorData, dims: readonly number[]) => object;
};

export type TensorData = BigInt64Array | Int32Array | Float32Array | Uint16Array;

export type OnnxSession = {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  run: (feeds: Feeds, outputs: readonly string[]) => Promise<Readonly<Record<string, OnnxOutput>>>;
  release(): Promise<void>;
};

/** A dimension that a run decides is a name. */
export type ValueMetadata = {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
};

export type Feeds = Readonly<Record<string, object>>;
export type OnnxOutput = { readonly data: unknown; readonly dims: readonly number[] };

export type SessionSettings = {
  readonly provider: Provider;
  /** That share one run. */
  readonly threads: number;
};

export type OpenSession = {
  readonly library: OnnxLibrary;
  readonly session: OnnxSession;
  /** What computes in the end. */
  readonly provider: Provider;
};

// A variable, so that type checking and bundling do without the package.
const PACKAGE: string = 'onnxruntime-node';

export async function loadOnnxRuntime(): Promise<OnnxLibrary> {
  const library = (await import(PACKAGE)) as OnnxLibrary;
  // It tells stderr about graphics cards it can't see; what matters it throws.
  library.env.logLevel = 'fatal';
  return library;
}

/**
 * Opens a model from its bytes, or from the path of its file, which weights that lie beside it need. The processor takes
 * over from a provider that can't run it, and the log says so. Throws whatever the library throws when it, or the model,
 * can't be loaded.
 */
export async function openSession(
  model: Uint8Array | string,
  { provider, threads }: SessionSettings,
  load: LoadOnnx,
): Promise<OpenSession> {
  const library = await load();
  const open = (choice: Provider): Promise<OnnxSession> =>
    // It takes no shared memory.
    library.InferenceSession.create(
      typeof model === 'string' ? model : Uint8Array.from(model),
      options(choice, threads),
    );
  if (provider !== 'cpu') {
    try {
      return { library, session: await open(provider), provider };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      // Each thread opens the model; one of them says it.
      log[isMainThread ? 'warn' : 'debug'](`The provider ${provider} can't run the model: the processor does.`, {
        reason,
      });
    }
  }
  return { library, session: await open('cpu'), provider: 'cpu' };
}

/**
 * No arena: it keeps the largest batch's memory for good, and costs no time to be without. Threads that wait for each
 * other spin, as the library has it: asleep, two embed 3,400 tokens a second with MiniLM on a busy machine, where one
 * embeds 4,400 and two that spin 8,400; 20 ms after a run they rest.
 */
function options(provider: Provider, threads: number): object {
  return {
    executionProviders: [provider],
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableCpuMemArena: false,
    enableMemPattern: false,
    logSeverityLevel: 3,
  };
}
