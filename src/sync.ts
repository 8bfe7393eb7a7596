/** Trip one: a file changes on disk, and can be found. Hints only say that something may have changed; the sweep decides. */
import { DowserError } from './errors.ts';
import { log } from './log.ts';
import { JobLost, type Pool } from './pool.ts';
import type { Probed } from './probe.ts';
import { sameFingerprint } from './source/fingerprint.ts';
import { type ScanResult, scan } from './source/scan.ts';
import type { FileRecord, Store } from './store/store.ts';
import { within } from './time.ts';
import type { Entry, PreparedFile, Skip, SyncProgress, SyncReport } from './types.ts';
import { inOrderOfUse, takeBatch } from './waiting.ts';
import type { Job, Result } from './worker.ts';

/** Jobs under way per thread: one running, one waiting, so that no thread idles while rows are written. */
const JOBS_PER_WORKER = 2;

/** A file this young at the sweep may change again within one tick of the file system's clock: it is read once more. */
const RACY_MS = 50;

/** More chunks than any store has. */
const CHUNKS_MAX = 2 ** 31;

/** Probing stops after this many bytes, so that a first answer on a huge repository stays a matter of seconds. */
const PROBE_BYTES_MAX = 400 * 1024 * 1024;
const PROBE_PATHS_PER_JOB = 400;
const HASTEN_FILES_MAX = 80;

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
  isPending(path: string): boolean;
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
  let racy = new Set<string>();
  /** Files whose chunks wait for embeddings, as they all do after a change of the model; known from the first sweep on. */
  let bare: Set<string> | undefined;
  let jobs = 0;
  /** Questions that look for their files among the waiting ones: until they know, no thread takes other work. */
  let looking = 0;
  let listing: ScanResult | undefined;
  let sweptAtMs: number | undefined;
  let sweeping: Promise<void> | undefined;
  let closed = false;
  let failure: unknown;
  let report = emptyReport();
  const watchers = new Set<() => void>();
  const abort = new AbortController();

  const announce = (): void => {
    for (const watcher of [...watchers]) watcher();
  };

  async function sweepOnce(): Promise<void> {
    const startedMs = Date.now();
    // What failed before is tried again: a full disk may have room by now.
    failure = undefined;
    const found = await scan(root, { signal: abort.signal });
    if (closed) return;
    const known = store.files();
    bare ??= new Set(writes && embeds ? store.missingEmbeddings(CHUNKS_MAX).map(({ path }) => path) : []);
    const next: Entry[] = [];
    const stillRacy = new Set<string>();
    for (const entry of found.entries) {
      const record = known.get(entry.path);
      known.delete(entry.path);
      if (startedMs - Number(BigInt(entry.fingerprint.mtimeNs) / 1_000_000n) < RACY_MS) stillRacy.add(entry.path);
      const isSame = record !== undefined && sameFingerprint(record.fingerprint, entry.fingerprint);
      if (isSame && !racy.has(entry.path) && !bare.has(entry.path)) continue;
      if (running.has(entry.path) && sameFingerprint(running.get(entry.path)!.fingerprint, entry.fingerprint)) continue;
      next.push(entry);
    }
    racy = stillRacy;
    if (writes) recordAbsences(found, known);
    waiting = inOrderOfUse(next);
    listing = found;
    sweptAtMs = startedMs;
    report = { ...report, filesSeen: found.entries.length };
    // A question that waited for this sweep says first which files it needs.
    if (writes) setImmediate(pump);
    announce();
  }

  /** What the store knows and the disk no longer has is removed; what may not be read has a row that says why. */
  function recordAbsences(found: ScanResult, left: Map<string, FileRecord>): void {
    const skips = found.skips.filter(({ path, reason }) => {
      const record = left.get(path);
      left.delete(path);
      return record === undefined || record.skip !== reason || record.hash !== '';
    });
    if (skips.length > 0) store.replaceSkips(skips);
    const removed = [...left.keys()];
    if (removed.length > 0) {
      store.replaceFiles([], removed);
      report = { ...report, filesRemoved: report.filesRemoved + removed.length };
    }
  }

  function pump(): void {
    while (!closed && looking === 0 && waiting.size > 0 && jobs < workers * JOBS_PER_WORKER) {
      void begin(takeBatch(waiting), false);
    }
  }

  /** Never rejects: what fails here fails all who wait for the index to be settled. */
  async function begin(batch: readonly Entry[], urgent: boolean): Promise<void> {
    try {
      await perform(batch, false, urgent);
    } catch (error) {
      failure = error;
      log.error('indexing stopped', { message: error instanceof Error ? error.message : String(error) });
    }
  }

  async function perform(batch: readonly Entry[], linesOnly: boolean, urgent = false): Promise<void> {
    jobs++;
    for (const entry of batch) running.set(entry.path, entry);
    try {
      const result = await pool.run({ type: 'prepare', entries: batch, linesOnly }, urgent);
      if (!closed && 'files' in result) write(result.files);
    } catch (error) {
      if (closed || (error instanceof DowserError && error.code === 'cancelled')) return;
      if (!(error instanceof JobLost)) throw error;
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

  /** Begins with these of the waiting files before all others. */
  function promote(probed: readonly Probed[]): Promise<void>[] {
    const entries = probed.map(({ path }) => waiting.get(path)).filter((entry) => entry !== undefined);
    for (const { path } of entries) waiting.delete(path);
    const line = new Map(entries.map((entry) => [entry.path, entry]));
    const work: Promise<void>[] = [];
    while (line.size > 0 && !closed) work.push(begin(takeBatch(line), true));
    return work;
  }

  function sweep(): Promise<void> {
    // A sweep under way may have passed the change that this call is about: it gets one of its own, after.
    const after = (sweeping ?? Promise.resolve()).catch(() => undefined).then(sweepOnce);
    const mine = after.finally(() => {
      if (sweeping === mine) sweeping = undefined;
    });
    sweeping = mine;
    return mine;
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
    isPending: (path) => waiting.has(path) || running.has(path),
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
      const probed = await probe([...waiting.values()], needles, pool, deadlineMs).finally(() => looking--);
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
      await sweeping?.catch(() => undefined);
    },
  };
}

/** Files worth indexing first, by what stands in them, best first. */
async function probe(
  entries: readonly Entry[],
  needles: readonly string[],
  pool: Pool<Job, Result>,
  deadlineMs: number,
): Promise<Probed[]> {
  const jobs: Promise<readonly Probed[]>[] = [];
  let bytes = 0;
  for (let at = 0; at < entries.length && bytes < PROBE_BYTES_MAX; at += PROBE_PATHS_PER_JOB) {
    const part = entries.slice(at, at + PROBE_PATHS_PER_JOB);
    bytes += part.reduce((sum, { fingerprint }) => sum + fingerprint.size, 0);
    const job = pool.run({ type: 'probe', paths: part.map(({ path }) => path), needles }, true);
    jobs.push(
      job.then(
        (result) => ('probed' in result ? result.probed : []),
        () => [],
      ),
    );
  }
  const found: Probed[] = [];
  for (const job of jobs) {
    const part = await within(deadlineMs - Date.now(), job);
    if (part === undefined) break;
    found.push(...part);
  }
  found.sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1));
  return found.slice(0, HASTEN_FILES_MAX);
}

function emptyReport(): SyncReport {
  return { filesSeen: 0, filesChanged: 0, filesRemoved: 0, chunksWritten: 0, bytesRead: 0, ms: Date.now() };
}
