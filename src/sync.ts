/** Trip one: a file changes on disk, and can be found. Hints only say that something may have changed; the sweep decides. */
import { compare, type Difference } from './compare.ts';
import { DowserError } from './errors.ts';
import { findPromising, type Look, shareLooks } from './hasten.ts';
import { Indexing } from './indexing.ts';
import type { Pool } from './pool.ts';
import { mayBeRead } from './source/lstat.ts';
import { type ScanResult, scan } from './source/scan.ts';
import type { FileRecord, Store } from './store/store.ts';
import { within } from './time.ts';
import type { SyncProgress, SyncReport } from './types.ts';
import type { Job, Result } from './worker.ts';

/** More chunks than any store has. */
const CHUNKS_MAX = 2 ** 31;

export type SyncOptions = {
  readonly root: string;
  readonly store: Store;
  readonly pool: Pool<Job, Result>;
  readonly workers: number;
  /** False for a follower: it compares the disk with the store and leaves the writing to the leader. */
  readonly writes: boolean;
  /** True when the threads have a model: what lacks an embedding then gets one. */
  readonly embeds: boolean;
};

export class Sync {
  readonly #options: SyncOptions;
  readonly #indexing: Indexing;
  readonly #look: Look;
  /** Files whose chunks wait for embeddings; known from the first sweep on. */
  readonly #bare = new Set<string>();
  readonly #watchers = new Set<() => void>();
  readonly #abort = new AbortController();
  #racy: ReadonlySet<string> = new Set<string>();
  #listing: ScanResult | undefined;
  #sweptAtMs: number | undefined;
  #sweepMs = 0;
  #sweeping: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(options: SyncOptions) {
    this.#options = options;
    const { store, pool, workers } = options;
    const onProgress = (): void => this.#announce();
    this.#indexing = new Indexing({ store, pool, workers, bare: this.#bare, onProgress });
    this.#look = shareLooks((needles, deadlineMs) => findPromising(this.#indexing.waiting, needles, pool, deadlineMs));
  }

  /** Compares disk and store once. Changed files then wait in line; removed ones are gone when it resolves. */
  sweep(): Promise<void> {
    if (this.#sweeping === undefined) {
      this.#sweeping = this.#sweepOnce().finally(() => {
        this.#sweeping = undefined;
      });
      return this.#sweeping;
    }
    // A sweep under way may have passed the change that a call is about: it gets the next one, which many calls may share.
    this.#next ??= this.#sweeping
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.sweep();
      });
    return this.#next;
  }

  /** The sweep under way, if there is one. */
  get sweeping(): Promise<void> | undefined {
    return this.#sweeping;
  }

  /** How long the last sweep took; 0 before. */
  get sweepMs(): number {
    return this.#sweepMs;
  }

  /** Resolves when a first sweep is done; joins the one under way. */
  async firstSweep(): Promise<void> {
    if (this.#sweptAtMs === undefined) await (this.#sweeping ?? this.sweep());
  }

  /** When the last sweep began, Date.now() milliseconds; undefined before the first one ended. */
  sweptAtMs(): number | undefined {
    return this.#sweptAtMs;
  }

  /** The listing behind the last sweep. */
  listing(): ScanResult | undefined {
    return this.#listing;
  }

  /** Files that wait to be indexed or are being indexed. */
  pending(): number {
    return this.#indexing.pending;
  }

  filesTotal(): number {
    return this.#listing === undefined ? 0 : this.#listing.entries.length + this.#listing.skips.length;
  }

  /** Resolves when nothing waits any more. */
  settled(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const total = this.pending();
      const check = (): void => {
        const left = this.pending();
        onProgress?.({ done: Math.max(0, total - left), total: Math.max(total, left), phase: 'indexing' });
        const done = this.#abort.signal.aborted || left === 0;
        const cancelled = signal?.aborted ? new DowserError('cancelled', 'Cancelled.') : undefined;
        const stop = this.#indexing.failure ?? cancelled;
        if (!done && stop === undefined) return;
        this.#watchers.delete(check);
        if (stop === undefined) resolve();
        else reject(stop);
      };
      this.#watchers.add(check);
      signal?.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /** Puts the waiting files that speak for these names to the front and indexes them; gives up after `withinMs`. */
  async hasten(needles: readonly string[], withinMs: number): Promise<void> {
    const indexing = this.#indexing;
    if (!this.#options.writes || indexing.waiting.length === 0 || needles.length === 0) return;
    const deadlineMs = Date.now() + withinMs;
    const found = (await indexing.holdFor(within(withinMs, this.#look(needles, deadlineMs)))) ?? [];
    const pathsThat = (define: boolean): string[] =>
      found.filter(({ defines }) => defines === define).map(({ path }) => path);
    const definitions = indexing.promote(pathsThat(true));
    const mentions = indexing.promote(pathsThat(false));
    indexing.pump();
    // Who asks for one name wants its definition; what else speaks of it need not be waited for.
    const enough = needles.length === 1 && definitions.length > 0 ? definitions : [...definitions, ...mentions];
    await within(deadlineMs - Date.now(), Promise.all(enough));
  }

  /** What was done since the last call. */
  takeReport(): SyncReport {
    return { ...this.#indexing.takeReport(), filesSeen: this.#listing?.entries.length ?? 0 };
  }

  async close(): Promise<void> {
    this.#indexing.close();
    this.#abort.abort();
    this.#announce();
    await (this.#next ?? this.#sweeping)?.catch(() => undefined);
  }

  async #sweepOnce(): Promise<void> {
    const { root, store, writes, embeds } = this.#options;
    const startedMs = Date.now();
    // What failed before is tried again: a full disk may have room by now.
    this.#indexing.failure = undefined;
    const found = await scan(root, { signal: this.#abort.signal });
    if (this.#abort.signal.aborted) return;
    if (this.#sweptAtMs === undefined && writes && embeds)
      for (const { path } of store.missingEmbeddings(CHUNKS_MAX)) this.#bare.add(path);
    const again = (path: string, record: FileRecord | undefined): boolean =>
      this.#racy.has(path) || this.#bare.has(path) || (record?.skip === 'unreadable' && mayBeRead(root, path));
    const difference = compare(found, store.files(), again, startedMs);
    this.#racy = difference.racy;
    if (writes) this.#recordAbsences(difference);
    this.#indexing.setWaiting(difference.changed);
    this.#listing = found;
    this.#sweptAtMs = startedMs;
    this.#sweepMs = Date.now() - startedMs;
    // A question that waited for this sweep says first which files it needs.
    if (writes) setImmediate(() => this.#indexing.pump());
    this.#announce();
  }

  /** What the store knows and the disk no longer has is removed; what may not be read has a row that says why. */
  #recordAbsences({ skips, removed }: Difference): void {
    const { store } = this.#options;
    if (skips.length > 0) store.replaceSkips(skips);
    if (removed.length === 0) return;
    store.replaceFiles([], removed);
    this.#indexing.count({ filesRemoved: removed.length });
  }

  #announce(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
