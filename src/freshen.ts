/** What a question does before it is answered: looks at the disk where that is due, and waits within bounds for what changed. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Watcher } from './source/watch.ts';
import type { Counts } from './store/store.ts';
import type { Sync } from './sync.ts';
import { within } from './time.ts';
import type { Coverage, Freshness } from './types.ts';

/** A question sweeps first when the last sweep is older than this, or the watcher has seen something since. */
export const SWEEP_AGE_MS_MAX = 1_000;
/** Where nothing is watched (a follower, a system out of watches) an edit shows by sweeps alone: they are at most a third of a core. */
const BLIND_SWEEP_FACTOR = 3;
/** How long a question waits for its sweep; then it says "as of". 10,000 files take about 100 ms. */
const SWEEP_WAIT_MS = 150;
/** How long a question waits for a few changed files, so that an agent that edits and asks sees its edit. */
export const SETTLE_WAIT_MS = 800;
export const SETTLE_FILES_MAX = 200;
/** How long a question on a cold repository waits for the files that speak for it: with the rest, it has its answer in 3 s. */
const HASTEN_WAIT_MS = 2_400;
/** What is left of it after the first sweep of a huge repository: enough to find the files of one name. */
const HASTEN_WAIT_MS_MIN = 1_000;

/** What keeps an index in step, as far as a question needs it. */
export type Keeping = {
  readonly sync: Sync;
  /** Of the leader. */
  readonly watcher: Watcher | undefined;
  /** The leader is stuck: nothing is waited for. */
  readonly isStalled: boolean;
  sweep(): Promise<void>;
  /** Until all that changed is in the index. */
  settled(): Promise<void>;
};

/** `needles` are names that pending files may hold: on a cold repository those are indexed first. */
export async function lookAndWait(keeping: Keeping, needles: readonly string[]): Promise<void> {
  // What the system has to say of edits before this question is heard first: two turns have it asked once in between.
  await nextTurn();
  await nextTurn();
  const { sync, watcher, isStalled } = keeping;
  const askedAtMs = Date.now();
  const sweptAtMs = sync.sweptAtMs();
  // The first sweep is worth waiting for: before it nothing is known, not even what is missing.
  if (sweptAtMs === undefined) await within(HASTEN_WAIT_MS, sync.firstSweep());
  else if (watcher?.takeHint() || askedAtMs - sweptAtMs > sweepAgeMax(keeping))
    await within(SWEEP_WAIT_MS, keeping.sweep());
  else if (sync.sweeping !== undefined) await within(SWEEP_WAIT_MS, sync.sweeping);
  if (sync.pending() === 0 || isStalled) return;
  if (sync.pending() <= SETTLE_FILES_MAX) await within(SETTLE_WAIT_MS, keeping.settled());
  else await sync.hasten(needles, Math.max(HASTEN_WAIT_MS_MIN, HASTEN_WAIT_MS - (Date.now() - askedAtMs)));
}

function sweepAgeMax({ sync, watcher }: Keeping): number {
  const sees = watcher !== undefined && watcher.degraded() === undefined;
  return sees ? SWEEP_AGE_MS_MAX : Math.min(SWEEP_AGE_MS_MAX, sync.sweepMs * BLIND_SWEEP_FACTOR);
}

/** How much of the root the rows speak of; `slow` is the model that reads behind, where there is one. */
export function coverageOf(
  { files, skipped, chunks, embedded, slowEmbedded }: Counts,
  sync: Sync,
  slow: { readonly name: string } | undefined,
): Coverage {
  const pending = sync.pending();
  const filesTotal = Math.max(sync.filesTotal(), files);
  const filesIndexed = Math.max(0, Math.min(files, filesTotal - pending));
  const read = slow && { slow: { name: slow.name, embedded: slowEmbedded } };
  return { filesTotal, filesIndexed, pending, skipped, embedded, chunks, ...read };
}

export function freshnessOf(sync: Sync, isStalled: boolean): Freshness {
  const sweptAtMs = sync.sweptAtMs();
  if (sweptAtMs === undefined) return { state: 'indexing' };
  const sweptAt = new Date(sweptAtMs).toISOString();
  if (isStalled) return { state: 'leader_stalled', sweptAt };
  if (sync.pending() > SETTLE_FILES_MAX) return { state: 'indexing', sweptAt };
  const young = Date.now() - sweptAtMs <= 2 * SWEEP_AGE_MS_MAX && sync.pending() === 0;
  return { state: young ? 'fresh' : 'as_of', sweptAt };
}
