/** What a leader does when nothing waits: takes removed words out of the file's bytes, and cuts the log. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Session } from './sessions.ts';

export class Housekeeping {
  readonly #session: () => Session;
  #checkpointed = '';
  #purged = '';
  #purging: Promise<void> | undefined;
  #closed = false;

  constructor(session: () => Session) {
    this.#session = session;
  }

  /** Takes what was removed out of the file's bytes, in slices between which questions are answered; ends when there is other work. */
  purge(): Promise<void> {
    this.#purging ??= this.#purgeInSlices().finally(() => {
      this.#purging = undefined;
    });
    return this.#purging;
  }

  /** Moves what was written since into the file, so that the log and the text of deleted rows don't linger. */
  async checkpoint(): Promise<void> {
    await this.purge();
    if (!this.#isIdle()) return;
    const { store } = this.#session();
    if (store.dataVersion() === this.#checkpointed) return;
    store.checkpoint();
    this.#checkpointed = store.dataVersion();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#purging?.catch(() => undefined);
  }

  #isIdle(): boolean {
    const { leads, sync } = this.#session();
    return !this.#closed && leads && sync.pending() === 0;
  }

  async #purgeInSlices(): Promise<void> {
    while (this.#isIdle() && this.#session().store.dataVersion() !== this.#purged) {
      const { store } = this.#session();
      if (store.purge()) await nextTurn();
      else this.#purged = store.dataVersion();
    }
  }
}
