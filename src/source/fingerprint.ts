/** What `lstat` says of a file, reduced to the parts that change whenever its content may have. */
import type { BigIntStats } from 'node:fs';
import type { Fingerprint } from '../types.ts';

export function fingerprintOf(stats: BigIntStats): Fingerprint {
  return {
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
    inode: String(stats.ino),
  };
}

export function sameFingerprint(one: Fingerprint, other: Fingerprint): boolean {
  return (
    one.size === other.size &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs &&
    one.inode === other.inode
  );
}
