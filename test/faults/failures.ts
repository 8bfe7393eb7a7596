/** Every statement and every call to the file system fails once, or fails from then on: no file is torn, no process dies. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, performAll, startChild } from './children.ts';
import type { FailingGround, Found } from './failing.ts';
import { CODES, DOORS, type Fault } from './faulty.ts';
import { type Files, makeRepository, openFor, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

const PROGRAM = fileURLToPath(new URL('failing.ts', import.meta.url));
const FAULTY = new URL('faulty.ts', import.meta.url).href;
const WITHOUT_TRANSACTIONS = new URL('withoutTransactions.ts', import.meta.url).href;
const LANES = 2;
/** Statements of the control, spread over all of them. */
const CONTROL_FAULTS = 48;

export const failures: Row = {
  name: 'error at the n-th statement or file call, once and for ever',
  promise: 'no file torn, no process dead, what is missing is told of, and the index follows once the fault is over',
  counts: { quick: 600, full: 6_000 },
  run,
};

/** Prose and lines, so that no parser has to be loaded for each of hundreds of runs. */
const BEFORE: Files = {
  'notes/lease.md': '# Lease\n\nA worker takes a lease of a parcel before it is moved.\n',
  'notes/route.md': '# Route\n\nThe shortest route between two depots.\n',
  'notes/gone.md': '# Gone\n\nThis file will not be there any more.\n',
  'src/first.txt': 'alpha\nbeta\n',
  'src/second.txt': 'gamma\ndelta\n',
};
const CHANGES: Files = {
  'notes/lease.md':
    '# Lease\n\nThe lease of a parcel is let go after it was moved.\n\n## Again\n\nIt may be taken again.\n',
  'src/second.txt': 'gamma\nepsilon\n',
  'src/third.txt': 'zeta of a lease\n',
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const grounds = await Promise.all(Array.from({ length: LANES }, () => prepare(folder())));
  const all = await listFaults(grounds[0]!);
  const faults = spread(all, count).map((fault, at) => withCode(fault, seed + at));
  const losses: string[] = [];
  let [deaths, told, due] = [0, 0, 0];
  await performAll<Fault, Found>(
    grounds.map((ground) => () => start(ground)),
    faults,
    (fault, found, done) => {
      progress(done, faults.length);
      if (found === undefined) {
        deaths++;
        losses.push(`${describe(fault)}: the process died`);
        return;
      }
      const which = `${describe(fault)} (${found.first})`;
      losses.push(...found.losses.map((loss) => `${which}: ${loss}`));
      if (found.made === 0 || !found.due) return;
      due++;
      if (found.told) told++;
      else losses.push(`${which}: nothing was said of it`);
    },
  );
  const statements = spread(
    faults.filter(({ door, forEver }) => door === 'statement' && !forEver),
    CONTROL_FAULTS,
  );
  return {
    faults: faults.length,
    losses,
    reported: { told, due },
    control: { losses: await countTorn(grounds[0]!, statements), of: statements.length, how: 'without transactions' },
    notes: [
      `${DOORS.map((door) => `${all.filter((one) => one.door === door).length / 2} ${door}`).join(', ')} calls; ${deaths} deaths`,
    ],
  };
}

/** A root whose disk is ahead of its index. */
async function prepare(folder: string): Promise<FailingGround> {
  const root = makeRepository(folder, BEFORE);
  const template = join(folder, 'template');
  const { index } = await openFor(root, template);
  await index.sync();
  await index.close();
  write(root, CHANGES);
  rmSync(join(root, 'notes/gone.md'));
  return { root, template, cacheDir: join(folder, 'cache') };
}

/** Every call that a run without faults makes, once and for ever. */
async function listFaults(ground: FailingGround): Promise<Fault[]> {
  const child = await start(ground);
  const faults: Fault[] = [];
  for (const door of DOORS) {
    const dry: Fault = { door, nth: 0, forEver: false, code: CODES[door][0]! };
    const found = (await child.perform(dry)) as Found | undefined;
    if (found === undefined || found.calls === 0) throw new Error(`a run without faults failed: ${door}`);
    if (found.losses.length > 0) throw new Error(`a run without faults lost: ${found.losses[0]}`);
    for (let nth = 1; nth <= found.calls; nth++) {
      for (const forEver of [false, true]) faults.push({ door, nth, forEver, code: '' });
    }
  }
  child.end();
  return faults;
}

/** `count` of them, evenly, or all of them as often as fits. */
function spread<Item>(all: readonly Item[], count: number): Item[] {
  if (count >= all.length) return Array.from({ length: Math.floor(count / all.length) }, () => all).flat();
  return Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)]!);
}

function withCode(fault: Fault, choice: number): Fault {
  const codes = CODES[fault.door];
  return { ...fault, code: codes[choice % codes.length]! };
}

function describe({ door, nth, forEver, code }: Fault): string {
  return `${code} at ${door} ${nth} ${forEver ? 'and all later ones' : 'alone'}`;
}

function start(ground: FailingGround, imports: readonly string[] = []): Promise<Child> {
  const environment = { FAULTS_UNDER: join(ground.root, '..') };
  return startChild(PROGRAM, ground, { imports: [FAULTY, ...imports], environment });
}

async function countTorn(ground: FailingGround, faults: readonly Fault[]): Promise<number> {
  const child = await start(ground, [WITHOUT_TRANSACTIONS]);
  let torn = 0;
  for (const fault of faults) if (((await child.perform(fault)) as Found | undefined)?.torn !== false) torn++;
  child.end();
  return torn;
}
