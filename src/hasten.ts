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
