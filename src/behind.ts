/**
 * Embeddings of a slow model, made behind the answers by the leader: what questions came upon first, then row by row, so
 * code before tests. Each step is one short job of the model's process; what it made is committed at once, and is never
 * made again: not after a kill, nor for another branch or work tree with the same text (store/vectors.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApartEmbedder } from './embed/apart.ts';
import { taskOf } from './embed/tasks.ts';
import { DowserError } from './errors.ts';
import { hashText } from './hash.ts';
import { log } from './log.ts';
import { type Pause, type PauseReason, pauseReason } from './power.ts';
import { passageText, sourceOf } from './prepare.ts';
import type { Session } from './sessions.ts';
import { openDisk } from './show.ts';
import type { Vectors } from './store/vectors.ts';
import type { ChunkRow, Embedding, Task } from './types.ts';

/** A question waits for the job that is under way: so long one is meant to take. */
const JOB_MS = 400;
const JOB_TEXTS_MAX = 64;
/** Rows looked up at once: one look at 100,000 chunks takes 50 ms. */
const LOOKED_UP = 128;
/** How often it is looked whether there is something to do, or a reason to pause is gone. */
const IDLE_MS = 2_000;
const PAUSED_MS = 15_000;
/** After a failure, doubled with each further one. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 600_000;
/** Weight of the last job in the rate that is told. */
const RATE_SHARE = 0.1;

export type BehindOptions = {
  readonly root: string;
  readonly session: () => Session;
  readonly embedder: ApartEmbedder;
  /** Prose is read by another task than code. */
  readonly hasLanes: boolean;
  readonly vectors: Vectors | undefined;
  readonly pause: Pause;
};

type Passage = { readonly row: ChunkRow; readonly text: string; readonly task: Task };

export class Behind {
  readonly #options: BehindOptions;
  readonly #abort = new AbortController();
  /** Chunks that a question would have compared, had they been embedded. */
  readonly #asked = new Set<number>();
  /** Chunks whose lines are on disk no more: the next sweep replaces them. */
  readonly #gone = new Set<number>();
  #queue: ChunkRow[] = [];
  /** The version of the store at which nothing was missing. */
  #completeAt: string | undefined;
  #jobTexts = 1;
  #perSecond: number | undefined;
  #failures = 0;
  #failure: string | undefined;
  #paused: PauseReason | undefined;
  #running: Promise<void> | undefined;

  constructor(options: BehindOptions) {
    this.#options = options;
  }

  /** Chunks a second, once it is known; why nothing is done at the moment; what failed last. */
  get state(): { perSecond: number | undefined; paused: PauseReason | undefined; failure: string | undefined } {
    return { perSecond: this.#perSecond, paused: this.#paused, failure: this.#failure };
  }

  /** These come next. */
  promote(chunkIds: readonly number[]): void {
    for (const id of chunkIds) this.#asked.add(id);
  }

  /** Works whenever there is something to do, this process leads, and nothing is waiting to be indexed. */
  start(): void {
    this.#running ??= this.#keepUp().catch((error: unknown) => {
      if (!this.#abort.signal.aborted) log.error('the slow model stopped', { message: messageOf(error) });
    });
  }

  /** Until nothing is missing, without a pause. Rejects with what the model fails with. */
  async finish(onProgress: (embedded: number) => void, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if ((await this.#step()) === 0) return;
      onProgress(this.#options.session().store.counts().slowEmbedded);
    }
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#options.embedder.close();
    await this.#running;
    this.#options.vectors?.close();
  }

  async #keepUp(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const waitMs = await this.#tryStep();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal, ref: false });
    }
  }

  /** Gives how long to wait before the next. */
  async #tryStep(): Promise<number> {
    const { leads, sync } = this.#options.session();
    if (!leads || sync.sweptAtMs() === undefined || sync.pending() > 0) return IDLE_MS;
    this.#paused = await pauseReason(this.#options.pause);
    if (this.#paused !== undefined) return PAUSED_MS;
    try {
      const done = await this.#step();
      this.#failures = 0;
      this.#failure = undefined;
      return done === 0 ? IDLE_MS : 0;
    } catch (error) {
      if (this.#abort.signal.aborted || !(error instanceof DowserError)) throw error;
      if (this.#failure !== error.message) log.warn('the slow model failed', { message: error.message });
      this.#failure = error.message;
      return Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#failures++);
    }
  }

  /** One job; gives how many chunks are done with. */
  async #step(): Promise<number> {
    const { embedder, vectors, session } = this.#options;
    const rows = this.#take();
    const passages = await this.#passagesOf(rows);
    const sources = passages.map(({ text, task }) =>
      sourceOf(task === 'nl2code' ? embedder.id : `${embedder.id} ${task}`, text),
    );
    const known = vectors?.find(sources) ?? new Map<string, Embedding>();
    const made = new Map<string, Embedding>();
    const unknown = passages
      .map((passage, at) => ({ ...passage, source: sources[at]! }))
      .filter(({ source }) => !known.has(source));
    if (unknown.length > 0) {
      const startedMs = performance.now();
      for (const task of new Set(unknown.map((passage) => passage.task))) {
        const own = unknown.filter((passage) => passage.task === task);
        const embeddings = await embedder.embed(
          own.map(({ text }) => text),
          task,
          'passage',
        );
        for (const [at, { source }] of own.entries()) made.set(source, embeddings[at]!);
      }
      this.#note(unknown.length, performance.now() - startedMs);
      vectors?.keep(made, known.keys());
    }
    const { leads, store } = session();
    if (leads && !this.#abort.signal.aborted) {
      store.putSlowEmbeddings(
        passages.map(({ row }, at) => {
          const source = sources[at]!;
          return { chunkId: row.id, embedding: made.get(source) ?? known.get(source)!, source };
        }),
      );
    }
    return rows.length;
  }

  #take(): ChunkRow[] {
    const { store } = this.#options.session();
    if (this.#asked.size > 0) {
      const asked = [...this.#asked];
      this.#asked.clear();
      const there = store.slow?.embeddingsOf(asked);
      this.#queue.unshift(...store.chunkRows(asked).filter(({ id, startLine }) => startLine > 0 && !there?.has(id)));
    }
    // Looking through all rows for nothing, again and again, would be all that an idle server does.
    if (this.#queue.length === 0 && store.dataVersion() !== this.#completeAt) {
      const version = store.dataVersion();
      const missing = store.slow?.missingEmbeddings(LOOKED_UP + this.#gone.size) ?? [];
      this.#queue = missing.filter(({ id }) => !this.#gone.has(id));
      if (this.#queue.length === 0) this.#completeAt = version;
    }
    return this.#queue.splice(0, this.#jobTexts);
  }

  async #passagesOf(rows: readonly ChunkRow[]): Promise<Passage[]> {
    const { root, hasLanes } = this.#options;
    const disk = openDisk(root);
    const passages: Passage[] = [];
    for (const row of rows) {
      const proven = await disk.read(row);
      const text = proven?.lines.join('').replace(/\r?\n$/, '');
      if (text === undefined || hashText(text) !== row.hash) this.#gone.add(row.id);
      else passages.push({ row, text: passageText(row.path, text), task: taskOf(hasLanes ? row.kind : 'code') });
    }
    return passages;
  }

  /** The next job is made to take about as long as one is meant to. */
  #note(texts: number, ms: number): void {
    const perSecond = (texts * 1_000) / Math.max(1, ms);
    this.#perSecond =
      this.#perSecond === undefined ? perSecond : this.#perSecond * (1 - RATE_SHARE) + perSecond * RATE_SHARE;
    if (ms < JOB_MS / 2) this.#jobTexts = Math.min(JOB_TEXTS_MAX, this.#jobTexts * 2);
    else if (ms > JOB_MS * 2) this.#jobTexts = Math.max(1, Math.floor(this.#jobTexts / 2));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
