/** Fetches one file: resumed where the server proves that it is still the same, tried again where that may help, checked. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DowserError } from '../errors.ts';
import { shownUrl } from '../http.ts';
import { type Answer, get } from './http.ts';
import type { Journal } from './journal.ts';
import { Part } from './part.ts';

/** Attempts without one new byte, before it is given up. */
const TRIES_MAX = 5;

/** Where there is no way to the server at all, more of them only keep the user waiting. */
const TRIES_MAX_UNREACHABLE = 2;
const UNREACHABLE = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'];

/** What a network with a certificate of its own, or a forged one, gives: never another the next time. */
const UNTRUSTED = /CERT|LEAF_SIGNATURE/;

/** Before the second attempt; each further one waits twice as long, and up to half of that more. */
const PAUSE_MS = 400;

/** Longest wait that a server may ask for. */
const RETRY_AFTER_MS_MAX = 60_000;

/** Space that is left to others. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** What to fetch and where to; `sha256` and `bytes` where the catalog knows them. */
export type Wanted = {
  readonly name: string;
  readonly url: string;
  readonly file: string;
  readonly sha256: string | undefined;
  readonly bytes: number | undefined;
};

export type Fetched = {
  readonly bytes: number;
  readonly sha256: string;
  readonly commit: string | undefined;
  readonly checked: 'catalog' | 'hub' | 'first download';
};

export type DownloadOptions = {
  readonly journal: Journal;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of this file that are there, and how many there will be if that is known. */
  readonly onBytes?: ((bytes: number, total: number | undefined) => void) | undefined;
  readonly pauseMs?: number | undefined;
};

/**
 * Fetches the file and checks it: by the catalog's sha256, by the hub's, or, where nobody names one, by its length alone.
 * Throws DowserError: 'fetch_failed' (no way to the server, or it refuses), 'model_damaged' (what comes is not what the
 * catalog names), 'disk_failed' (no room), 'cancelled'. What had come by then stays for the next attempt.
 */
export async function download(wanted: Wanted, options: DownloadOptions): Promise<Fetched> {
  const part = await openPart(wanted, options.journal);
  try {
    return await attempts(part, wanted, options);
  } catch (error) {
    if (part.bytes > 0) await part.mark().catch(() => {}); // a full disk has no room for the mark, either
    throw problemOf(error, wanted, options.signal);
  } finally {
    await part.close();
  }
}

async function attempts(part: Part, wanted: Wanted, options: DownloadOptions): Promise<Fetched> {
  let mismatches = 0;
  for (let tries = 1; ; tries++) {
    const before = part.bytes;
    try {
      await fetchRest(part, wanted, options);
      const wrong = mismatch(part, wanted);
      if (wrong === undefined) return await settle(part, wanted);
      await part.restart();
      await part.mark();
      if (++mismatches > 1) throw wrong;
      tries = 0;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof DowserError || isDisk(error)) throw error;
      if (part.bytes > before) tries = 1;
      if (tries >= triesMax(codeOf(error))) throw error;
      const waitMs = (options.pauseMs ?? PAUSE_MS) * 2 ** (tries - 1) * (1 + Math.random() / 2);
      await pause(error instanceof Busy ? Math.max(waitMs, error.waitMs) : waitMs, undefined, signalOf(options));
    }
  }
}

function triesMax(code: string): number {
  if (UNTRUSTED.test(code)) return 1;
  return UNREACHABLE.includes(code) ? TRIES_MAX_UNREACHABLE : TRIES_MAX;
}

/** One request for what is missing, and every byte of its answer. Throws when the answer ends before the file does. */
async function fetchRest(part: Part, wanted: Wanted, { signal, onBytes }: DownloadOptions): Promise<void> {
  if (part.bytes > 0 && part.bytes === part.facts.total) return;
  const { validator } = part.facts;
  if (validator === undefined) await part.restart();
  const from = part.bytes;
  const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-`, 'if-range': validator! };
  const answer = await get(wanted.url, headers, signal);
  try {
    if (!continues(answer, part)) {
      // Whatever is there is of another file, or can't be shown to be of this one.
      await part.restart();
      if (answer.status !== 200) throw refusalOf(answer, wanted, from);
    }
    checkKind(answer, wanted);
    part.facts = factsOf(answer, part.bytes);
    const { total } = part.facts;
    checkPromise(part, wanted);
    await checkRoom(wanted.file, (total ?? wanted.bytes ?? 0) - part.bytes);
    if (part.bytes === 0) await part.mark();
    onBytes?.(part.bytes, total);
    for await (const bytes of answer.body as AsyncIterable<Buffer>) {
      if (total !== undefined && part.bytes + bytes.length > total) throw new Error('more came than was announced');
      await part.write(bytes);
      onBytes?.(part.bytes, total);
    }
    if (total !== undefined && part.bytes < total) throw new Error(`it ended after ${part.bytes} of ${total} bytes`);
  } finally {
    answer.body.destroy();
  }
}

/** Whether the answer is the rest of what is there: from the right byte on, of the same file. */
function continues({ status, headers, digest }: Answer, { bytes, facts }: Part): boolean {
  if (status !== 206 || bytes === 0) return false;
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '');
  if (Number(range?.[1]) !== bytes || Number(range?.[2]) !== Number(range?.[3]) - 1) return false;
  return headers.etag === facts.validator && digest === facts.digest && Number(range?.[3]) === facts.total;
}

function factsOf({ headers, digest, commit }: Answer, from: number): Part['facts'] {
  const length = headers['content-length'];
  const etag = headers.etag;
  return {
    // A weak one says that two files mean the same, not that they are.
    validator: etag !== undefined && /^"[^"]+"$/.test(etag) && length !== undefined ? etag : undefined,
    total: length === undefined ? undefined : from + Number(length),
    digest,
    commit,
  };
}

/** A page to log in on, as networks of hotels put before every address, or bytes that would have to be unpacked. */
function checkKind({ headers }: Answer, { url }: Wanted): void {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity' && !/^text\/html/i.test(headers['content-type'] ?? '')) return;
  const message = `What answers for ${shownUrl(url)} gives no model but a page. Log in to the network, or name another hub in DOWSER_MODEL_MIRROR.`;
  throw new DowserError('fetch_failed', message);
}

/** Says before gigabytes come that they will be wrong. */
function checkPromise({ facts }: Part, wanted: Wanted): void {
  const other = facts.digest !== undefined && wanted.sha256 !== undefined && facts.digest !== wanted.sha256;
  if (other || (facts.total !== undefined && wanted.bytes !== undefined && facts.total !== wanted.bytes)) {
    throw notWanted(wanted);
  }
}

function mismatch(part: Part, wanted: Wanted): DowserError | undefined {
  const { sha256, bytes, facts } = part;
  const isRight = [wanted.sha256, facts.digest].every((expected) => expected === undefined || expected === sha256);
  return isRight && (wanted.bytes === undefined || wanted.bytes === bytes) ? undefined : notWanted(wanted);
}

function notWanted({ url }: Wanted): DowserError {
  const message = `${shownUrl(url)} is not the file that dowser knows: its length or sha256 is another. Nothing of it is kept. Update dowser, or ask whoever runs the mirror.`;
  return new DowserError('model_damaged', message);
}

async function settle(part: Part, wanted: Wanted): Promise<Fetched> {
  const { bytes, sha256 } = part;
  part.facts = { ...part.facts, total: bytes };
  await part.mark();
  const { digest, commit } = part.facts;
  const checked = wanted.sha256 !== undefined ? 'catalog' : digest !== undefined ? 'hub' : 'first download';
  return { bytes, sha256, commit, checked };
}

async function openPart({ file, name, url }: Wanted, journal: Journal): Promise<Part> {
  return Part.open(file, name, url, journal).catch((error: unknown) => {
    throw isDisk(error) ? diskProblem(file, error) : error;
  });
}

/** Throws where the disk has no room for so many bytes. A file system that does not say is tried. */
export async function checkRoom(file: string, bytes: number): Promise<void> {
  const space = await statfs(dirname(file)).catch(() => undefined);
  if (space === undefined || space.blocks === 0) return;
  const free = Math.max(0, space.bavail * space.bsize - SPARE_BYTES);
  if (bytes <= free) return;
  const [need, room] = [bytes, free].map((count) => `${(count / 1e6).toFixed(0)} MB`);
  const message = `The disk of ${dirname(file)} has room for ${room}, and ${need} are to come. Make room, or name a folder on another disk in DOWSER_CACHE.`;
  throw new DowserError('disk_failed', message);
}

/** An answer that may be another one later. */
class Busy extends Error {
  readonly waitMs: number;

  constructor(status: number, retryAfter: string | undefined) {
    super(`it answers ${status}`);
    const seconds = Number(retryAfter ?? 0);
    this.waitMs = Number.isFinite(seconds) ? Math.min(RETRY_AFTER_MS_MAX, Math.max(0, seconds * 1_000)) : 0;
  }
}

function refusalOf({ status, headers }: Answer, { url }: Wanted, from: number): Error {
  // The range did not fit: what was there is gone now, and the next attempt asks for the whole.
  if (from > 0 && (status === 206 || status === 416)) return new Error('the file on the server has changed');
  if (status === 408 || status === 429 || status >= 500) return new Busy(status, headers['retry-after']);
  const why =
    status === 401 || status === 403
      ? 'it is not given to everyone'
      : status === 404 || status === 410
        ? 'it is not there'
        : 'dowser can do nothing with that';
  const message = `${shownUrl(url)} answers ${status}: ${why}.`;
  return new DowserError('fetch_failed', message);
}

function problemOf(error: unknown, { url, file }: Wanted, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return cancelled();
  if (error instanceof DowserError) return error;
  if (isDisk(error)) return diskProblem(file, error);
  const why = error instanceof Error ? error.message || codeOf(error) : String(error);
  const own = UNTRUSTED.test(codeOf(error))
    ? ' If your network has a certificate of its own, NODE_EXTRA_CA_CERTS names its file to Node.'
    : '';
  return new DowserError('fetch_failed', `${shownUrl(url)} can't be fetched: ${why}.${own}`, { cause: error });
}

/** The user stopped it. */
export function cancelled(): DowserError {
  return new DowserError('cancelled', 'The download was stopped. The next one goes on from here.');
}

function diskProblem(file: string, cause: unknown): DowserError {
  const why = codeOf(cause) === 'ENOSPC' ? 'the disk is full' : (cause as Error).message;
  const message = `${file} can't be written: ${why}. Make room, or name a folder on another disk in DOWSER_CACHE.`;
  return new DowserError('disk_failed', message, { cause });
}

function isDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'EISDIR', 'EFBIG', 'ENOENT'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

function signalOf({ signal }: DownloadOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
