/** What the disk has against what the store knows: which files are to be read, and which rows are of files that are gone. Pure. */
import { sameFingerprint } from './source/fingerprint.ts';
import type { ScanResult } from './source/scan.ts';
import type { FileRecord } from './store/store.ts';
import type { Entry, Skip } from './types.ts';

/** A file this young at the sweep may change again within one tick of the file system's clock: it is read once more. */
const RACY_MS = 50;

export type Difference = {
  /** Files that may have changed, in the listing's order. */
  readonly changed: readonly Entry[];
  /** Paths that the listing no longer has. */
  readonly removed: readonly string[];
  /** Files that may not be read and are not recorded as such. */
  readonly skips: readonly Skip[];
  /** Files so young that the next comparison reads them again. */
  readonly racy: ReadonlySet<string>;
};

/** `known` is used up. `again` are paths to read even when nothing speaks for a change. */
export function compare(
  found: ScanResult,
  known: Map<string, FileRecord>,
  again: (path: string, record: FileRecord | undefined) => boolean,
  atMs: number,
): Difference {
  const changed: Entry[] = [];
  const racy = new Set<string>();
  for (const entry of found.entries) {
    const record = known.get(entry.path);
    known.delete(entry.path);
    if (atMs - Number(BigInt(entry.fingerprint.mtimeNs) / 1_000_000n) < RACY_MS) racy.add(entry.path);
    const isSame = record !== undefined && sameFingerprint(record.fingerprint, entry.fingerprint);
    if (!isSame || again(entry.path, record)) changed.push(entry);
  }
  const skips = found.skips.filter(({ path, reason }) => {
    const record = known.get(path);
    known.delete(path);
    return record === undefined || record.skip !== reason || record.hash !== '';
  });
  return { changed, removed: [...known.keys()], skips, racy };
}
