/**
 * Loaded before the program (`--import`): the n-th statement, or the n-th call to the file system below a folder, fails as it
 * would on a full or broken disk. Threads that the program starts are loaded with it too and count with it.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';
import Database from 'better-sqlite3';

/** Where a call is made; calls of each door are counted on their own. */
export const DOORS = ['statement', 'file', 'file in a thread'] as const;
export type Door = (typeof DOORS)[number];
export const CODES: Readonly<Record<Door, readonly string[]>> = {
  statement: ['SQLITE_FULL', 'SQLITE_IOERR'],
  file: ['EIO', 'ENOSPC', 'EACCES', 'EMFILE'],
  'file in a thread': ['EIO', 'EACCES', 'EMFILE'],
};
export type Fault = {
  readonly door: Door;
  /** The first call that fails, counted from 1; a dry run, which only counts, is 0. */
  readonly nth: number;
  readonly forEver: boolean;
  readonly code: string;
};

/** Shared by all threads: [armed door, nth, for ever, index of the code, calls counted, faults made]. */
const [DOOR, NTH, FOR_EVER, CODE, COUNTED, MADE] = [0, 1, 2, 3, 4, 5] as const;
const state = (workerThreads.getEnvironmentData('faults') ??
  new Int32Array(new SharedArrayBuffer(6 * 4))) as Int32Array<SharedArrayBuffer>;
workerThreads.setEnvironmentData('faults', state);

/** What the first call that failed was about, where it was made in this thread. */
let first = '';

export function arm({ door, nth, forEver, code }: Fault): void {
  first = '';
  state.set([DOORS.indexOf(door) + 1, nth, Number(forEver), CODES[door].indexOf(code), 0, 0]);
}

/** Ends the fault; says how many calls there were, and how many of them failed. */
export function disarm(): { readonly calls: number; readonly made: number; readonly first: string } {
  state[DOOR] = 0;
  return { calls: state[COUNTED]!, made: state[MADE]!, first };
}

/** The code to fail with, if it is this call's turn. */
function due(door: Door, what: string): string | undefined {
  if (Atomics.load(state, DOOR) !== DOORS.indexOf(door) + 1) return undefined;
  const at = Atomics.add(state, COUNTED, 1) + 1;
  const nth = state[NTH]!;
  if (nth === 0 || at < nth || (at > nth && state[FOR_EVER] === 0)) return undefined;
  if (Atomics.add(state, MADE, 1) === 0) first = what;
  return CODES[door][state[CODE]!];
}

type Method = (this: unknown, ...parameters: never[]) => unknown;
type Methods = Record<string, Method>;

function patch(
  owner: object,
  names: readonly string[],
  before: (self: unknown, parameters: unknown[], name: string) => void,
): void {
  for (const name of names) {
    const original = (owner as Methods)[name]!;
    const patched: Method = function (this: unknown, ...parameters: never[]) {
      before(this, parameters, name);
      return original.apply(this, parameters);
    };
    (owner as Methods)[name] = Object.assign(patched, original);
  }
}

/** SQLite itself gives up a transaction when the disk fails in it; taking it back never fails. */
function failStatement(sql: string, database: Database.Database | undefined): void {
  if (/^\s*ROLLBACK/i.test(sql)) return;
  const code = due('statement', sql);
  if (code === undefined) return;
  if (code.startsWith('SQLITE_IOERR') && database?.inTransaction) database.exec('ROLLBACK');
  throw new Database.SqliteError(`made to fail: ${sql.slice(0, 60)}`, code);
}

const statement = Object.getPrototypeOf(new Database(':memory:').prepare('SELECT 1')) as object;
patch(statement, ['run', 'get', 'all', 'iterate'], (self) => {
  const { source, database } = self as Database.Statement;
  failStatement(source, database);
});
patch(Database.prototype, ['exec', 'prepare'], (self, [sql]) =>
  failStatement(sql as string, self as Database.Database),
);

const door: Door = workerThreads.isMainThread ? 'file' : 'file in a thread';
const under = process.env.FAULTS_UNDER ?? '/nowhere';
const files = new Set<unknown>();

function failCall(name: string, place: unknown): void {
  if (!files.has(place) && !String(place).startsWith(under)) return;
  const made = due(door, `${name} ${place}`);
  // What is hidden from us fails when it is opened or listed; a look at it alone fails by a broken disk only.
  const code = made !== undefined && /stat|readSync/.test(name) ? 'EIO' : made;
  if (code !== undefined) throw Object.assign(new Error(`${code}: made to fail, '${place}'`), { code });
}

const CALLS = [
  'readSync',
  'fstatSync',
  'lstatSync',
  'statSync',
  'readdirSync',
  'readFileSync',
  'writeFileSync',
] as const;
const MORE = ['mkdirSync', 'chmodSync', 'renameSync', 'rmSync', 'realpathSync'] as const;
patch(fs, [...CALLS, ...MORE], (_, [place], name) => failCall(name, place));
patch(fs.realpathSync, ['native'], (_, [place], name) => failCall(name, place));
const { openSync, closeSync } = fs;
fs.openSync = (place, ...more) => {
  failCall('openSync', place);
  const file = openSync(place, ...more);
  if (String(place).startsWith(under)) files.add(file);
  return file;
};
fs.closeSync = (file) => {
  files.delete(file);
  closeSync(file);
};
const { spawn } = childProcess;
childProcess.spawn = ((program: string, ...more: never[]) => {
  // What can't be started says so by an event, whatever the reason was.
  const failed = due(door, program) !== undefined;
  return (spawn as unknown as (...all: unknown[]) => unknown)(failed ? '/nowhere/git' : program, ...more);
}) as typeof spawn;
workerThreads.Worker = class extends workerThreads.Worker {
  constructor(script: string | URL, options: workerThreads.WorkerOptions = {}) {
    super(script, { ...options, execArgv: ['--no-warnings', '--import', import.meta.url] });
  }
};
syncBuiltinESMExports();
