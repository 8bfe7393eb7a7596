/**
 * A model in a process of its own. A slow model holds hundreds of megabytes and a core, and a run of it can't be broken
 * off: its process can, at any moment. Started when first needed, ended when idle.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { DowserError, type ErrorCode } from '../errors.ts';
import type { LogLevel } from '../log.ts';
import { scriptBeside } from '../script.ts';
import type { Embedder, Embedding, Side, Task } from '../types.ts';
import type { EmbedderOptions, Runtime } from './embedder.ts';

/** What is opened in the process, as far as it can be told to it. */
export type ApartOptions = Omit<EmbedderOptions, 'model'> & { readonly model: string };

export type Request =
  | { readonly open: ApartOptions; readonly id: string; readonly logLevel: LogLevel }
  | { readonly id: number; readonly texts: readonly string[]; readonly task: Task; readonly side: Side };

type Failure = { readonly code: ErrorCode; readonly message: string };
type Opened = { readonly id: string; readonly name: string; readonly dimensions: number; readonly runtime: Runtime };
export type Reply =
  | { readonly opened: Opened }
  | { readonly failed: Failure; readonly id?: number }
  | { readonly id: number; readonly embeddings: Embedding[] };

export interface ApartEmbedder extends Embedder {
  /** True while the model is loaded: what is asked now need not wait for that. */
  isReady(): boolean;
}

/** A model takes seconds to load: longer than people pause between two questions. */
const IDLE_MS = 10 * 60_000;

type Waiting = { readonly resolve: (embeddings: Embedding[]) => void; readonly reject: (error: unknown) => void };

/** `expected` is what the manifest says of the model: nothing is loaded to know it. */
export function openApart(
  expected: Pick<Embedder, 'id' | 'dimensions'>,
  options: ApartOptions,
  logLevel: LogLevel,
  idleMs = IDLE_MS,
): ApartEmbedder {
  const waiting = new Map<number, Waiting>();
  let child: ChildProcess | undefined;
  let isReady = false;
  let idle: NodeJS.Timeout | undefined;
  let lastId = 0;
  let isClosed = false;

  /** Nobody hears of this process any more, and who waits for it does not wait in vain. */
  function end(reason: DowserError): void {
    clearTimeout(idle);
    const ended = child;
    child = undefined;
    isReady = false;
    ended?.removeAllListeners();
    // What it still has to say, or how it ends, is of no interest; an error without a listener would be thrown.
    ended?.on('error', () => {});
    ended?.kill();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  }

  function start(): ChildProcess {
    const started = fork(scriptBeside(import.meta.url, 'child'), [], {
      execArgv: [],
      serialization: 'advanced',
      // The parent's standard output is its protocol's.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    started.on('message', (reply: Reply) => hear(reply));
    started.on('error', (cause) => end(failed(`its process could not be started: ${cause.message}`, cause)));
    started.on('exit', (code, signal) => end(failed(`its process ended with ${signal ?? `code ${code}`}`)));
    started.send({ open: options, id: expected.id, logLevel } satisfies Request);
    return started;
  }

  function hear(reply: Reply): void {
    if ('opened' in reply) {
      isReady = reply.opened.id === expected.id;
      if (!isReady) end(failed('another model took its place on disk. Start dowser again'));
      return;
    }
    // It could not be opened: whoever waits hears why.
    if ('failed' in reply && reply.id === undefined) {
      end(new DowserError(reply.failed.code, reply.failed.message));
      return;
    }
    const one = waiting.get(reply.id!);
    waiting.delete(reply.id!);
    if ('failed' in reply) one?.reject(new DowserError(reply.failed.code, reply.failed.message));
    else one?.resolve(reply.embeddings);
    if (waiting.size === 0) rest();
  }

  /** Without work it keeps nobody from ending, and after a while it ends itself. */
  function rest(): void {
    child?.unref();
    child?.channel?.unref();
    clearTimeout(idle);
    idle = setTimeout(() => end(failed('it was idle')), idleMs);
    idle.unref();
  }

  return {
    ...expected,
    isReady: () => isReady,
    embed(texts, task, side) {
      if (isClosed) return Promise.reject(new DowserError('cancelled', 'The index is closed.'));
      return new Promise((resolve, reject) => {
        clearTimeout(idle);
        child ??= start();
        child.ref();
        child.channel?.ref();
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        child.send({ id, texts, task, side } satisfies Request);
      });
    },
    async close() {
      isClosed = true;
      end(new DowserError('cancelled', 'The index is closed.'));
    },
  };
}

function failed(why: string, cause?: unknown): DowserError {
  return new DowserError('model_failed', `The model can't be asked: ${why}.`, { cause });
}
