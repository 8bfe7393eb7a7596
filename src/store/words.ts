/** Puts words into the word index and takes them out, so that what was taken out leaves the file's bytes as well. */
import type Database from 'better-sqlite3';
import type { Words } from './rows.ts';

/**
 * Taking a chunk out of every page that names it takes 3 ms (measured on 7,700 chunks of C++), so an edit does that at
 * once and a branch switch does not: it leaves marks, at a tenth of the time, and a merge of the pages when all is quiet.
 */
const THOROUGH_CHUNKS_MAX = 16;

/** Pages that one slice of the merge writes: about 20 ms, so that questions need not wait for more. */
const PURGE_PAGES = 64;

export interface WordIndex {
  put(chunkId: number, words: Words): void;
  /** Another transaction of the caller's begins. */
  begin(): void;
  /** To be called before the texts go: FTS5 reads them to know what to take out. */
  remove(chunkId: number): void;
  /** Does a slice of what remove() left to do; true when there is more. */
  purge(): boolean;
}

export function openWordIndex(database: Database.Database): WordIndex {
  const put = database.prepare('INSERT INTO words(rowid, path, symbols, body) VALUES(?, ?, ?, ?)');
  const remove = database.prepare<[number]>('DELETE FROM words WHERE rowid = ?');
  // FTS5 keeps its own settings; where none is stored it is not thorough.
  const thorough = database.prepare<[], number>("SELECT v FROM words_config WHERE k = 'secure-delete'").pluck();
  const set = (rank: 0 | 1) => database.prepare(`INSERT INTO words(words, rank) VALUES('secure-delete', ${rank})`);
  const [beLoose, beThorough] = [set(0), set(1)];
  // A negative number merges all there is into one, as often as it takes.
  const merge = database.prepare(`INSERT INTO words(words, rank) VALUES('merge', -${PURGE_PAGES})`);
  const changes = database.prepare<[], number>('SELECT total_changes()').pluck();
  let removed = 0;

  return {
    put: (chunkId, { path, symbols, body }) => void put.run(chunkId, path, symbols, body),
    begin() {
      removed = 0;
    },
    remove(chunkId) {
      if (++removed === THOROUGH_CHUNKS_MAX && thorough.get() === 1) beLoose.run();
      remove.run(chunkId);
    },
    purge() {
      if (thorough.get() === 1) return false;
      return database
        .transaction(() => {
          const before = changes.get()!;
          merge.run();
          // The statement itself counts as one.
          const isDone = changes.get()! - before < 2;
          if (isDone) beThorough.run();
          return !isDone;
        })
        .immediate();
    },
  };
}
