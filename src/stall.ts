/** Tells a leader that works from one that hangs: a follower sees what it commits, and knows which files still wait. */
import type { Session } from './sessions.ts';

/** A leader that commits nothing for this long although files wait is taken for stuck: jobs take 0.1 s, on a busy machine seconds. */
const STALLED_MS = 10_000;

export class StallWatch {
  readonly #session: () => Session;
  /** The last commit that was seen while files waited, and when; undefined while none wait. */
  #last: { readonly version: string; readonly atMs: number } | undefined;

  constructor(session: () => Session) {
    this.#session = session;
  }

  /** A sweep has told which files wait. */
  noteSweep(): void {
    const { leads, store, sync } = this.#session();
    if (leads || sync.pending() === 0) this.#last = undefined;
    else this.#noteCommit(store.dataVersion());
  }

  /** To be called at every beat; true when a sweep is to say whether files still wait. */
  needsSweep(): boolean {
    if (this.#last === undefined) return false;
    this.#noteCommit(this.#session().store.dataVersion());
    return Date.now() - this.#last.atMs > STALLED_MS / 2;
  }

  /** A sweep well after the last commit must have found that files still wait. */
  get isStalled(): boolean {
    const { store, sync } = this.#session();
    if (this.#last === undefined || this.#last.version !== store.dataVersion()) return false;
    const { atMs } = this.#last;
    return Date.now() - atMs > STALLED_MS && (sync.sweptAtMs() ?? 0) - atMs > STALLED_MS / 2;
  }

  #noteCommit(version: string): void {
    if (this.#last?.version !== version) this.#last = { version, atMs: Date.now() };
  }
}
