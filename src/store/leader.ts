/** One writer per index: an exclusive lock on a small lock database, which the kernel frees when its holder dies. */
import { truncateSync } from 'node:fs';
import Database from 'better-sqlite3';
import { guarded, isBusy, isDamage } from './failures.ts';
import { inodeOf, isStill, makePrivateFolder } from './place.ts';

export interface Leader {
  readonly isLeader: boolean;
  /** Takes the lead when nobody has it. Never waits. */
  tryLead(): boolean;
  /** False for a leader whose lock file was removed or replaced: another process may lead by now. */
  isValid(): boolean;
  /** Gives up the lead; it can be tried for again. */
  resign(): void;
  release(): void;
}

export function openLeader(lockFile: string): Leader {
  makePrivateFolder(lockFile);
  let lock = guarded(lockFile, () => openLock(lockFile));
  let leads = false;

  const isValid = (): boolean => isStill(lock.inode, lockFile);

  function tryLead(): boolean {
    if (leads) return true;
    if (!isValid()) {
      lock.database.close();
      makePrivateFolder(lockFile);
      lock = openLock(lockFile);
    }
    leads = tryLock(lock.database);
    // A lock on a file that another process removed meanwhile keeps nobody out.
    if (leads && !isValid()) resign();
    return leads;
  }

  function resign(): void {
    if (leads) lock.database.exec('ROLLBACK');
    leads = false;
  }

  return {
    get isLeader() {
      return leads;
    },
    tryLead: () => guarded(lockFile, tryLead),
    isValid,
    resign: () => guarded(lockFile, resign),
    release() {
      leads = false;
      // Closing rolls back, which frees the lock.
      lock.database.close();
    },
  };
}

type Lock = { readonly database: Database.Database; readonly inode: bigint | undefined };

/** Opens the lock file and knows which file it has opened, though another process may replace it meanwhile. */
function openLock(lockFile: string): Lock {
  for (;;) {
    const before = inodeOf(lockFile);
    const database = new Database(lockFile, { timeout: 0 });
    const inode = inodeOf(lockFile);
    if (inode !== undefined && inode === before) return { database, inode };
    database.close();
  }
}

function tryLock(lock: Database.Database): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    if (!isDamage(error)) throw error;
    // Nothing is ever written into it, so nothing is lost; the file stays the one that others may hold.
    truncateSync(lock.name);
    return false;
  }
}
