/**
 * What a leader does when nothing waits: takes removed words out of the file's bytes, cuts the log, and once a day
 * removes what is spent in the cache folder of all indexes.
 */
import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { log } from './log.ts';
import type { Session } from './sessions.ts';
import { remove, surveyCache } from './store/cache.ts';
import { pruneVectors } from './store/prune.ts';

const DAY_MS = 86_400_000;

/** Its time says when some process last put the cache folder in order. */
const STAMP = 'tidied';

export class Housekeeping {
  readonly #session: () => Session;
  readonly #cache: string;
  #checkpointed = '';
  #purged = '';
  #purging: Promise<void> | undefined;
  #closed = false;

  constructor(session: () => Session, cache: string) {
    this.#session = session;
    this.#cache = cache;
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

  /** Once a day for all processes together. What goes wrong here is no harm to anyone. */
  async tidy(): Promise<void> {
    if (!this.#isIdle()) return;
    try {
      if (isDue(join(this.#cache, STAMP))) await tidyCache(this.#cache, () => this.#isIdle());
    } catch (error) {
      log.info('the cache folder is not in order', { message: error instanceof Error ? error.message : String(error) });
    }
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

/** Removes indexes whose folder is gone and files of another time, none that is in use, then embeddings that no index has. */
async function tidyCache(cache: string, goesOn: () => boolean): Promise<void> {
  for (const kept of surveyCache(cache)) {
    if (!goesOn() || !kept.isSpent || remove(kept) === 'in_use') continue;
    log.info('removed from the cache folder', { what: kept.what, path: kept.path });
    await nextTurn();
  }
  if (goesOn()) await pruneVectors(cache, Math.floor(Date.now() / DAY_MS), goesOn);
}

/** A new cache folder is in order. The time is noted before the work, so that others don't begin with it as well. */
function isDue(stamp: string): boolean {
  const tidiedMs = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs;
  const now = new Date();
  if (tidiedMs === undefined) writeFileSync(stamp, '', { mode: 0o600 });
  else if (now.getTime() - tidiedMs > DAY_MS) utimesSync(stamp, now, now);
  return tidiedMs !== undefined && now.getTime() - tidiedMs > DAY_MS;
}
