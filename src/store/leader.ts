/** One writer per index: an exclusive lock on a small lock database, which the kernel frees when its holder dies. */

import { truncateSync } from 'node:fs';
import Database from 'better-sqlite3';
import { guarded, isBusy, isDamage } from './failures.ts';
import { makePrivateFolder } from './place.ts';

export interface Leader {
  readonly isLeader: boolean;
  /** Takes the lead when nobody has it. Never waits. */
  tryLead(): boolean;
  release(): void;
}

export function openLeader(lockFile: string): Leader {
  makePrivateFolder(lockFile);
  const lock = guarded(lockFile, () => new Database(lockFile, { timeout: 0 }));
  let leads = false;
  return {
    get isLeader() {
      return leads;
    },
    tryLead() {
      if (!leads) leads = guarded(lockFile, () => tryLock(lock));
      return leads;
    },
    release() {
      leads = false;
      // Closing rolls back, which frees the lock.
      lock.close();
    },
  };
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
