/** kill -9 in the middle of everything that writes: what was committed is there, whole, and the rest follows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { hashBytes } from '../../src/hash.ts';
import { storePlaceFor } from '../../src/store/place.ts';
import { type Census, censusOfFresh, type Held, takeCensus } from './census.ts';
import { makeRepository, openFor } from './ground.ts';
import { filesAt, VERSIONS } from './killed.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

const PROGRAM = fileURLToPath(new URL('killed.ts', import.meta.url));
const WITHOUT_TRANSACTIONS = new URL('withoutTransactions.ts', import.meta.url).href;
const BUNDLED = fileURLToPath(new URL('../../models/dowser-static-v1', import.meta.url));
/** At once, each on a repository of its own. */
const LANES = 2;
/** A third is killed so long after it began: while it opens, migrates, or makes its first commits. */
const KILL_AFTER_MS_MAX = 1_200;
/** The others die after so many committed files, however fast the machine is, and a moment more. */
const COMMITS_MAX = 140;
const MOMENT_MS_MAX = 60;
/** The control is killed until it tears a file, which takes ten or so; so often means that it can't be seen to tear. */
const CONTROL_KILLS_MAX = 60;

export const kills: Row = {
  name: 'kill -9 while indexing, checkpointing, migrating, swapping models',
  promise: 'every file is whole and as it was or is, and none that was acknowledged is lost',
  counts: { quick: 100, full: 1_000 },
  run,
};

type Task = 'index' | 'checkpoint' | 'migrate' | 'swap';
const TASKS: readonly Task[] = ['index', 'checkpoint', 'migrate', 'swap'];
/** By model as the index names it, path and hash. */
type Expected = ReadonlyMap<string, Held>;
type Ground = { readonly root: string; readonly cacheDir: string; readonly models: readonly string[] };

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const models = [BUNDLED, makeOtherModel(folder())];
  const expected = await expectAll(models, folder);
  const losses: string[] = [];
  let [begun, done, acknowledged] = [0, 0, 0];
  const lane = async (): Promise<void> => {
    const ground = { root: makeRepository(folder(), filesAt(0)), cacheDir: folder(), models };
    for (let at = begun++; at < count; at = begun++) {
      const random = randomFrom(seed + at);
      const task = TASKS[at % TASKS.length]!;
      const killed = await startAndKill(ground, task, random);
      acknowledged += killed.acknowledged.size;
      losses.push(...faultsAfter(ground, killed, expected).map((loss) => `kill ${at} (${task}): ${loss}`));
      progress(++done, count);
    }
    losses.push(...(await finish(ground, expected)));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const control = await tearWithout(folder, models, seed, expected);
  return {
    faults: count,
    losses,
    control,
    notes: [`${acknowledged} commits of a file were acknowledged and looked for afterwards`],
  };
}

/** The bundled model with something put before every text: other embeddings, another identity. */
function makeOtherModel(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(BUNDLED, 'model.json'), 'utf8')) as { name: string; prefixes: unknown };
  const prefixed = { query: 'ask: ', passage: 'tell: ' };
  const tasks = Object.keys(manifest.prefixes as object).map((task) => [task, prefixed]);
  const other = { ...manifest, name: 'other-v1', prefixes: Object.fromEntries(tasks) };
  writeFileSync(join(folder, 'model.json'), JSON.stringify(other));
  for (const file of ['model.onnx', 'tokenizer.json']) symlinkSync(join(BUNDLED, file), join(folder, file));
  return folder;
}

async function expectAll(models: readonly string[], folder: () => string): Promise<Expected> {
  const expected = new Map<string, Held>();
  for (const model of models) {
    for (let version = 0; version < VERSIONS; version++) {
      const files = await censusOfFresh(folder(), filesAt(version), model);
      for (const [path, held] of files) expected.set(`${model} ${path} ${held.hash}`, held);
    }
  }
  return expected;
}

type Killed = {
  readonly model: string;
  /** Hash of each file that was committed, the last one printed. */
  readonly acknowledged: ReadonlyMap<string, string>;
};

async function startAndKill(
  { root, cacheDir, models }: Ground,
  task: Task,
  random: Random,
  preload?: string,
): Promise<Killed> {
  if (task === 'migrate') outdate(storePlaceFor(root, cacheDir).storeFile, random);
  const model = models[task === 'swap' ? random(2) : 0]!;
  const words = ['--no-warnings', ...(preload === undefined ? [] : ['--import', preload]), PROGRAM];
  const child = spawn(process.execPath, [...words, root, cacheDir, model, task], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<string, string>();
  let lineCount = 0;
  const lines = createInterface({ input: child.stdout });
  const opening = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      lineCount++;
      const [path, hash] = line.split(' ');
      if (line === 'opening') resolve();
      else if (hash !== undefined) acknowledged.set(path!, hash);
    });
    lines.on('close', () => reject(new Error('the process ended before it was killed')));
  });
  const closed = once(child, 'close');
  await opening;
  if (preload === undefined && random(3) === 0) await pause(random(KILL_AFTER_MS_MAX));
  else {
    const commits = random(COMMITS_MAX);
    while (lineCount < commits && child.exitCode === null) await Promise.race([once(lines, 'line'), closed]);
    await pause(random(MOMENT_MS_MAX));
  }
  const endedItself = child.exitCode !== null;
  child.kill('SIGKILL');
  await closed;
  if (endedItself) throw new Error(`the process ended with ${child.exitCode} before it was killed`);
  return { model, acknowledged };
}

/** Makes the index one of another chunker, or of another schema altogether. */
function outdate(storeFile: string, random: Random): void {
  if (!existsSync(storeFile)) return;
  const database = new Database(storeFile);
  const isMade = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() !== 0;
  if (isMade && random(2) === 0) database.exec("UPDATE meta SET value = 'another' WHERE key = 'fingerprint'");
  else if (isMade) database.pragma('user_version = 1');
  database.close();
}

/** What is wrong with an index whose keeper was killed. */
function faultsAfter(ground: Ground, { acknowledged }: Killed, expected: Expected): string[] {
  const census = takeCensus(storePlaceFor(ground.root, ground.cacheDir).storeFile);
  const lost = [...acknowledged]
    // It may have been edited and committed again before that was printed.
    .filter(([path, hash]) => {
      const held = census.files.get(path)?.hash;
      return held !== hash && held !== hashBytes(readFileSync(join(ground.root, path), 'utf8'));
    })
    .map(([path]) => `${path} was acknowledged and is lost`);
  return [...census.torn, ...lost, ...mixedIn(census, ground.models, expected)];
}

/** Files whose rows are not those of any version of theirs, or whose embeddings are of another model. */
function mixedIn({ files, model }: Census, models: readonly string[], expected: Expected): string[] {
  const folder = models[model?.startsWith('other-v1') ? 1 : 0]!;
  return [...files].flatMap(([path, { hash, chunks, embeddings }]) => {
    const whole = expected.get(`${folder} ${path} ${hash}`);
    if (whole?.chunks !== chunks) return [`${path} has rows that no fresh index has`];
    return embeddings === undefined || embeddings === whole.embeddings ? [] : [`${path} has embeddings of no model`];
  });
}

/** After all kills, the index must come to be what a fresh one is. */
async function finish(ground: Ground, expected: Expected): Promise<string[]> {
  const { index } = await openFor(ground.root, ground.cacheDir, { model: BUNDLED });
  await index.sync();
  await index.close();
  const census = takeCensus(storePlaceFor(ground.root, ground.cacheDir).storeFile);
  const missing = Object.keys(filesAt(0)).filter((path) => {
    const hash = hashBytes(readFileSync(join(ground.root, path), 'utf8'));
    const held = census.files.get(path);
    return held?.hash !== hash || held.embeddings !== expected.get(`${BUNDLED} ${path} ${hash}`)?.embeddings;
  });
  const wrong = [...census.torn, ...mixedIn(census, ground.models, expected)];
  return [...wrong, ...missing.map((path) => `${path} is not as on disk`)].map((loss) => `in the end: ${loss}`);
}

async function tearWithout(
  folder: () => string,
  models: readonly string[],
  seed: number,
  expected: Expected,
): Promise<Outcome['control']> {
  let [torn, kills] = [0, 0];
  for (; torn === 0 && kills < CONTROL_KILLS_MAX; kills++) {
    const cacheDir = folder();
    const ground = { root: makeRepository(folder(), filesAt(0)), cacheDir, models };
    mkdirSync(cacheDir, { recursive: true });
    const killed = await startAndKill(ground, 'index', randomFrom(seed + kills), WITHOUT_TRANSACTIONS);
    if (faultsAfter(ground, killed, expected).length > 0) torn++;
  }
  return { losses: torn, of: kills, how: 'without transactions' };
}
