/** Turns SQLite's errors into DowserErrors whose message says what to do next. */
import Database from 'better-sqlite3';
import { DowserError } from '../errors.ts';

/** Rows that are not what was written, which SQLite does not see. */
export class DamagedRows extends Error {}

/** True when the file itself is broken, or is no database at all. */
export function isDamage(error: unknown): error is Error {
  if (error instanceof DamagedRows) return true;
  const code = codeOf(error);
  // Where its own rows can't be understood, FTS5 has only words to say so.
  if (code === 'SQLITE_ERROR' && /fts5 file format|vtable constructor failed/.test((error as Error).message))
    return true;
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

/** True when another process holds a lock that we did not get in time. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(?:BUSY|LOCKED)/.test(codeOf(error));
}

/** Runs `work`; what SQLite throws in it becomes a DowserError. `onDamage` hears of a broken file. */
export function guarded<Result>(file: string, work: () => Result, onDamage?: () => void): Result {
  try {
    return work();
  } catch (error) {
    if (isDamage(error)) onDamage?.();
    throw translated(file, error);
  }
}

function translated(file: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === '') return error;
  const advice = ADVICE.find(([start]) => code.startsWith(start))?.[1];
  // What is not the world's doing is a mistake in our own SQL: it stays what it is.
  if (advice === undefined) return error;
  return new DowserError('store_unusable', `The index ${file} ${advice} (${code})`, { cause: error });
}

const ADVICE: readonly (readonly [string, string])[] = [
  ['SQLITE_BUSY', 'stayed locked by another process. Try again; if it lasts, end the other dowser.'],
  ['SQLITE_LOCKED', 'stayed locked by another process. Try again; if it lasts, end the other dowser.'],
  ['SQLITE_FULL', "can't grow: the disk is full. Free some space; nothing that was indexed is lost."],
  ['SQLITE_CORRUPT', 'is damaged. Start dowser again: it sets the file aside and builds a new one.'],
  ['SQLITE_NOTADB', 'is not a database. Start dowser again: it sets the file aside and builds a new one.'],
  ['SQLITE_READONLY', "can't be written. Make its folder writable, or name another one in DOWSER_CACHE."],
  ['SQLITE_PERM', "can't be opened. Make its folder writable, or name another one in DOWSER_CACHE."],
  ['SQLITE_CANTOPEN', "can't be opened. Make its folder writable, or name another one in DOWSER_CACHE."],
  ['SQLITE_IOERR', "can't be read or written. Check the disk, or name another folder in DOWSER_CACHE."],
  ['SQLITE_AUTH', "can't be opened. Make its folder writable, or name another one in DOWSER_CACHE."],
];

function codeOf(error: unknown): string {
  return error instanceof Database.SqliteError ? error.code : '';
}
