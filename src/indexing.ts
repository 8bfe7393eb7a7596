/** Files that changed wait here, are prepared by threads and written by this one; one that does harm is tried alone, then left out. */
import { DowserError } from './errors.ts';
import { log } from './log.ts';
import { JobLost, type Pool } from './pool.ts';
import type { Prepared } from './prepare.ts';
import { sameFingerprint } from './source/fingerprint.ts';
import type { FileRecord, Store } from './store/store.ts';
import type { Entry, Fingerprint, PreparedFile, Skip, SkipReason, SyncReport } from './types.ts';
import { inOrderOfUse, takeBatch } from './waiting.ts';
import type { Job, Result } from './worker.ts';

/** Jobs under way per thread: one running, one waiting, so that no thread idles while rows are written. */
const JOBS_PER_WORKER = 2;

export type IndexingOptions = {
  readonly store: Store;
  readonly pool: Pool<Job, Result>;
  readonly workers: number;
  /** Files whose chunks wait for embeddings, as they all do after a change of the model. Each leaves when it is written. */
  readonly bare: Set<string>;
  /** Called when fewer files are pending than before, or work failed. */
  readonly onProgress: () => void;
};

export class Indexing {
  /** What stopped the work. */
  failure: unknown;
  readonly #options: IndexingOptions;
  #waiting = new Map<string, Entry>();
  readonly #running = new Map<string, Entry>();
  /** The work that each running file is part of. */
  readonly #works = new Map<string, Promise<void>>();
  #jobs = 0;
  #holds = 0;
  #closed = false;
  #report = emptyReport();

  constructor(options: IndexingOptions) {
    this.#options = options;
  }

  /** Files that wait or are being indexed. */
  get pending(): number {
    return this.#waiting.size + this.#running.size;
  }

  get waiting(): Entry[] {
    return [...this.#waiting.values()];
  }

  /** These wait now and no others. What is being prepared already, as it is now, need not wait once more. */
  setWaiting(entries: readonly Entry[]): void {
    this.#waiting = inOrderOfUse(entries.filter((entry) => !this.#isRunning(entry)));
  }

  /** Gives the threads as much as they can take. */
  pump(): void {
    const jobsMax = this.#options.workers * JOBS_PER_WORKER;
    while (!this.#closed && this.#holds === 0 && this.#waiting.size > 0 && this.#jobs < jobsMax) {
      void this.#begin(takeBatch(this.#waiting), false);
    }
  }

  /** Until `work` ends, no thread takes up files: a question looks for those it needs. */
  async holdFor<Value>(work: Promise<Value>): Promise<Value> {
    this.#holds++;
    return work.finally(() => this.#holds--);
  }

  /** Begins with these of the waiting files before all others; another question may have begun with some already. */
  promote(paths: readonly string[]): Promise<void>[] {
    const begun = paths.map((path) => this.#works.get(path)).filter((work) => work !== undefined);
    const entries = paths.map((path) => this.#waiting.get(path)).filter((entry) => entry !== undefined);
    for (const { path } of entries) this.#waiting.delete(path);
    const line = new Map(entries.map((entry) => [entry.path, entry]));
    const work = [...new Set(begun)];
    while (line.size > 0 && !this.#closed) work.push(this.#begin(takeBatch(line), true));
    return work;
  }

  /** Adds to what is reported. */
  count(part: Partial<SyncReport>): void {
    const report: Record<string, number> = { ...this.#report };
    for (const [name, amount] of Object.entries(part)) report[name] = (report[name] ?? 0) + amount;
    this.#report = report as SyncReport;
  }

  /** What was done since the last call. */
  takeReport(): SyncReport {
    const taken = { ...this.#report, ms: Date.now() - this.#report.ms };
    this.#report = emptyReport();
    return taken;
  }

  close(): void {
    this.#closed = true;
  }

  #isRunning({ path, fingerprint }: Entry): boolean {
    const entry = this.#running.get(path);
    return entry !== undefined && sameFingerprint(entry.fingerprint, fingerprint);
  }

  /** Never rejects: what fails here fails all who wait for the index to be settled. */
  #begin(batch: readonly Entry[], urgent: boolean): Promise<void> {
    const work = this.#perform(batch, false, urgent)
      .catch((error: unknown) => {
        log.error('indexing stopped', { message: error instanceof Error ? error.message : String(error) });
      })
      .finally(() => {
        for (const { path } of batch) if (this.#works.get(path) === work) this.#works.delete(path);
      });
    for (const { path } of batch) this.#works.set(path, work);
    return work;
  }

  async #perform(batch: readonly Entry[], linesOnly: boolean, urgent = false): Promise<void> {
    this.#jobs++;
    for (const entry of batch) this.#running.set(entry.path, entry);
    try {
      const result = await this.#options.pool.run({ type: 'prepare', entries: batch, linesOnly }, urgent);
      if (!this.#closed && 'files' in result) this.#write(result);
    } catch (error) {
      if (this.#closed || (error instanceof DowserError && error.code === 'cancelled')) return;
      if (!(error instanceof JobLost)) {
        // Before anyone hears that nothing is left to wait for.
        this.failure = error;
        throw error;
      }
      await this.#retrySmaller(batch, linesOnly);
    } finally {
      this.#jobs--;
      for (const { path } of batch) this.#running.delete(path);
      this.#options.onProgress();
      this.pump();
    }
  }

  /** A job that got stuck or killed its thread: its files one by one, then by lines, then not at all, so that one bad file harms no other. */
  async #retrySmaller(batch: readonly Entry[], linesOnly: boolean): Promise<void> {
    log.warn('a job took too long', { files: batch.map(({ path }) => path) });
    const lost: Skip = { path: batch[0]!.path, reason: 'stuck', detail: 'took too long to prepare' };
    if (batch.length > 1) for (const entry of batch) await this.#perform([entry], linesOnly);
    else if (!linesOnly) await this.#perform(batch, true);
    else this.#write({ files: [lost], embedded: 0 });
  }

  #write({ files: results, embedded }: Prepared): void {
    const { store, bare } = this.#options;
    const files = results.filter((result): result is PreparedFile => 'chunks' in result);
    const skips = results
      .filter((result): result is Skip => 'reason' in result)
      // With what the listing saw of it, so that the file is read again when it changes and not before.
      .map((skip) => ({ ...skip, fingerprint: this.#running.get(skip.path)?.fingerprint }))
      .filter(({ path, reason, fingerprint }) => !isRecorded(store.file(path), reason, fingerprint));
    const known = new Map(files.map(({ path }) => [path, store.file(path)]));
    const touched = files.filter(({ path, hash }) => hash !== '' && known.get(path)?.hash === hash && !bare.has(path));
    const changed = files.filter((file) => !touched.includes(file));
    // A fingerprint that is the same as well was read again because it was young: nothing to write.
    const moved = touched.filter(
      ({ path, fingerprint }) => !sameFingerprint(known.get(path)!.fingerprint, fingerprint),
    );
    if (changed.length > 0) store.replaceFiles(changed, []);
    for (const { path } of files) bare.delete(path);
    if (moved.length > 0) store.touchFiles(moved);
    if (skips.length > 0) store.replaceSkips(skips);
    this.count({
      filesChanged: changed.length,
      chunksWritten: changed.reduce((sum, { chunks }) => sum + chunks.length, 0),
      chunksEmbedded: embedded,
      bytesRead: files.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0),
    });
  }
}

/** What could not be read, and still can't, is written once. */
function isRecorded(record: FileRecord | undefined, reason: SkipReason, now: Fingerprint | undefined): boolean {
  return record?.skip === reason && now !== undefined && sameFingerprint(record.fingerprint, now);
}

function emptyReport(): SyncReport {
  return {
    filesSeen: 0,
    filesChanged: 0,
    filesRemoved: 0,
    chunksWritten: 0,
    chunksEmbedded: 0,
    bytesRead: 0,
    ms: Date.now(),
  };
}
