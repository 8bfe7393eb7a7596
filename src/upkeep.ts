/** Keeps one repository's index in step with its disk: who writes, when to look, how long a question waits. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from './config.ts';
import { DowserError } from './errors.ts';
import { log } from './log.ts';
import { openPool, type Pool } from './pool.ts';
import { foldersOf, type Watcher, watchTree } from './source/watch.ts';
import { type Leader, openLeader } from './store/leader.ts';
import { storePlaceFor } from './store/place.ts';
import { openStore, type Store } from './store/store.ts';
import { Sync } from './sync.ts';
import { within } from './time.ts';
import type { Coverage, Freshness, SyncProgress, SyncReport } from './types.ts';
import type { Job, Result, WorkerData } from './worker.ts';

/** A question sweeps first when the last sweep is older than this. */
const SWEEP_AGE_MS_MAX = 1_000;
/** How long a question waits for its sweep; then it says "as of". 10,000 files take about 100 ms. */
const SWEEP_WAIT_MS = 150;
/** How long a question waits for a few changed files, so that an agent that edits and asks sees its edit. */
const SETTLE_WAIT_MS = 800;
const SETTLE_FILES_MAX = 200;
/** How long a question on a cold repository waits for the files that speak for it: with the rest, it has its answer in 3 s. */
const HASTEN_WAIT_MS = 2_400;
/** What is left of it after the first sweep of a huge repository: enough to find the files of one name. */
const HASTEN_WAIT_MS_MIN = 1_000;
/** Without any hint, the disk is looked at this often: hints can be lost, sweeps can't. */
const SWEEP_EVERY_MS = 60_000;
/** A follower looks this often whether its leader is gone. */
const LEAD_EVERY_MS = 1_000;
/** A follower that waits for its leader without any progress for this long says so. */
const LEADER_STALLED_MS = 10_000;
const HINT_SETTLE_MS = 120;
/** One job is at most 24 files or one big file: far beyond any honest one. */
const JOB_MS_MAX = 30_000;

export type UpkeepOptions = {
  readonly config: Config;
  /** What makes rows comparable: chunker and terms. */
  readonly fingerprint: string;
  readonly model: { readonly id: string; readonly dimensions: number } | undefined;
};

export interface Upkeep {
  readonly storeFile: string;
  store(): Store;
  role(): 'leader' | 'follower';
  /** Before a question: looks at the disk, waits for what is nearly done; `needles` are names that pending files may hold. */
  freshen(needles: readonly string[]): Promise<void>;
  /** After an answer met files that changed under it: indexes them, within the same bounds. */
  recheck(): Promise<void>;
  sync(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<SyncReport>;
  start(): void;
  coverage(): Coverage;
  freshness(): Freshness;
  /** Reason codes of what is degraded. */
  health(): string[];
  close(): Promise<void>;
}

type Session = { readonly store: Store; readonly sync: Sync; readonly leads: boolean };

export async function openUpkeep({ config, fingerprint, model }: UpkeepOptions): Promise<Upkeep> {
  const place = storePlaceFor(config.root, config.cacheDir);
  const leader = openLeader(place.lockFile);
  const data: WorkerData = {
    root: config.root,
    model: model === undefined ? undefined : config.model,
    runtime: config.runtime,
    vectorsFile: place.vectorsFile,
    logLevel: config.logLevel,
  };
  const pool = openPool<Job, Result>(workerScript(), { count: config.workers, data, jobMsMax: JOB_MS_MAX });
  const timers: NodeJS.Timeout[] = [];
  let watcher: Watcher | undefined;
  let watching = false;
  let closed = false;
  let stalled = false;
  /** Why the index is not kept in step at the moment, as a reason code. */
  let trouble: string | undefined;
  let takingOver: Promise<boolean> | undefined;
  /** Stores of sessions that a take-over ended: questions under way may still read them. */
  const retired: Store[] = [];
  let checkpointed = '';
  let session: Session;
  try {
    session = openSession(leader, pool);
  } catch (error) {
    // Whoever tries next, in this process too, must be able to lead.
    leader.release();
    throw error;
  }

  function openSession(lead: Leader, workers: Pool<Job, Result>): Session {
    const leads = lead.tryLead();
    const store = openStore(place.storeFile, {
      mode: leads ? 'write' : 'read',
      fingerprint,
      modelId: model?.id,
      dimensions: model?.dimensions ?? 0,
    });
    const sync = new Sync({
      root: config.root,
      store,
      pool: workers,
      workers: config.workers,
      writes: leads,
      embeds: model !== undefined,
    });
    return { store, sync, leads };
  }

  /** A follower whose leader is gone takes over, once however many ask: same file, now with the right to write. */
  function leadIfFree(): Promise<boolean> {
    if (closed || session.leads) return Promise.resolve(session.leads);
    takingOver ??= takeOver().finally(() => {
      takingOver = undefined;
    });
    return takingOver;
  }

  async function takeOver(): Promise<boolean> {
    if (!leader.tryLead()) return false;
    const old = session;
    await old.sync.close();
    if (closed) return false;
    session = openSession(leader, pool);
    retired.push(old.store);
    stalled = false;
    log.info('took over as leader');
    if (watching) await follow();
    return true;
  }

  /** A file that was set aside under a follower is read no more: the leader has begun another. */
  async function reopenReplaced(): Promise<void> {
    if (session.leads || !session.store.health().includes('store_replaced')) return;
    const old = session;
    await old.sync.close();
    if (closed) return;
    session = openSession(leader, pool);
    retired.push(old.store);
  }

  /** Moves what was written since into the file, so that the log and the text of deleted rows don't linger. */
  function checkpointWhenIdle(): void {
    if (!session.leads || session.sync.pending() > 0 || session.store.dataVersion() === checkpointed) return;
    session.store.checkpoint();
    checkpointed = session.store.dataVersion();
  }

  async function sweep(): Promise<void> {
    const { sync } = session;
    await sync.sweep();
    const entries = sync.listing()?.entries;
    if (entries !== undefined) watcher?.setFolders(foldersOf(entries));
  }

  /** Begins to watch, as the leader only: one process's watches serve all. */
  async function follow(): Promise<void> {
    if (!session.leads || watcher !== undefined) return;
    const sweepQuietly = (): void => {
      sweep().catch((error: unknown) => {
        if (!closed) log.warn('a sweep failed', { message: error instanceof Error ? error.message : String(error) });
      });
    };
    watcher = watchTree(config.root, { onHint: sweepQuietly, debounceMs: HINT_SETTLE_MS });
    const everyMinute = (): void => {
      checkpointWhenIdle();
      sweepQuietly();
    };
    timers.push(setInterval(everyMinute, SWEEP_EVERY_MS).unref());
    sweepQuietly();
  }

  /** Waits until this process, or the leader of another, has brought the index in step. */
  async function settled(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    let progressedMs = Date.now();
    for (;;) {
      if (await leadIfFree()) {
        if (session.sync.sweptAtMs() === undefined) await sweep();
        return session.sync.settled(onProgress, signal);
      }
      await sweep();
      const left = session.sync.pending();
      if (left === 0) return;
      if (left < least) progressedMs = Date.now();
      least = Math.min(least, left);
      onProgress?.({ done: session.sync.filesTotal() - left, total: session.sync.filesTotal(), phase: 'indexing' });
      stalled = Date.now() - progressedMs > LEADER_STALLED_MS;
      if (stalled) return;
      if (signal?.aborted || closed) throw new DowserError('cancelled', 'Cancelled.');
      await pause(100);
    }
  }

  /** Looks at the disk where the last look is old, and waits within bounds for what changed. */
  async function lookAndWait(needles: readonly string[]): Promise<void> {
    await leadIfFree();
    await reopenReplaced();
    const { sync } = session;
    const askedAtMs = Date.now();
    const sweptAtMs = sync.sweptAtMs();
    // The first sweep is worth waiting for: before it nothing is known, not even what is missing.
    if (sweptAtMs === undefined) await within(HASTEN_WAIT_MS, sync.firstSweep());
    else if (askedAtMs - sweptAtMs > SWEEP_AGE_MS_MAX) await within(SWEEP_WAIT_MS, sweep());
    if (sync.pending() === 0) return;
    if (sync.pending() <= SETTLE_FILES_MAX) await within(SETTLE_WAIT_MS, settled());
    else await sync.hasten(needles, Math.max(HASTEN_WAIT_MS_MIN, HASTEN_WAIT_MS - (Date.now() - askedAtMs)));
  }

  /** What is indexed can still be asked when keeping in step fails: snippets are proven, and the answer says how old it is. */
  async function tolerate(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      trouble = undefined;
    } catch (error) {
      if (!(error instanceof DowserError) || error.code === 'bad_root' || error.code === 'cancelled') throw error;
      trouble = error.code;
      log.warn('the index is not kept in step', { message: error.message });
    }
  }

  return {
    storeFile: place.storeFile,
    store: () => session.store,
    role: () => (session.leads ? 'leader' : 'follower'),
    freshen: (needles) => tolerate(() => lookAndWait(needles)),
    recheck: () =>
      tolerate(() =>
        within(
          SETTLE_WAIT_MS,
          sweep().then(() => (session.sync.pending() <= SETTLE_FILES_MAX ? settled() : undefined)),
        ),
      ),
    async sync(onProgress, signal) {
      session.sync.takeReport();
      onProgress?.({ done: 0, total: 0, phase: 'listing' });
      await leadIfFree();
      await sweep();
      await settled(onProgress, signal);
      return session.sync.takeReport();
    },
    start() {
      watching = true;
      void follow();
      timers.push(setInterval(() => void leadIfFree().catch(() => undefined), LEAD_EVERY_MS).unref());
    },
    coverage() {
      const { files, skipped, chunks, embedded } = session.store.counts();
      const pending = session.sync.pending();
      const filesTotal = Math.max(session.sync.filesTotal(), files);
      return {
        filesTotal,
        filesIndexed: Math.max(0, Math.min(files, filesTotal - pending)),
        pending,
        skipped,
        embedded,
        chunks,
      };
    },
    freshness() {
      const sweptAtMs = session.sync.sweptAtMs();
      if (sweptAtMs === undefined) return { state: 'indexing' };
      const sweptAt = new Date(sweptAtMs).toISOString();
      if (session.sync.pending() > SETTLE_FILES_MAX) return { state: 'indexing', sweptAt };
      const young = Date.now() - sweptAtMs <= 2 * SWEEP_AGE_MS_MAX && session.sync.pending() === 0;
      return { state: young ? 'fresh' : 'as_of', sweptAt };
    },
    health() {
      const degraded = watcher?.degraded();
      return [
        ...(degraded === undefined ? [] : ['watch_degraded']),
        ...(stalled ? ['leader_stalled'] : []),
        ...(trouble === undefined ? [] : [trouble]),
        ...session.store.health(),
      ];
    },
    async close() {
      closed = true;
      for (const timer of timers) clearInterval(timer);
      await Promise.all([watcher?.close(), session.sync.close(), pool.close()]);
      for (const store of [...retired, session.store]) store.close();
      leader.release();
    },
  };
}

/** Compiled or not, the thread's script lies beside this file. */
function workerScript(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}
