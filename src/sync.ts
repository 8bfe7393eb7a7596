/** Trip one: a file changes on disk, and can be found. Hints only say that something may have changed; the sweep decides. */
import { compare, type Difference } from './compare.ts';
import { DowserError } from './errors.ts';
import { findPromising, shareLooks } from './hasten.ts';
import { log } from './log.ts';
import { JobLost, type Pool } from './pool.ts';
import type { Probed } from './probe.ts';
import { sameFingerprint } from './source/fingerprint.ts';
import { type ScanResult, scan } from './source/scan.ts';
import type { Store } from './store/store.ts';
import { within } from './time.ts';
import type { Entry, PreparedFile, Skip, SyncProgress, SyncReport } from './types.ts';
import { inOrderOfUse, takeBatch } from './waiting.ts';
import type { Job, Result } from './worker.ts';

/** Jobs under way per thread: one running, one waiting, so that no thread idles while rows are written. */
const JOBS_PER_WORKER = 2;

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

export interface Sync {
  /** Compares disk and store once. Changed files then wait in line; removed ones are gone when it resolves. */
  sweep(): Promise<void>;
  /** Resolves when a first sweep is done; joins the one under way. */
  firstSweep(): Promise<void>;
  /** When the last sweep began, Date.now() milliseconds; undefined before the first one ended. */
  sweptAtMs(): number | undefined;
  /** The listing behind the last sweep. */
  listing(): ScanResult | undefined;
  /** Files that wait to be indexed or are being indexed. */
  pending(): number;
  filesTotal(): number;
  /** Resolves when nothing waits any more. */
  settled(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void>;
  /** Puts the waiting files that speak for these names to the front and indexes them; gives up after `withinMs`. */
  hasten(needles: readonly string[], withinMs: number): Promise<void>;
  /** What was done since the last call. */
  takeReport(): SyncReport;
  close(): Promise<void>;
}

export function openSync({ root, store, pool, workers, writes, embeds }: SyncOptions): Sync {
  let waiting = new Map<string, Entry>();
  const running = new Map<string, Entry>();
  /** The work that each running file is part of. */
  const works = new Map<string, Promise<void>>();
  let racy: ReadonlySet<string> = new Set<string>();
  /** Files whose chunks wait for embeddings, as they all do after a change of the model; known from the first sweep on. */
  let bare: Set<string> | undefined;
  let jobs = 0;
  /** Questions that look for their files among the waiting ones: until they know, no thread takes other work. */
  let looking = 0;
  let listing: ScanResult | undefined;
  let sweptAtMs: number | undefined;
  let sweeping: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let closed = false;
  let failure: unknown;
  let report = emptyReport();
  const watchers = new Set<() => void>();
  const abort = new AbortController();

  const look = shareLooks((needles, deadlineMs) => findPromising([...waiting.values()], needles, pool, deadlineMs));

  const announce = (): void => {
    for (const watcher of [...watchers]) watcher();
  };

  async function sweepOnce(): Promise<void> {
    const startedMs = Date.now();
    // What failed before is tried again: a full disk may have room by now.
    failure = undefined;
    const found = await scan(root, { signal: abort.signal });
    if (closed) return;
    bare ??= new Set(writes && embeds ? store.missingEmbeddings(CHUNKS_MAX).map(({ path }) => path) : []);
    const again = (path: string): boolean => racy.has(path) || bare!.has(path);
    const difference = compare(found, store.files(), again, startedMs);
    racy = difference.racy;
    if (writes) recordAbsences(difference);
    waiting = inOrderOfUse(difference.changed.filter((entry) => !isRunning(entry)));
    listing = found;
    sweptAtMs = startedMs;
    report = { ...report, filesSeen: found.entries.length };
    // A question that waited for this sweep says first which files it needs.
    if (writes) setImmediate(pump);
    announce();
  }

  /** What is being prepared already, as it is now, need not wait once more. */
  function isRunning({ path, fingerprint }: Entry): boolean {
    const entry = running.get(path);
    return entry !== undefined && sameFingerprint(entry.fingerprint, fingerprint);
  }

  /** What the store knows and the disk no longer has is removed; what may not be read has a row that says why. */
  function recordAbsences({ skips, removed }: Difference): void {
    if (skips.length > 0) store.replaceSkips(skips);
    if (removed.length === 0) return;
    store.replaceFiles([], removed);
    report = { ...report, filesRemoved: report.filesRemoved + removed.length };
  }

  function pump(): void {
    while (!closed && looking === 0 && waiting.size > 0 && jobs < workers * JOBS_PER_WORKER) {
      void begin(takeBatch(waiting), false);
    }
  }

  /** Never rejects: what fails here fails all who wait for the index to be settled. */
  function begin(batch: readonly Entry[], urgent: boolean): Promise<void> {
    const work = perform(batch, false, urgent)
      .catch((error: unknown) => {
        log.error('indexing stopped', { message: error instanceof Error ? error.message : String(error) });
      })
      .finally(() => {
        for (const { path } of batch) if (works.get(path) === work) works.delete(path);
      });
    for (const { path } of batch) works.set(path, work);
    return work;
  }

  async function perform(batch: readonly Entry[], linesOnly: boolean, urgent = false): Promise<void> {
    jobs++;
    for (const entry of batch) running.set(entry.path, entry);
    try {
      const result = await pool.run({ type: 'prepare', entries: batch, linesOnly }, urgent);
      if (closed || !('files' in result)) return;
      write(result.files);
      report = { ...report, chunksEmbedded: report.chunksEmbedded + result.embedded };
    } catch (error) {
      if (closed || (error instanceof DowserError && error.code === 'cancelled')) return;
      if (!(error instanceof JobLost)) {
        // Before anyone hears that nothing is left to wait for.
        failure = error;
        throw error;
      }
      await retrySmaller(batch, linesOnly);
    } finally {
      jobs--;
      for (const { path } of batch) running.delete(path);
      announce();
      pump();
    }
  }

  /** A job that got stuck or killed its thread: its files one by one, then by lines, then not at all, so that one bad file harms no other. */
  async function retrySmaller(batch: readonly Entry[], linesOnly: boolean): Promise<void> {
    log.warn('a job took too long', { files: batch.map(({ path }) => path) });
    if (batch.length > 1) for (const entry of batch) await perform([entry], linesOnly);
    else if (!linesOnly) await perform(batch, true);
    else write([{ path: batch[0]!.path, reason: 'unreadable', detail: 'took too long to prepare' }]);
  }

  function write(results: readonly (PreparedFile | Skip)[]): void {
    const files = results.filter((result): result is PreparedFile => 'chunks' in result);
    const skips = results
      .filter((result): result is Skip => 'reason' in result)
      // With what the listing saw of it, so that the file is read again when it changes and not before.
      .map((skip) => ({ ...skip, fingerprint: running.get(skip.path)?.fingerprint }));
    const known = new Map(files.map(({ path }) => [path, store.file(path)]));
    const touched = files.filter(({ path, hash }) => hash !== '' && known.get(path)?.hash === hash && !bare?.has(path));
    const changed = files.filter((file) => !touched.includes(file));
    // A fingerprint that is the same as well was read again because it was young: nothing to write.
    const moved = touched.filter(
      ({ path, fingerprint }) => !sameFingerprint(known.get(path)!.fingerprint, fingerprint),
    );
    if (changed.length > 0) store.replaceFiles(changed, []);
    for (const { path } of files) bare?.delete(path);
    if (moved.length > 0) store.touchFiles(moved);
    if (skips.length > 0) store.replaceSkips(skips);
    report = {
      ...report,
      filesChanged: report.filesChanged + changed.length,
      chunksWritten: report.chunksWritten + changed.reduce((sum, { chunks }) => sum + chunks.length, 0),
      bytesRead: report.bytesRead + files.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0),
    };
  }

  /** Begins with these of the waiting files before all others; another question may have begun with some already. */
  function promote(probed: readonly Probed[]): Promise<void>[] {
    const begun = probed.map(({ path }) => works.get(path)).filter((work) => work !== undefined);
    const entries = probed.map(({ path }) => waiting.get(path)).filter((entry) => entry !== undefined);
    for (const { path } of entries) waiting.delete(path);
    const line = new Map(entries.map((entry) => [entry.path, entry]));
    const work = [...new Set(begun)];
    while (line.size > 0 && !closed) work.push(begin(takeBatch(line), true));
    return work;
  }

  /** A sweep under way may have passed the change that a call is about: it gets the next one, which many calls may share. */
  function sweep(): Promise<void> {
    if (sweeping === undefined) {
      sweeping = sweepOnce().finally(() => {
        sweeping = undefined;
      });
      return sweeping;
    }
    next ??= sweeping
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return sweep();
      });
    return next;
  }

  return {
    sweep,
    firstSweep: async () => {
      if (sweptAtMs === undefined) await (sweeping ?? sweep());
    },
    sweptAtMs: () => sweptAtMs,
    listing: () => listing,
    pending: () => waiting.size + running.size,
    filesTotal: () => (listing === undefined ? 0 : listing.entries.length + listing.skips.length),
    settled: (onProgress, signal) =>
      new Promise((resolve, reject) => {
        const total = waiting.size + running.size;
        const check = (): void => {
          const left = waiting.size + running.size;
          onProgress?.({ done: Math.max(0, total - left), total: Math.max(total, left), phase: 'indexing' });
          const done = closed || left === 0;
          const stop = failure ?? (signal?.aborted ? new DowserError('cancelled', 'Cancelled.') : undefined);
          if (!done && stop === undefined) return;
          watchers.delete(check);
          if (stop === undefined) resolve();
          else reject(stop);
        };
        watchers.add(check);
        signal?.addEventListener('abort', check, { once: true });
        check();
      }),
    async hasten(needles, withinMs) {
      if (!writes || waiting.size === 0 || needles.length === 0) return;
      const deadlineMs = Date.now() + withinMs;
      looking++;
      const found = await within(withinMs, look(needles, deadlineMs)).finally(() => looking--);
      const probed = found ?? [];
      const definitions = promote(probed.filter(({ defines }) => defines));
      const mentions = promote(probed.filter(({ defines }) => !defines));
      pump();
      // Who asks for one name wants its definition; what else speaks of it need not be waited for.
      const enough = needles.length === 1 && definitions.length > 0 ? definitions : [...definitions, ...mentions];
      await within(deadlineMs - Date.now(), Promise.all(enough));
    },
    takeReport() {
      const taken = { ...report, ms: Date.now() - report.ms };
      report = emptyReport();
      return taken;
    },
    async close() {
      closed = true;
      abort.abort();
      announce();
      await (next ?? sweeping)?.catch(() => undefined);
    },
  };
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
