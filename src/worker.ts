/** The thread that prepares files and probes them; its jobs come from sync.ts through pool.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import type { EmbedderOptions } from './embed/embedder.ts';
import { DowserError } from './errors.ts';
import { type LogLevel, setLogLevel } from './log.ts';
import type { Reply } from './pool.ts';
import type { Prepared } from './prepare.ts';
import { type Probed, probeFiles } from './probe.ts';
import type { Vectors } from './store/vectors.ts';
import type { Embedder, Entry } from './types.ts';

export type WorkerData = {
  readonly root: string;
  /** The model, by name or loaded, and how to open it; undefined: words alone. */
  readonly model: EmbedderOptions | undefined;
  /** The file of shared embeddings. */
  readonly vectorsFile: string;
  readonly logLevel: LogLevel;
};

export type Job =
  | { readonly type: 'prepare'; readonly entries: readonly Entry[]; readonly linesOnly: boolean }
  | { readonly type: 'probe'; readonly paths: readonly string[]; readonly needles: readonly string[] };

export type Result = Prepared | { readonly probed: readonly Probed[] };

type Model = { readonly embedder: Embedder; readonly vectors: Vectors | undefined };

const { root, model, vectorsFile, logLevel } = workerData as WorkerData;
setLogLevel(logLevel);
let opened: Promise<Model | undefined> | undefined;
/** Whether all that preparing needs was loaded: what fails after that fails for the file's sake. */
let isEquipped = false;

/** Parsers and models are loaded when first needed: a probe, which a question waits for, does without. */
async function openModel(): Promise<Model | undefined> {
  if (model === undefined) return undefined;
  const [{ openEmbedder }, { openVectors }] = await Promise.all([
    import('./embed/embedder.ts'),
    import('./store/vectors.ts'),
  ]);
  const embedder = await openEmbedder(model);
  return { embedder, vectors: openVectors(vectorsFile, { dimensions: embedder.dimensions }) };
}

async function perform(job: Job): Promise<Result> {
  if (job.type === 'probe') return { probed: probeFiles(root, job.paths, job.needles) };
  opened ??= openModel();
  const { prepareFiles } = await import('./prepare.ts');
  const { embedder, vectors } = (await opened) ?? {};
  isEquipped = true;
  return prepareFiles(job.entries, { root, embedder, vectors, linesOnly: job.linesOnly });
}

/** A parser that broke on a file stays broken: the thread ends with it, and the file is tried again in another one. */
function fail(error: unknown): void {
  if (isEquipped && !(error instanceof DowserError)) {
    setImmediate(() => {
      throw error;
    });
    return;
  }
  answer({ error: error instanceof Error ? error.message : String(error) });
}

function answer(reply: Reply<Result>): void {
  parentPort!.postMessage(reply);
}

parentPort!.on('message', (job: Job) => {
  perform(job).then((result) => answer({ result }), fail);
});
answer({ ready: true });
