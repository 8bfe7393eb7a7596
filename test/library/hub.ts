/** A hub on loopback: serves files with ranges and ETags as the real one does, and can be told to do it badly. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { hashBytes } from '../../src/hash.ts';
import type { Offer } from '../../src/library/offers.ts';

export const COMMIT = 'c0ffee'.padEnd(40, '0');

/** What the hub does with a request instead of answering it well; true when it has answered. */
export type Trick = (request: IncomingMessage, response: ServerResponse, file: Buffer) => boolean | Promise<boolean>;

export type Habits = {
  /** The hub says the sha256 of a file, as the public one does. */
  readonly namesDigests: boolean;
  /** The hub sends to a storage server, which has an ETag of its own, and can go on in the middle of a file. */
  readonly redirects: boolean;
  readonly ranges: boolean;
  readonly etags: boolean;
  /** Bytes of the body a millisecond, or all at once. */
  readonly bytesPerMs: number | undefined;
};

export class Hub {
  readonly files = new Map<string, Buffer>();
  readonly requests: { path: string; range: string | undefined; status: number }[] = [];
  habits: Habits = { namesDigests: true, redirects: false, ranges: true, etags: true, bytesPerMs: undefined };
  trick: Trick = () => false;
  /** Bytes of files that were written to somebody. */
  sentBytes = 0;
  readonly #server: Server;
  #answering = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answering++;
      this.#answer(request, response)
        .catch(() => response.destroy())
        .finally(() => this.#answering--);
    });
  }

  static async start(files: Readonly<Record<string, Buffer>>): Promise<Hub> {
    const hub = new Hub();
    for (const [path, bytes] of Object.entries(files)) hub.files.set(path, bytes);
    await new Promise<void>((resolve) => hub.#server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Resolves when nobody is being answered: then `sentBytes` stands still. */
  async settled(): Promise<void> {
    while (this.#answering > 0) await pause(5);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A proxy is asked by the whole address.
    const { pathname } = new URL(request.url!, this.base);
    const isStored = pathname.startsWith('/storage/');
    const path = pathname.replace(/^\/(storage\/)?/, '').replace(/\/resolve\/[^/]+\//, '/');
    const file = this.files.get(path);
    const { range } = request.headers;
    const entry = { path, range, status: 0 };
    this.requests.push(entry);
    for (const event of ['finish', 'close']) response.once(event, () => (entry.status = response.statusCode));
    if (file === undefined) {
      response.writeHead(404).end('Entry not found');
      return;
    }
    if (await this.trick(request, response, file)) return;
    const digest = hashBytes(file);
    if (!isStored && this.habits.namesDigests) response.setHeader('x-linked-etag', `"${digest}"`);
    if (!isStored) response.setHeader('x-repo-commit', COMMIT);
    if (this.habits.redirects && !isStored) {
      response.writeHead(302, { location: `/storage/${path}?signature=secret` }).end();
      return;
    }
    await this.#send(request, response, file, `"${hashBytes(`stored ${digest}`)}"`);
  }

  async #send(request: IncomingMessage, response: ServerResponse, file: Buffer, etag: string): Promise<void> {
    const { range, 'if-range': ifRange } = request.headers;
    if (this.habits.etags) response.setHeader('etag', etag);
    const asked = /^bytes=(\d+)-$/.exec(range ?? '');
    const from = this.habits.ranges && asked !== null && ifRange === etag ? Number(asked[1]) : 0;
    if (from > 0 && from >= file.length) {
      response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
      return;
    }
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': file.length - from,
      ...(from > 0 ? { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` } : {}),
    });
    await this.write(response, file.subarray(from));
    response.end();
  }

  /** Writes at the hub's speed, until the reader is gone. */
  async write(response: ServerResponse, bytes: Buffer): Promise<void> {
    const { bytesPerMs } = this.habits;
    const piece = bytesPerMs === undefined ? bytes.length : bytesPerMs * 10;
    for (let at = 0; at < bytes.length && !response.destroyed; at += piece) {
      const part = bytes.subarray(at, at + piece);
      this.sentBytes += part.length;
      response.write(part);
      if (bytesPerMs !== undefined) await pause(10);
    }
  }
}

/** Files that nobody can guess, the same on every run. */
export function someBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** An offer of these files, by their paths on the hub. What the catalog knows of each is left out. */
export function offerOf(name: string, files: Readonly<Record<string, Buffer>>, changes: Partial<Offer> = {}): Offer {
  const paths = Object.keys(files).map((path) => path.split('/').slice(2).join('/'));
  return {
    name,
    about: 'test',
    parameters: '1 k',
    licence: 'MIT',
    dimensions: 32,
    maxTokens: 48,
    pooling: 'mean',
    padding: 'right',
    prefixes: {},
    repository: 'maker/model',
    revision: 'main',
    files: paths.map((path) => ({ name: path.split('/').at(-1)!, path })),
    bytes: Object.values(files).reduce((sum, { length }) => sum + length, 0),
    published: {},
    remarks: [],
    ...changes,
  };
}
