/** Reads one file of the root: its text with its secrets masked, or why there is none. */
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { hashBytes } from '../hash.ts';
import { languageOf } from '../languages.ts';
import { forgetWhenIdle } from '../memory.ts';
import type { Entry, Fingerprint, Skip, SkipReason, SourceFile } from '../types.ts';
import { isInside } from './confine.ts';
import { decode } from './decode.ts';
import { fingerprintOf, sameFingerprint } from './fingerprint.ts';
import { kindOf } from './kinds.ts';
import { maskSecrets } from './mask.ts';
import { isSecretName } from './secrets.ts';
import { isGenerated, isMinified } from './shape.ts';

/** Above, a file is indexed by lines and words only: parsers and models are for what people wrote. */
export const FILE_BYTES_LINES_ONLY = 1024 * 1024;
/** Above, a file is known by its name only, and never read. */
export const FILE_BYTES_NAME_ONLY = 8 * 1024 * 1024;
/** Reads of a file that changes meanwhile, before it is left for the next sweep. */
const READS_MAX = 5;

/** Text for the answering side, decoded just as for the index. */
export type ReadText = { readonly text: string; readonly fingerprint: Fingerprint };

/** Bytes and fingerprint belong together. No bytes: too large to be read. */
type Content = { readonly bytes: Buffer | undefined; readonly fingerprint: Fingerprint };

/** Reads a listed file for the index. `root` is a real path. */
export async function readSource(root: string, { path }: Pick<Entry, 'path'>): Promise<SourceFile | Skip> {
  const content = readContent(root, path);
  if ('reason' in content) return content;
  const { bytes, fingerprint } = content;
  // What was not read has no hash of its bytes; the empty one equals itself, and no other.
  const hash = bytes === undefined ? '' : hashBytes(bytes);
  const decoded = bytes && decode(bytes);
  const text = decoded?.text ?? '';
  const language = languageOf(path, text.slice(0, 200).split(/[\r\n]/, 1)[0]);
  const kind = kindOf(path, language);
  const file = { path, language, kind, hash, fingerprint, encoding: decoded?.encoding ?? 'utf-8' } as const;
  const byName = (skip: SkipReason): SourceFile => ({ ...file, depth: 'name', text: '', skip });
  if (bytes === undefined) return byName('too_large');
  if (decoded === undefined) return byName('binary');
  if (!/\S/.test(text)) return byName('empty');
  if (isGenerated(path, text, kind)) return byName('generated');
  if (isMinified(path, text, kind)) return byName('minified');
  const depth = bytes.length > FILE_BYTES_LINES_ONLY ? 'lines' : 'full';
  return { ...file, depth, text: await maskSecrets(text) };
}

/** Reads a file as it is now. `root` is a real path, `path` root-relative. */
export async function readText(root: string, path: string): Promise<ReadText | Skip> {
  const read = readUnmasked(root, path);
  return 'text' in read ? { ...read, text: await maskOnce(read.text) } : read;
}

/** The same with its secrets, only for looking at: nothing of it may be stored or shown. */
export function readUnmasked(root: string, path: string): ReadText | Skip {
  const content = readContent(root, path);
  if ('reason' in content) return content;
  if (content.bytes === undefined) return skip(path, 'too_large');
  const decoded = decode(content.bytes);
  return decoded === undefined ? skip(path, 'binary') : { text: decoded.text, fingerprint: content.fingerprint };
}

/** Hex digits of a sha256; older repositories have 40, of a sha1. */
const SHA256_DIGITS = 64;

/** What git calls a file's content when no filter changes it, in a hash of so many hex digits; undefined when it can't be read. */
export function blobOf(root: string, path: string, digits: number | undefined): string | undefined {
  const content = readContent(root, path);
  if ('reason' in content || content.bytes === undefined) return undefined;
  const hash = createHash(digits === SHA256_DIGITS ? 'sha256' : 'sha1');
  return hash.update(`blob ${content.bytes.length}\0`).update(content.bytes).digest('hex');
}

function readContent(root: string, path: string): Content | Skip {
  if (isSecretName(path)) return skip(path, 'secret_name');
  try {
    for (let reads = 0; reads < READS_MAX; reads++) {
      const content = readOnce(root, path);
      if (content !== undefined) return content;
    }
    return skip(path, 'changing');
  } catch (error) {
    return skip(path, ...reasonOf(error as NodeJS.ErrnoException));
  }
}

/** Undefined when the file changed while it was read. */
function readOnce(root: string, path: string): Content | Skip | undefined {
  const place = join(root, path);
  // Without O_NONBLOCK the open itself waits for ever on a FIFO that nobody writes to.
  const file = openSync(place, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const before = fstatSync(file, { bigint: true });
    if (!before.isFile()) return skip(path, 'not_regular');
    const parent = realpathSync.native(dirname(place));
    if (!isInside(root, parent)) return skip(path, 'not_regular', 'behind a link that leads out of the root');
    const realPlace = join(parent, basename(place));
    if (realPlace !== place && isSecretName(relative(root, realPlace).replaceAll('\\', '/')))
      return skip(path, 'secret_name');
    const fingerprint = fingerprintOf(before);
    // What was opened must still be what lies at that place, or a folder was swapped in between.
    if (!isSameFile(before, lstatSync(realPlace, { bigint: true }))) return undefined;
    if (fingerprint.size > FILE_BYTES_NAME_ONLY) return { bytes: undefined, fingerprint };
    const bytes = readAll(file, fingerprint.size);
    const after = fingerprintOf(fstatSync(file, { bigint: true }));
    return bytes.length === fingerprint.size && sameFingerprint(fingerprint, after)
      ? { bytes, fingerprint }
      : undefined;
  } finally {
    closeSync(file);
  }
}

function isSameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

function readAll(file: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const read = readSync(file, bytes, length, size - length, length);
    if (read === 0) break;
    length += read;
  }
  return bytes.subarray(0, length);
}

function reasonOf({ code }: NodeJS.ErrnoException): [SkipReason, string] {
  if (code === 'ENOENT' || code === 'ENOTDIR') return ['changing', 'no longer there'];
  if (code === 'ELOOP' || code === 'EMLINK') return ['not_regular', 'symbolic link'];
  if (code === 'ENXIO' || code === 'EISDIR') return ['not_regular', 'special file'];
  return ['unreadable', code ?? 'unknown'];
}

function skip(path: string, reason: SkipReason, detail?: string): Skip {
  return { path, reason, ...(detail === undefined ? {} : { detail }) };
}

/** Questions come back to the same files, and a text is compared with one that was read before much faster than it is searched. */
const MASKED_CHARS_KEPT = 4_000_000;
const masked = new Map<string, string>();
let maskedChars = 0;
forgetWhenIdle(() => {
  masked.clear();
  maskedChars = 0;
});

/** What a text is once its secrets are masked, remembered for the texts asked for last. */
async function maskOnce(text: string): Promise<string> {
  const known = masked.get(text);
  const result = known ?? (await maskSecrets(text));
  if (!masked.delete(text)) maskedChars += text.length;
  masked.set(text, result);
  for (const oldest of masked.keys()) {
    if (maskedChars <= MASKED_CHARS_KEPT) break;
    masked.delete(oldest);
    maskedChars -= oldest.length;
  }
  return result;
}
