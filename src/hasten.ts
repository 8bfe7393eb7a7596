/** Asks the threads which of the waiting files speak for a question, so that those are indexed before all others. */
import type { Pool } from './pool.ts';
import type { Probed } from './probe.ts';
import { within } from './time.ts';
import type { Entry } from './types.ts';
import type { Job, Result } from './worker.ts';

/** Probing stops after this many bytes, so that a first answer on a huge repository stays a matter of seconds. */
const PROBE_BYTES_MAX = 400 * 1024 * 1024;
const PROBE_PATHS_PER_JOB = 400;
const HASTEN_FILES_MAX = 80;

/** One look can't be for more names than this without getting slow; who comes later is helped by the index itself. */
const NEEDLES_MAX = 48;

export type Look = (needles: readonly string[], deadlineMs: number) => Promise<Probed[]>;

/** Questions that come while others look for their files share the next look: each one reads every waiting file. */
export function shareLooks(look: Look): Look {
  let running: Promise<Probed[]> | undefined;
  let next: { readonly needles: Set<string>; deadlineMs: number; found: Promise<Probed[]> } | undefined;
  const start: Look = (needles, deadlineMs) => {
    running = look(needles, deadlineMs).finally(() => {
      running = undefined;
    });
    return running;
  };
  return (needles, deadlineMs) => {
    if (running === undefined) return start(needles, deadlineMs);
    if (next === undefined) {
      const shared = { needles: new Set<string>(), deadlineMs, found: Promise.resolve<Probed[]>([]) };
      shared.found = running
        .catch(() => [])
        .then(() => {
          next = undefined;
          return start([...shared.needles].slice(0, NEEDLES_MAX), shared.deadlineMs);
        });
      next = shared;
    }
    for (const needle of needles) next.needles.add(needle);
    next.deadlineMs = Math.max(next.deadlineMs, deadlineMs);
    return next.found;
  };
}

/** Files worth indexing first, by what stands in them, best first. */
export async function findPromising(
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
