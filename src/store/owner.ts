/** Whose rows an index holds: of which folder, chunker and model. Rows of another owner are dropped, never mixed. */
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type Database from 'better-sqlite3';
import { clearAll, clearEmbeddings } from './schema.ts';

/** A folder, so that another one that comes to lie at its path is not taken for it. Numbers in decimal. */
export type RootIdentity = {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  /** Nanoseconds; '0' where the file system does not know. */
  readonly bornNs: string;
};

/** A model as its rows know it. */
export type ModelRows = { readonly modelId: string; readonly dimensions: number };

type Owner = {
  readonly fingerprint: string;
  readonly modelId: string | undefined;
  readonly dimensions: number;
  readonly slow?: ModelRows | undefined;
  readonly root?: RootIdentity | undefined;
};

/** Undefined when there is no folder there at the moment. Throws what the system throws when it can't tell. */
export function identify(path: string): RootIdentity | undefined {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined || !stat.isDirectory()) return undefined;
  return { path, device: `${stat.dev}`, inode: `${stat.ino}`, bornNs: `${stat.birthtimeNs}` };
}

/** Undefined as well when the folder can't be looked at: whoever lists it says so. */
export function identifyIfSeen(path: string): RootIdentity | undefined {
  try {
    return identify(path);
  } catch {
    return undefined;
  }
}

/**
 * Device numbers change when the machine starts anew, and some network file systems invent inodes; a time of birth stays
 * where there is one. What agrees in either way is the same folder: its files' own fingerprints still say what changed.
 */
export function isSameRoot(a: RootIdentity, b: RootIdentity): boolean {
  if (a.path !== b.path) return false;
  return (a.device === b.device && a.inode === b.inode) || (a.bornNs !== '0' && a.bornNs === b.bornNs);
}

/** Where a root is now: 'away' when the disk that it was on is not there, so that nothing can be said. */
export function whereabouts(root: RootIdentity): 'there' | 'gone' | 'away' {
  try {
    if (identify(root.path) !== undefined) return 'there';
    return deviceAround(root.path) === root.device ? 'gone' : 'away';
  } catch {
    // A folder on the way that may not be read, or a disk that does not answer.
    return 'away';
  }
}

/** The device of the nearest folder above that is there: another one than the root's own means that its disk is not mounted. */
function deviceAround(path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = identify(folder);
    if (found !== undefined) return found.device;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The root that an index was written for; undefined where it does not say. */
export function rootOf(database: Database.Database): RootIdentity | undefined {
  const text = database.prepare<[], string>("SELECT value FROM meta WHERE key = 'root'").pluck().get();
  return text === undefined ? undefined : (JSON.parse(text) as RootIdentity);
}

/** Drops what is not the owner's before the first of its rows comes; true when the rows were of another folder. */
export function dropForeignRows(database: Database.Database, owner: Owner): boolean {
  const { fingerprint, modelId, slow, root } = owner;
  const readMeta = database.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
  const putMeta = database.prepare<[string, string]>('INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)');
  const isChunkerOwn = readMeta.get('fingerprint') === fingerprint;
  const isModelOwn = modelId === undefined || readMeta.get('model') === modelKey(owner);
  // Without a slow model, what one made stays for when it is back.
  const isSlowOwn = slow === undefined || readMeta.get('slow_model') === modelKey(slow);
  const known = rootOf(database);
  const isRootOther = known !== undefined && root !== undefined && !isSameRoot(known, root);
  const isRootKnown = root === undefined || JSON.stringify(known) === JSON.stringify(root);
  if (isChunkerOwn && isModelOwn && isSlowOwn && isRootKnown) return false;
  database
    .transaction(() => {
      if (!isChunkerOwn || isRootOther) clearAll(database);
      else {
        if (!isModelOwn) clearEmbeddings(database, 'embeddings');
        if (!isSlowOwn) clearEmbeddings(database, 'slow_embeddings');
      }
      putMeta.run('fingerprint', fingerprint);
      if (modelId !== undefined) putMeta.run('model', modelKey(owner));
      if (slow !== undefined) putMeta.run('slow_model', modelKey(slow));
      if (root !== undefined) putMeta.run('root', JSON.stringify(root));
    })
    .immediate();
  return isRootOther;
}

export function modelKey({ modelId, dimensions }: Pick<Owner, 'modelId' | 'dimensions'>): string {
  return `${modelId} ${dimensions}`;
}
