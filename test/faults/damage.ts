/** Bits flip and files are torn, of the store and of the model: never a wrong snippet, never a dead process, and whole again. */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manyFiles, nameAt, PROJECT } from '../trips/projects.ts';
import { performAll, startChild } from './children.ts';
import { type Damage, type Examined, type ExaminingGround, HARMS, TARGETS } from './examining.ts';
import { makeRepository, openFor, write } from './ground.ts';
import { type Context, type Outcome, type Row, randomFrom } from './row.ts';

const PROGRAM = fileURLToPath(new URL('examining.ts', import.meta.url));
const MODEL = fileURLToPath(new URL('../../models/dowser-static-v1', import.meta.url));
const LANES = 2;
const FILES = 60;
/** Of ten damages, how many hit the store itself, its log, its lock, and the model. */
const SHARES = { store: 5, log: 2, lock: 1, model: 2 };

export const damage: Row = {
  name: 'bit flips and torn files of store and model',
  promise: 'no wrong snippet, no death; what is missing is told of, and the index is whole again at the next start',
  counts: { quick: 200, full: 2_000 },
  run,
};

const QUESTIONS = [
  'acquireLease',
  'where is the shortest route between two depots found',
  'retry until attempts run out',
  'depot.json leaseSeconds',
  'a lease is exclusive',
  ...Array.from({ length: 7 }, (_, at) => nameAt(at * 8)),
];

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const grounds = await Promise.all(Array.from({ length: LANES }, () => prepare(folder())));
  const losses: string[] = [];
  let [deaths, told, due, flips, silent, drifted] = [0, 0, 0, 0, 0, 0];
  await performAll<Damage, Examined>(
    grounds.map((ground) => () => startChild(PROGRAM, ground)),
    damagesOf(count, seed),
    (fault, found, done) => {
      progress(done, count);
      const which = `${fault.target} ${fault.harm}${fault.live ? ' while open' : ''} (${fault.seed})`;
      if (found === undefined) {
        deaths++;
        losses.push(`${which}: the process died`);
        return;
      }
      losses.push(...found.losses.map((loss) => `${which}: ${loss}`));
      if (found.silentBySqlite !== undefined) flips++;
      if (found.silentBySqlite === true) silent++;
      if (found.drifted) drifted++;
      if (found.due) due++;
      if (found.due && found.told) told++;
      if (found.due && !found.told) losses.push(`${which}: nothing was said of it`);
    },
  );
  return {
    faults: count,
    losses,
    reported: { told, due },
    control: { losses: silent, of: flips, how: "flips that SQLite's own check does not see in what it reads" },
    notes: [
      `${deaths} deaths; ${count - due} damages made no difference to any row or known answer`,
      `${drifted} left the order of other answers changed: SQLite has no sums over its word index`,
    ],
  };
}

/** An index as a killed process leaves it: most is in the file, the last commits are in the log. */
export async function prepare(folder: string): Promise<ExaminingGround> {
  const root = makeRepository(folder, { ...PROJECT, ...manyFiles(FILES) });
  const [cacheDir, template] = [join(folder, 'first'), join(folder, 'template')];
  const { index, engine } = await openFor(root, cacheDir, { model: MODEL });
  const last = Object.fromEntries(Object.entries(manyFiles(FILES)).slice(0, FILES / 6));
  for (const path of Object.keys(last)) rmSync(join(root, path));
  await index.sync();
  engine().store.checkpoint();
  write(root, last);
  await index.sync();
  cpSync(cacheDir, template, { recursive: true, filter: (path) => !path.endsWith('-shm') });
  await index.close();
  rmSync(cacheDir, { recursive: true });
  return { root, folder, template, model: MODEL, questions: QUESTIONS };
}

/** Every harm to every target once, then at random. */
function damagesOf(count: number, seed: number): Damage[] {
  const each = TARGETS.flatMap((target) => HARMS.map((harm) => ({ target, harm, live: false, seed })));
  return Array.from({ length: count }, (_, at) => each[at] ?? damageOf(seed + at));
}

function damageOf(seed: number): Damage {
  const random = randomFrom(seed);
  const share = random(10);
  const model = TARGETS[3 + random(3)]!;
  const targets = Object.entries(SHARES).flatMap(([target, times]) => Array.from({ length: times }, () => target));
  const target = targets[share] === 'model' ? model : (targets[share] as Damage['target']);
  // Half of all are flipped bits: the damage that is hardest to see.
  const harm = random(2) === 0 ? 'flipped bit' : HARMS[1 + random(HARMS.length - 1)]!;
  return { target, harm, live: random(3) === 0 && ['store', 'log'].includes(target), seed };
}
