/** A process that uses an index or a model which was damaged before or while it is open; told how by a line, it answers by a line. */
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { DowserError } from '../../src/errors.ts';
import { setLogLevel } from '../../src/log.ts';
import { storePlaceFor } from '../../src/store/place.ts';
import { type Held, heldBy } from './census.ts';
import { type Opened, openFor } from './ground.ts';
import { randomFrom } from './row.ts';

/** `template` is a cache folder as a process leaves it that was killed: with a log. */
export type ExaminingGround = {
  readonly root: string;
  readonly folder: string;
  readonly template: string;
  readonly model: string;
  readonly questions: readonly string[];
};

export const TARGETS = ['store', 'log', 'lock', 'model.onnx', 'tokenizer.json', 'model.json'] as const;
export const HARMS = ['flipped bit', 'cut off', 'zeroed tail', 'empty', 'not what it was', 'gone'] as const;
export type Damage = {
  readonly target: (typeof TARGETS)[number];
  readonly harm: (typeof HARMS)[number];
  /** While the index is open, instead of before. */
  readonly live: boolean;
  readonly seed: number;
};

export type Examined = {
  readonly losses: readonly string[];
  /** Something was not as it should be, and whether that was said. */
  readonly due: boolean;
  readonly told: boolean;
  /** What is asked for was found, yet not everything in the order of an index that was never harmed. */
  readonly drifted: boolean;
  /** SQLite alone gives rows that are not what was written, and no error: undefined where no bit of the store was flipped. */
  readonly silentBySqlite: boolean | undefined;
};

type Truth = {
  readonly held: ReadonlyMap<string, Held>;
  readonly answers: readonly (readonly string[])[];
  readonly rows: string;
};

async function answerLines(ground: ExaminingGround): Promise<void> {
  const { template, folder, root, model, questions } = ground;
  const cacheDir = join(folder, 'cache');
  cpSync(template, cacheDir, { recursive: true });
  const opened = await openFor(root, cacheDir, { model });
  await opened.index.sync();
  const asked = await askAll(opened, questions, root);
  const truth = { held: heldBy(opened.engine().store), answers: asked.answers, rows: '' };
  await opened.index.close();
  const rows = rowsBySqlite(storePlaceFor(root, cacheDir).storeFile)!;
  say({ ready: asked.untrue.length === 0 });
  for await (const line of createInterface({ input: process.stdin }))
    say(await examine(JSON.parse(line) as Damage, ground, { ...truth, rows }));
}

async function examine(damage: Damage, ground: ExaminingGround, truth: Truth): Promise<Examined> {
  const { root, folder, questions } = ground;
  const cacheDir = join(folder, 'cache');
  const model = join(folder, 'model');
  renew(ground, cacheDir, model);
  const { storeFile, lockFile } = storePlaceFor(root, cacheDir);
  const place = { store: storeFile, log: `${storeFile}-wal`, lock: lockFile }[damage.target as 'store'];
  const losses: string[] = [];
  const said = new Set<string>();
  /** What last differed from the truth. */
  let wrong = '';
  let drifted = false;
  let silentBySqlite: boolean | undefined;
  const harm = (): void => doHarm(place ?? join(model, damage.target), damage);
  if (!damage.live) {
    harm();
    if (damage.target === 'store' && damage.harm === 'flipped bit') silentBySqlite = isSilent(storeFile, folder, truth);
  }

  /** Opens, asks, brings in step and asks again; gives whether all was as it should be. */
  const use = async (between: () => void): Promise<boolean> => {
    let opened: Opened | undefined;
    let right = true;
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        right = false;
        if (error instanceof DowserError) said.add(error.code);
        else losses.push(`not a DowserError: ${error instanceof Error ? error.stack : error}`);
      }
    };
    const look = async (): Promise<void> => {
      const { answers, untrue } = await askAll(opened!, questions, root);
      losses.push(...untrue);
      const other = answers.findIndex((answer, at) => !answer.includes(truth.answers[at]![0]!));
      if (other !== -1) {
        right = false;
        wrong = `'${questions[other]}' led to ${answers[other]!.join(' ') || 'nothing'}, not ${truth.answers[other]![0]}`;
      }
      drifted = JSON.stringify(answers) !== JSON.stringify(truth.answers);
      for (const code of (await opened!.index.status()).health) said.add(code);
    };
    await attempt(async () => {
      opened = await openFor(root, cacheDir, { model });
    });
    if (opened === undefined) return false;
    between();
    await attempt(look);
    right = true;
    await attempt(async () => {
      await opened!.index.sync();
    });
    await attempt(look);
    await attempt(async () => {
      const held = heldBy(opened!.engine().store);
      const paths = [...new Set([...held.keys(), ...truth.held.keys()])];
      const other = paths.find((path) => JSON.stringify(held.get(path)) !== JSON.stringify(truth.held.get(path)));
      if (other === undefined) return;
      right = false;
      wrong = `the rows of ${other} are not as in a fresh index`;
    });
    await attempt(() => opened!.index.close());
    return right;
  };

  const healthy = await use(damage.live ? harm : () => undefined);
  const told = said.size > 0;
  // A model that is broken stays so until someone fetches it again; the index goes on without.
  if (place === undefined) renewModel(ground, model);
  let again = await use(() => undefined);
  if (!again) again = await use(() => undefined);
  if (!again) losses.push(`not whole again after two starts: ${wrong}; said: ${[...said].join(', ') || 'nothing'}`);
  return { losses, due: !healthy, told, drifted, silentBySqlite };
}

function renew(ground: ExaminingGround, cacheDir: string, model: string): void {
  rmSync(cacheDir, { recursive: true, force: true });
  cpSync(ground.template, cacheDir, { recursive: true });
  renewModel(ground, model);
}

function renewModel(ground: ExaminingGround, model: string): void {
  mkdirSync(model, { recursive: true });
  for (const file of ['model.onnx', 'tokenizer.json', 'model.json'])
    copyFileSync(join(ground.model, file), join(model, file));
}

function doHarm(file: string, { harm, seed, target }: Damage): void {
  const random = randomFrom(seed);
  const bytes = readFileSync(file);
  // The lock's file is empty: there, most harms do none.
  const at = random(Math.max(1, bytes.length));
  if (harm === 'flipped bit') {
    if (bytes.length > 0) bytes[at]! ^= 1 << random(8);
    writeFileSync(file, bytes);
  } else if (harm === 'cut off') truncateSync(file, Math.min(at, bytes.length));
  else if (harm === 'zeroed tail') writeFileSync(file, bytes.fill(0, at));
  else if (harm === 'empty') truncateSync(file, 0);
  else if (harm === 'gone') rmSync(file);
  else if (target === 'store' && random(2) === 0) {
    rmSync(file);
    const foreign = new Database(file);
    foreign.exec('CREATE TABLE mine(x); INSERT INTO mine VALUES(1)');
    foreign.close();
  } else writeFileSync(file, 'this is something else entirely\n'.repeat(200));
}

/** Where each question leads, and snippets that are not what the disk has. */
async function askAll({ index }: Opened, questions: readonly string[], root: string) {
  const untrue: string[] = [];
  const answers: string[][] = [];
  for (const query of questions) {
    const { snippets } = await index.search({ query, limit: 5 });
    for (const { path, startLine, endLine, text } of snippets) {
      const lines = readFileSync(join(root, path), 'utf8').split(/\r?\n/);
      if (startLine > 0 && lines.slice(startLine - 1, endLine).join('\n') !== text.replaceAll('\r', ''))
        untrue.push(`'${query}': ${path}:${startLine} was shown as it is not`);
    }
    answers.push(snippets.map(({ path, startLine }) => `${path}:${startLine}`));
  }
  return { answers, untrue };
}

/** The control: what a program that trusts SQLite would read. Undefined when SQLite says that something is wrong. */
function rowsBySqlite(storeFile: string): string | undefined {
  const database = new Database(storeFile);
  try {
    if (database.pragma('quick_check(1)', { simple: true }) !== 'ok') return undefined;
    const dump = (sql: string): unknown[] => database.prepare(sql).raw().all();
    return JSON.stringify([
      dump('SELECT path, language, kind, hash FROM files ORDER BY path'),
      dump('SELECT start_line, end_line, hash, symbols FROM chunks ORDER BY id'),
      dump('SELECT path, symbols, body FROM texts ORDER BY chunk_id'),
      dump('SELECT hex(embedding) FROM embeddings ORDER BY chunk_id'),
    ]);
  } catch {
    return undefined;
  } finally {
    database.close();
  }
}

function isSilent(storeFile: string, folder: string, { rows }: Truth): boolean {
  const copy = join(folder, 'copy', basename(storeFile));
  rmSync(join(folder, 'copy'), { recursive: true, force: true });
  mkdirSync(join(folder, 'copy'));
  for (const ending of ['', '-wal']) copyFileSync(storeFile + ending, copy + ending);
  const read = rowsBySqlite(copy);
  return read !== undefined && read !== rows;
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setLogLevel('error');
  await answerLines(JSON.parse(process.argv[2]!) as ExaminingGround);
}
