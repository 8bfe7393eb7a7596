/** A file that grows while it is fetched: hashed as it is written, and on the disk before the journal says so. */
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Journal, Progress } from './journal.ts';

/** Between two marks in the journal lies what a kill costs; each mark is one wait for the disk. */
const MARK_BYTES = 16 * 1024 * 1024;
const MARK_MS = 200;

const READ_BYTES = 1 << 20;

/** What the server said of the file. */
export type Facts = Pick<Progress, 'validator' | 'total' | 'digest' | 'commit'>;

const NOTHING: Facts = { validator: undefined, total: undefined, digest: undefined, commit: undefined };

export class Part {
  readonly #handle: FileHandle;
  readonly #journal: Journal;
  readonly #name: string;
  readonly #url: string;
  #hash: Hash = createHash('sha256');
  #marked = 0;
  #markedMs = performance.now();
  bytes = 0;
  facts: Facts = NOTHING;

  private constructor(handle: FileHandle, journal: Journal, name: string, url: string) {
    this.#handle = handle;
    this.#journal = journal;
    this.#name = name;
    this.#url = url;
  }

  /**
   * Opens what is there of the file and keeps as much as is proven: the bytes that were on the disk at the last mark, if
   * they still have the hash that they had. A part of another URL, or one that a crash left zeros in, begins anew.
   */
  static async open(file: string, name: string, url: string, journal: Journal): Promise<Part> {
    const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
    const part = new Part(handle, journal, name, url);
    try {
      const known = journal.get(name);
      if (known?.url === url && (await part.#prove(known))) part.facts = known;
      else await part.restart();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return part;
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, this.bytes + at);
      at += bytesWritten;
    }
    this.#hash.update(bytes);
    this.bytes += bytes.length;
    if (this.bytes - this.#marked >= MARK_BYTES || performance.now() - this.#markedMs >= MARK_MS) await this.mark();
  }

  /** From here on, what was written is kept. */
  async mark(): Promise<void> {
    await this.#handle.datasync();
    this.#marked = this.bytes;
    this.#markedMs = performance.now();
    const { validator, total, digest, commit } = this.facts;
    const progress = { url: this.#url, bytes: this.bytes, sha256: this.sha256, validator, total, digest, commit };
    await this.#journal.set(this.#name, progress);
  }

  async restart(facts: Facts = NOTHING): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = createHash('sha256');
    this.#marked = 0;
    this.bytes = 0;
    this.facts = facts;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #prove({ bytes, sha256 }: Progress): Promise<boolean> {
    const { size } = await this.#handle.stat();
    if (size < bytes) return false;
    const buffer = Buffer.alloc(Math.min(READ_BYTES, bytes));
    while (this.bytes < bytes) {
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, bytes - this.bytes), this.bytes);
      if (bytesRead === 0) return false;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.bytes += bytesRead;
    }
    if (this.sha256 !== sha256) return false;
    await this.#handle.truncate(bytes);
    this.#marked = bytes;
    return true;
  }
}
