/**
 * Whether the files of a model are what its manifest says. Hashing gigabytes takes seconds, so a file that was hashed is
 * known again by its size, times and inode: an ordinary change shows in these, and whoever can forge them can write here
 * as this user. Files that are loaded by path are opened again by the library, after they were looked at here.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hashText } from '../hash.ts';
import { log } from '../log.ts';
import type { ModelFile } from './manifest.ts';

/** One that changed so lately could change again within one tick of a coarse clock (2 s on FAT) and look the same. */
const REST_MS = 2_000;

const READ_BYTES = 1 << 20;

/** What a file looked like when its bytes were last hashed, by its path. */
type Remembered = Record<string, string>;

/**
 * Checks files by hash, or, in a folder that remembers, by what they looked like when they were hashed last. Returns
 * what is wrong, as the end of a sentence that begins with the file. Throws what the system throws for one it can't read.
 */
export async function checkFiles(
  files: readonly { readonly path: string; readonly expected: ModelFile }[],
  rememberIn: string | undefined,
): Promise<{ readonly path: string; readonly wrong: string } | undefined> {
  const memory = rememberIn === undefined || files.length === 0 ? undefined : memoryFile(rememberIn, files[0]!.path);
  const remembered = memory === undefined ? {} : await recall(memory);
  const seen: Remembered = {};
  for (const { path, expected } of files) {
    const before = await stat(path, { bigint: true });
    if (!before.isFile()) throw new Error(`${path} is not a file`);
    if (Number(before.size) !== expected.bytes) return { path, wrong: wrongSize(Number(before.size), expected) };
    const look = lookOf(before, expected);
    if (remembered[path] !== look) {
      if ((await hashFile(path)) !== expected.sha256) return { path, wrong: WRONG_HASH };
      const isSame = lookOf(await stat(path, { bigint: true }), expected) === look;
      if (!isSame) return { path, wrong: 'changed while it was read' };
    }
    if (isAtRest(before)) seen[path] = look;
  }
  if (memory !== undefined) await remember(memory, remembered, seen);
  return undefined;
}

export const WRONG_HASH = "does not have its manifest's sha256";

export function wrongSize(bytes: number, expected: ModelFile): string {
  return `is ${bytes} bytes long, not the ${expected.bytes} of its manifest`;
}

/** sha256 of a file of any length, hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(part as Buffer);
  return hash.digest('hex');
}

function lookOf({ size, mtimeNs, ctimeNs, ino, dev }: BigIntStats, { sha256 }: ModelFile): string {
  return [sha256, size, mtimeNs, ctimeNs, ino, dev].join(' ');
}

function isAtRest({ mtimeMs, ctimeMs }: BigIntStats): boolean {
  return Date.now() - Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs) > REST_MS;
}

/** One file a model, so that processes that check different ones never write the same. */
function memoryFile(rememberIn: string, path: string): string {
  return join(rememberIn, 'checked', `${hashText(dirname(resolve(path)))}.json`);
}

async function recall(memory: string): Promise<Remembered> {
  try {
    const json: unknown = JSON.parse(await readFile(memory, 'utf8'));
    return typeof json === 'object' && json !== null ? (json as Remembered) : {};
  } catch {
    return {};
  }
}

/** Whole or not at all. Where it can't be written, the next start hashes again. */
async function remember(memory: string, before: Remembered, now: Remembered): Promise<void> {
  const text = JSON.stringify(now);
  if (text === JSON.stringify(before)) return;
  try {
    await mkdir(dirname(memory), { recursive: true, mode: 0o700 });
    const draft = `${memory}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, memory);
  } catch (cause) {
    log.debug('which files of a model were checked is not remembered', { reason: String(cause) });
  }
}
