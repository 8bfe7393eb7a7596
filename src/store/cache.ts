/** What lies in the cache folder, and what of it can go: indexes of folders that are gone, files set aside, other versions'. */
import { existsSync, readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openLeader } from './leader.ts';
import { type RootIdentity, rootOf, whereabouts } from './owner.ts';
import { openDatabase, SCHEMA_VERSION, VECTORS_VERSION } from './schema.ts';

/** After so many days without a change they are spent. */
const DAYS_MAX: Readonly<Record<Kept['what'], number>> = {
  index: Number.POSITIVE_INFINITY,
  shared: Number.POSITIVE_INFINITY,
  // Of use to nobody but those who look for the cause.
  set_aside: 7,
  // Another version of dowser that is in use writes to its index; one that is not will hardly come back.
  other_version: 30,
};

const DAY_MS = 86_400_000;

/** How the folder of an index is named (place.ts). */
const FOLDER = /-[0-9a-f]{16}$/;

/** What is to be known of each: an index with its folder, the embeddings that all share, or files of another time. */
export type Kept = {
  readonly what: 'index' | 'shared' | 'set_aside' | 'other_version';
  /** The folder of an index, else the first of the files. */
  readonly path: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly changedMs: number;
  /** Of an index: what it is of, where it says, and whether that is there. */
  readonly root: string | undefined;
  readonly whereabouts: 'there' | 'gone' | 'away' | 'unknown';
  /** Of no use any more: removed without being asked for by name. */
  readonly isSpent: boolean;
};

/** All that is dowser's in the cache folder; what other programs keep there is not looked at. */
export function surveyCache(cache: string, nowMs = Date.now()): Kept[] {
  return [
    ...foldersIn(cache).flatMap((folder) => surveyFolder(folder, nowMs)),
    ...survey(cache, 'vectors', VECTORS_VERSION, nowMs).map(withoutRoot),
  ];
}

/** The indexes of this version of dowser. */
export function indexFilesIn(cache: string): string[] {
  return foldersIn(cache)
    .map((folder) => join(folder, `index-${SCHEMA_VERSION}.db`))
    .filter((file) => existsSync(file));
}

/** Removes it, unless a living process holds the index. Throws what the system throws where a file can't be removed. */
export function remove({ what, path, files }: Kept): 'removed' | 'in_use' {
  const folder = what === 'index' ? path : dirname(path);
  // What was set aside, and embeddings that all share, can go from under whoever still reads them.
  const locks = what === 'index' || what === 'other_version' ? lockFilesOf(folder).map(openLeader) : [];
  try {
    if (!locks.every((lock) => lock.tryLead())) return 'in_use';
    // Locks last, so that whoever opens the folder meanwhile still meets them.
    for (const file of [...files, ...(what === 'index' ? lockFilesOf(folder) : [])]) rmSync(file, { force: true });
  } finally {
    for (const lock of locks) lock.release();
  }
  if (FOLDER.test(folder) && existsSync(folder) && namesIn(folder).length === 0) rmdirSync(folder);
  return 'removed';
}

function foldersIn(cache: string): string[] {
  return namesIn(cache)
    .filter((name) => FOLDER.test(name))
    .map((name) => join(cache, name));
}

/** The folder of one root: its index with all that is beside it when the root is gone, else what of it is of another time. */
function surveyFolder(folder: string, nowMs: number): Kept[] {
  const parts = survey(folder, 'index', SCHEMA_VERSION, nowMs);
  const root = rootIn(join(folder, `index-${SCHEMA_VERSION}.db`));
  const state = root === undefined ? 'unknown' : whereabouts(root);
  const index = { root: root?.path, whereabouts: state } as const;
  const isOrphaned = state === 'unknown' && parts.length > 0 && parts.every(({ isSpent }) => isSpent);
  if (state === 'gone' || isOrphaned) {
    const files = parts.flatMap(({ files }) => files);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    const changedMs = Math.max(...parts.map((part) => part.changedMs));
    return [{ what: 'index', path: folder, files, bytes, changedMs, ...index, isSpent: true }];
  }
  return parts.map((part) => ({ ...part, ...index, path: part.what === 'index' ? folder : part.path }));
}

type Part = Pick<Kept, 'what' | 'path' | 'files' | 'bytes' | 'changedMs' | 'isSpent'>;

/** Databases of this name in a folder, version by version, and those set aside. */
function survey(folder: string, name: 'index' | 'vectors', version: number, nowMs: number): Part[] {
  const pattern = new RegExp(`^(${name}-(\\d+)\\.db(?:\\.set-aside-\\w+)?)(?:-wal|-shm|-journal|\\.suspect)?$`);
  const groups = new Map<string, string[]>();
  for (const file of namesIn(folder)) {
    const base = pattern.exec(file)?.[1];
    if (base !== undefined) groups.set(base, [...(groups.get(base) ?? []), join(folder, file)]);
  }
  return [...groups].map(([base, files]) => {
    const stats = files.map((file) => statSync(file, { throwIfNoEntry: false })).filter((stat) => stat !== undefined);
    const bytes = stats.reduce((sum, { size }) => sum + size, 0);
    const changedMs = Math.max(0, ...stats.map(({ mtimeMs }) => mtimeMs));
    const isOwn = Number(pattern.exec(base)?.[2]) === version;
    const own = name === 'index' ? 'index' : 'shared';
    const what = base.includes('.set-aside-') ? 'set_aside' : isOwn ? own : 'other_version';
    return { what, path: files[0]!, files, bytes, changedMs, isSpent: nowMs - changedMs > DAYS_MAX[what] * DAY_MS };
  });
}

function withoutRoot(part: Part): Kept {
  return { ...part, root: undefined, whereabouts: 'unknown' };
}

/** What an index says it is of; undefined for one that can't be read, or that never was written to. */
function rootIn(file: string): RootIdentity | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const database = openDatabase(file, 'read');
    try {
      return rootOf(database);
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

/** The locks of every version of dowser that has an index here. */
function lockFilesOf(folder: string): string[] {
  return namesIn(folder)
    .filter((name) => /^leader-\d+\.db(?:-journal)?$/.test(name))
    .map((name) => join(folder, name));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
