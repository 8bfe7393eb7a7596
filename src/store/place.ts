/** Where the index of a root lies: in the user's cache folder, private, never inside the repository. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { DowserError } from '../errors.ts';
import { hashText } from '../hash.ts';
import { SCHEMA_VERSION, VECTORS_VERSION } from './schema.ts';

export type StorePlace = {
  /** The folder of all indexes. */
  readonly cache: string;
  readonly folder: string;
  readonly storeFile: string;
  readonly lockFile: string;
  /** The embeddings that all indexes share. */
  readonly vectorsFile: string;
};

type Surroundings = {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** Characters of the root's name that the folder's name repeats, for people who look into the cache. */
const NAME_CHARS_MAX = 40;

/**
 * One folder a root, keyed by its real path. The schema's version is part of the names, so that two versions of dowser
 * that run side by side each lead an index of their own and neither writes the other's.
 */
export function storePlaceFor(root: string, cacheDir: string | undefined): StorePlace {
  const name = basename(root)
    .replace(/[^\w.-]+/g, '_')
    .slice(0, NAME_CHARS_MAX);
  const cache = cacheDir ?? userCacheFolder();
  const folder = join(cache, `${name}-${hashText(root).slice(0, 16)}`);
  return {
    cache,
    folder,
    storeFile: join(folder, `index-${SCHEMA_VERSION}.db`),
    lockFile: join(folder, `leader-${SCHEMA_VERSION}.db`),
    vectorsFile: join(cache, `vectors-${VECTORS_VERSION}.db`),
  };
}

/** dowser's folder among the caches of this user. */
export function userCacheFolder(
  { platform, environment }: Surroundings = { platform: process.platform, environment: process.env },
): string {
  const asked = platform === 'win32' ? environment.LOCALAPPDATA : environment.XDG_CACHE_HOME;
  // The XDG specification has relative paths ignored.
  if (platform !== 'darwin' && asked !== undefined && isAbsolute(asked)) return join(asked, 'dowser');
  const home = homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'dowser');
  return platform === 'win32' ? join(home, 'AppData', 'Local', 'dowser') : join(home, '.cache', 'dowser');
}

/** Makes the folder that holds `file`, for this user alone. */
export function makePrivateFolder(file: string): void {
  const folder = dirname(file);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    const own = process.getuid?.();
    if (own === undefined) return;
    // The superuser may use anyone's folder: in a container it often is given one.
    if (uid !== own && own !== 0) throw new Error('it belongs to another user');
    if ((mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The folder ${folder} can't hold an index: ${why}. Name another one in DOWSER_CACHE.`;
    throw new DowserError('store_unusable', message, { cause });
  }
}

/** Tells a file from another one of the same name; undefined where there is none. */
export function inodeOf(file: string): bigint | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
  } catch (cause) {
    const message = `${file} can't be looked at. Check the disk, or name another folder in DOWSER_CACHE.`;
    throw new DowserError('store_unusable', message, { cause });
  }
}

/** Whether the file of this name is still the one with this inode. A folder that can't be looked into speaks neither way. */
export function isStill(inode: bigint | undefined, file: string): boolean {
  try {
    return inodeOf(file) === inode;
  } catch {
    return true;
  }
}
