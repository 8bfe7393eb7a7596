/** The index has no good place: the disk is full, the folder can't be written, is taken away, or is another version's. */
import { fileURLToPath } from 'node:url';
import { type Child, performAll, startChild } from './children.ts';
import { type Cramped, type CrampedFound, type CrampedGround, ON_DISK, SCENARIOS } from './cramped.ts';
import { makeRepository } from './ground.ts';
import { filesAt } from './killed.ts';
import type { Context, Outcome, Row } from './row.ts';

const PROGRAM = fileURLToPath(new URL('cramped.ts', import.meta.url));
const WITHOUT_TRANSACTIONS = new URL('withoutTransactions.ts', import.meta.url).href;
const LANES = 2;
const CONTROL_TRIALS = 8;

export const places: Row = {
  name: 'full disk, read-only, removed or moved folder, other versions',
  promise:
    'nothing torn, no death; told of, and whole again once the fault is over; a file of another version is never written',
  counts: { quick: 100, full: 1_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const grounds = Array.from({ length: LANES }, () => prepare(folder()));
  const hasDisk = await start(grounds[0]!).then(
    (child) => {
      child.end();
      return child.ready;
    },
    () => false,
  );
  const scenarios = SCENARIOS.filter((scenario) => hasDisk || !ON_DISK.includes(scenario));
  const losses: string[] = [];
  let [deaths, due, told] = [0, 0, 0];
  await performAll<Cramped, CrampedFound>(
    grounds.map((ground) => () => start(ground, hasDisk)),
    Array.from({ length: count }, (_, at) => ({ scenario: scenarios[at % scenarios.length]!, seed: seed + at })),
    (fault, found, done) => {
      progress(done, count);
      const which = `${fault.scenario} (${fault.seed})`;
      if (found === undefined) {
        deaths++;
        losses.push(`${which}: the process died`);
        return;
      }
      losses.push(...found.losses.map((loss) => `${which}: ${loss}`));
      if (!found.due) return;
      due++;
      if (found.told) told++;
      else losses.push(`${which}: nothing was said of it`);
    },
  );
  const without = hasDisk ? '' : '; no disk can be mounted here, so none was full or read-only';
  return {
    faults: count,
    losses,
    reported: { told, due },
    control: await runControl(grounds[0]!, seed, hasDisk),
    notes: [`${deaths} deaths${without}`],
  };
}

function prepare(folder: string): CrampedGround {
  return { root: makeRepository(folder, filesAt(0)), folder };
}

function start(ground: CrampedGround, hasDisk = true, imports: readonly string[] = []): Promise<Child> {
  return startChild(PROGRAM, ground, { imports, within: hasDisk ? ['unshare', '-Urm'] : [] });
}

/** A disk that fills up between two statements, each of which commits on its own. */
async function runControl(ground: CrampedGround, seed: number, hasDisk: boolean): Promise<Outcome['control']> {
  const child = await start(ground, hasDisk, [WITHOUT_TRANSACTIONS]);
  let torn = 0;
  for (let at = 0; at < CONTROL_TRIALS; at++) {
    const trial: Cramped = { scenario: hasDisk ? 'full disk' : 'folder removed', seed: seed + at };
    const found = (await child.perform(trial)) as CrampedFound | undefined;
    if (found?.torn !== false) torn++;
  }
  child.end();
  return { losses: torn, of: CONTROL_TRIALS, how: 'full disk without transactions' };
}
