/** Keeps one repository's index in step with its disk: who writes, when to look, how long a question waits. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from './config.ts';
import { BUNDLED_MODEL } from './embed/catalog.ts';
import { type OpenEmbedder, settingsOf } from './embed/embedder.ts';
import { DowserError } from './errors.ts';
import { coverageOf, freshnessOf, lookAndWait, SETTLE_FILES_MAX, SETTLE_WAIT_MS, SWEEP_AGE_MS_MAX } from './freshen.ts';
import { Housekeeping } from './housekeeping.ts';
import { log } from './log.ts';
import { giveBackMemory } from './memory.ts';
import { openPool, type Pool } from './pool.ts';
import { scriptBeside } from './script.ts';
import { type Session, Sessions } from './sessions.ts';
import { Slow, type SlowOptions } from './slow.ts';
import { foldersOf, type Watcher, watchTree } from './source/watch.ts';
import { StallWatch } from './stall.ts';
import { identifyIfSeen } from './store/owner.ts';
import { storePlaceFor } from './store/place.ts';
import { openStore, type Store } from './store/store.ts';
import { Sync } from './sync.ts';
import { within } from './time.ts';
import type { Coverage, Freshness, SyncProgress, SyncReport } from './types.ts';
import type { Job, Result, WorkerData } from './worker.ts';

/** Without any hint, the disk is looked at this often: hints can be lost, sweeps can't. */
const SWEEP_EVERY_MS = 60_000;
/** A follower looks this often whether its leader is gone. */
const LEAD_EVERY_MS = 1_000;
/** A follower that waits for its leader looks this often whether something was committed. */
const FOLLOW_EVERY_MS = 50;
/** After so long without a question or a file to index, memory is given back: by then the threads have ended. */
const REST_AFTER_MS = 25_000;
const HINT_SETTLE_MS = 120;
/** One job is at most 24 files or one big file: far beyond any honest one. */
const JOB_MS_MAX = 30_000;

export type UpkeepOptions = {
  readonly config: Config;
  /** What makes rows comparable: chunker and terms. */
  readonly fingerprint: string;
  readonly model: Pick<OpenEmbedder, 'id' | 'dimensions' | 'shared'> | undefined;
  readonly slow?: SlowOptions['model'] | undefined;
};

export interface Upkeep {
  readonly storeFile: string;
  store(): Store;
  /** Undefined without a slow model. */
  readonly slow: Slow | undefined;
  role(): 'leader' | 'follower';
  /** Before a question: looks at the disk, waits for what is nearly done; `needles` are names that pending files may hold. */
  freshen(needles: readonly string[]): Promise<void>;
  /** After an answer met files that changed under it: indexes them, within the same bounds. */
  recheck(): Promise<void>;
  sync(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<SyncReport>;
  /** Has the slow model read what it has not read. */
  readBehind(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void>;
  start(): void;
  coverage(): Coverage;
  freshness(): Freshness;
  /** Reason codes of what is degraded. */
  health(): string[];
  close(): Promise<void>;
}

/** Opens the index of the root, as its leader when nobody else leads. */
export async function openUpkeep(options: UpkeepOptions): Promise<Upkeep> {
  return new RunningUpkeep(options);
}

class RunningUpkeep implements Upkeep {
  readonly storeFile: string;
  readonly slow: Slow | undefined;
  readonly #root: string;
  readonly #pool: Pool<Job, Result>;
  readonly #sessions: Sessions;
  readonly #housekeeping: Housekeeping;
  readonly #stall: StallWatch;
  readonly #timers: NodeJS.Timeout[] = [];
  #watcher: Watcher | undefined;
  #closed = false;
  /** When there was last something to do; undefined when all is at rest since. */
  #busyAtMs: number | undefined = Date.now();
  /** Why the index is not kept in step at the moment, as a reason code. */
  #trouble: string | undefined;

  constructor({ config, fingerprint, model, slow }: UpkeepOptions) {
    const { root, workers, logLevel } = config;
    const place = storePlaceFor(root, config.cacheDir);
    const { vectorsFile } = place;
    // Beside a slow model it is the bundled one that the threads have.
    const settings = slow === undefined ? settingsOf(config) : {};
    const threadsModel = model && { ...settings, model: model.shared ?? (slow ? BUNDLED_MODEL : config.model) };
    const data: WorkerData = { root, model: threadsModel, vectorsFile, logLevel };
    const script = scriptBeside(import.meta.url, 'worker');
    const pool = openPool<Job, Result>(script, { count: workers, data, jobMsMax: JOB_MS_MAX });
    const slowRows = slow && { modelId: slow.id, dimensions: slow.dimensions };
    const rows = { fingerprint, modelId: model?.id, dimensions: model?.dimensions ?? 0, slow: slowRows };
    this.storeFile = place.storeFile;
    this.#root = root;
    this.#pool = pool;
    this.#sessions = new Sessions(place, (leads) => {
      const store = openStore(place.storeFile, { ...rows, mode: leads ? 'write' : 'read', root: identifyIfSeen(root) });
      const sync = new Sync({ root, store, pool, workers, writes: leads, embeds: model !== undefined });
      return { store, sync, leads };
    });
    const session = (): Session => this.#sessions.current;
    this.slow = slow && new Slow({ config, model: slow, session, place });
    this.#housekeeping = new Housekeeping(session, place.cache);
    this.#stall = new StallWatch(session);
  }

  store(): Store {
    return this.#sessions.current.store;
  }

  role(): 'leader' | 'follower' {
    return this.#sessions.current.leads ? 'leader' : 'follower';
  }

  freshen(needles: readonly string[]): Promise<void> {
    this.#busyAtMs = Date.now();
    return this.#tolerate(async () => {
      await this.#sessions.leadIfFree();
      await this.#sessions.reopenReplaced();
      const [sweep, settled] = [() => this.#sweep(), () => this.#settled()];
      const watch = { watcher: this.#watcher, isStalled: this.#stall.isStalled };
      await lookAndWait({ sync: this.#sync, ...watch, sweep, settled }, needles);
    });
  }

  recheck(): Promise<void> {
    const settleFew = async (): Promise<void> => {
      await this.#sweep();
      if (this.#sync.pending() <= SETTLE_FILES_MAX) await this.#settled();
    };
    return this.#tolerate(() => within(SETTLE_WAIT_MS, settleFew()));
  }

  async sync(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<SyncReport> {
    this.#sync.takeReport();
    onProgress?.({ done: 0, total: 0, phase: 'listing' });
    await this.#sessions.leadIfFree();
    await this.#sweep();
    await this.#settled(onProgress, signal);
    await this.#housekeeping.purge();
    return this.#sync.takeReport();
  }

  async readBehind(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void> {
    const total = this.store().counts().chunks;
    if (this.#sessions.current.leads)
      await this.slow?.behind.finish((done) => onProgress?.({ done, total, phase: 'reading' }), signal);
  }

  start(): void {
    this.#sessions.onLead = () => this.#follow();
    this.#follow();
    this.#every(LEAD_EVERY_MS, () => this.#tick());
    this.slow?.start();
  }

  coverage(): Coverage {
    return coverageOf(this.store().counts(), this.#sync, this.slow);
  }

  freshness(): Freshness {
    return freshnessOf(this.#sync, this.#stall.isStalled);
  }

  health(): string[] {
    const degraded = this.#watcher?.degraded();
    return [
      ...(degraded === undefined ? [] : ['watch_degraded']),
      ...(this.#stall.isStalled ? ['leader_stalled'] : []),
      ...(this.slow?.behind.state.failure === undefined ? [] : ['slow_model_failed']),
      ...(this.#trouble === undefined ? [] : [this.#trouble]),
      ...this.store().health(),
    ];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    const ends = [
      this.slow?.close(),
      this.#watcher?.close(),
      this.#sessions.close(),
      this.#housekeeping.close(),
      this.#pool.close(),
    ];
    await Promise.all(ends);
    this.#sessions.release();
  }

  get #sync(): Sync {
    return this.#sessions.current.sync;
  }

  async #sweep(): Promise<void> {
    const sync = this.#sync;
    await sync.sweep();
    const entries = sync.listing()?.entries;
    if (entries !== undefined) this.#watcher?.setFolders(foldersOf(entries));
    this.#stall.noteSweep();
  }

  /** Begins to watch, as the leader only: one process's watches serve all. */
  #follow(): void {
    if (!this.#sessions.current.leads || this.#watcher !== undefined || this.#closed) return;
    const sweep = (): void => this.#quietly(() => this.#sweep());
    this.#watcher = watchTree(this.#root, {
      onHint: sweep,
      debounceMs: HINT_SETTLE_MS,
      lookMs: () => this.#sync.sweepMs,
    });
    this.#every(SWEEP_EVERY_MS, async () => {
      await this.#housekeeping.checkpoint();
      await this.#housekeeping.tidy();
      await this.#sweep();
    });
    sweep();
  }

  /** The beat of a server: a follower looks whether its leader is gone or stuck, a leader puts things in order. */
  async #tick(): Promise<void> {
    this.#rest();
    if (await this.#sessions.leadIfFree()) return this.#housekeeping.purge();
    if (this.#stall.needsSweep()) await this.#sweep();
  }

  /** Once after each time of work. */
  #rest(): void {
    if (this.#sync.pending() > 0) this.#busyAtMs = Date.now();
    if (this.#busyAtMs === undefined || Date.now() - this.#busyAtMs < REST_AFTER_MS) return;
    this.#busyAtMs = undefined;
    giveBackMemory();
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#timers.push(setInterval(() => this.#quietly(work), ms).unref());
  }

  #quietly(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!this.#closed) log.warn('upkeep failed', { message: error instanceof Error ? error.message : String(error) });
    });
  }

  /** Waits until this process, or the leader of another, has brought the index in step; not for one that is stuck. */
  async #settled(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void> {
    for (;;) {
      if (await this.#sessions.leadIfFree()) {
        if (this.#sync.sweptAtMs() === undefined) await this.#sweep();
        return this.#sync.settled(onProgress, signal);
      }
      await this.#sweep();
      const left = this.#sync.pending();
      if (left === 0 || this.#stall.isStalled) return;
      const total = this.#sync.filesTotal();
      onProgress?.({ done: total - left, total, phase: 'indexing' });
      await this.#untilCommitted(signal);
    }
  }

  /** Until the leader commits, or dies, or it is time to look at the disk again. */
  async #untilCommitted(signal?: AbortSignal): Promise<void> {
    const before = this.store().dataVersion();
    const deadlineMs = Date.now() + SWEEP_AGE_MS_MAX;
    do {
      if (signal?.aborted || this.#closed) throw new DowserError('cancelled', 'Cancelled.');
      await pause(FOLLOW_EVERY_MS);
    } while (before === this.store().dataVersion() && Date.now() < deadlineMs && !(await this.#sessions.leadIfFree()));
  }

  /** What is indexed can still be asked when keeping in step fails: snippets are proven, and the answer says how old it is. */
  async #tolerate(work: () => Promise<unknown>): Promise<void> {
    const session = this.#sessions.current;
    try {
      await work();
      this.#trouble = undefined;
    } catch (error) {
      if (!(error instanceof DowserError) || error.code === 'bad_root') throw error;
      if (error.code === 'cancelled') {
        // A take-over ends the look at the disk that is under way: the new session takes another.
        await this.#sessions.settled();
        if (this.#closed || this.#sessions.current === session) throw error;
        return this.#tolerate(work);
      }
      this.#trouble = error.code;
      log.warn('the index is not kept in step', { message: error.message });
    }
  }
}
