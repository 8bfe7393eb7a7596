/** A server of embeddings on loopback: a real model behind the API of OpenAI's `/v1/embeddings`, which can be told to answer badly. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type OpenEmbedder, openEmbedder } from '../../src/embed/embedder.ts';
import { type Probe, type RemoteManifest, readManifest } from '../../src/embed/manifest.ts';
import { openRemote } from '../../src/embed/remote.ts';

/** A real transformer, tiny and with random weights (models/train/fixtures.py). */
export const ENCODER = fileURLToPath(new URL('../fixtures/models/encoder/', import.meta.url));

type Item = { object: 'embedding'; index: number; embedding: unknown };
type Asked = { readonly model: string; readonly input: readonly string[]; readonly task?: string };

/** Does something else than answer well; true when it has answered, false when only `items` are changed. */
export type Trick = (response: ServerResponse, items: Item[], request: IncomingMessage) => boolean;

const fail =
  (status: number, headers: Record<string, string> = {}): Trick =>
  (response) => {
    response.writeHead(status, headers).end(JSON.stringify({ error: { message: `status ${status}` } }));
    return true;
  };

const change =
  (work: (items: Item[]) => void): Trick =>
  (_, items) => {
    work(items);
    return false;
  };

/** What servers and what lies between do to answers. */
export const TRICKS = {
  busy: fail(429),
  busyForNow: fail(429, { 'retry-after': '0' }),
  failing: fail(500),
  overloaded: fail(503),
  refused: fail(400),
  dropped: (response) => {
    response.destroy();
    return true;
  },
  silent: () => true,
  cut: (response, items) => {
    const body = JSON.stringify({ data: items });
    response.writeHead(200, { 'content-length': String(body.length) });
    response.write(body.slice(0, body.length >> 1), () => response.destroy());
    return true;
  },
  page: (response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Log in</html>');
    return true;
  },
  fewer: change((items) => void items.pop()),
  none: change((items) => items.splice(0)),
  shuffled: change((items) => void items.reverse()),
  shifted: change((items) => {
    for (const item of items) item.index++;
  }),
  twice: change((items) => {
    for (const item of items) item.index = 0;
  }),
  unnumbered: change((items) => {
    for (const item of items) delete (item as Partial<Item>).index;
  }),
  nulls: change((items) => {
    (items[0]!.embedding as (number | null)[])[3] = null;
  }),
  zeros: change((items) => {
    (items[0]!.embedding as number[]).fill(0);
  }),
  endless: change((items) => {
    (items[0]!.embedding as number[])[0] = 1e300;
  }),
  packed: change((items) => {
    items[0]!.embedding = Buffer.alloc(128).toString('base64');
  }),
} satisfies Record<string, Trick>;

/** What no rule about the form of an answer finds out: an answer is what another model gives, or another text's. */
export const LIES = {
  rotated: change((items) => {
    const rows = items.map(({ embedding }) => embedding);
    for (const [at, item] of items.entries()) item.embedding = rows[(at + 1) % rows.length];
  }),
  otherModel: change((items) => {
    for (const item of items) (item.embedding as number[]).reverse();
  }),
} satisfies Record<string, Trick>;

export class EmbeddingServer {
  readonly asked: Asked[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** Used up one a request, before it is answered well again. */
  tricks: Trick[] = [];
  key: string | undefined;
  /** Texts of one request past which it is refused as too large. */
  textsMax = 1_000;
  /** Answered at the same time, at most so far. */
  mostAtOnce = 0;
  /** Characters of one text past which it is refused, and how. */
  charsMax = 1_000_000;
  refusal = 413;
  #probe: Probe = { first: [0], last: [0], cosineMin: 1 };
  #answering = 0;
  readonly #server: Server;
  readonly #embedder: OpenEmbedder;

  private constructor(embedder: OpenEmbedder) {
    this.#embedder = embedder;
    this.#server = createServer((request, response) => {
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#answering);
      this.#answer(request, response)
        .catch(() => response.destroy())
        .finally(() => this.#answering--);
    });
  }

  static async start(model = ENCODER): Promise<EmbeddingServer> {
    const server = new EmbeddingServer(await openEmbedder({ model }));
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    const remote = openRemote(server.manifest(), 1);
    server.#probe = (await remote.measure()).probes['']!;
    remote.close();
    server.asked.length = 0;
    server.authorizations.length = 0;
    server.mostAtOnce = 0;
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/v1`;
  }

  /** The manifest of a model that runs here. */
  manifest(fields: Partial<RemoteManifest> = {}): RemoteManifest {
    const none = { query: '', passage: '' };
    const prefixes = { nl2code: none, qa: none, code2code: none, code2nl: none, code2completion: none };
    const common = {
      name: 'tiny',
      version: 1,
      dimensions: this.#embedder.dimensions,
      maxTokens: 512,
      sides: {},
      licence: 'MIT',
    };
    const names = Object.values(fields.tasks ?? { none: { query: '', passage: '' } }).flatMap(Object.values);
    const probes = Object.fromEntries(names.map((name) => [name, this.#probe]));
    const own = { kind: 'remote', url: this.url, host: this.host, model: 'tiny', probes };
    return readManifest({ ...common, prefixes, ...own, ...fields }) as RemoteManifest;
  }

  /** What the model itself gives. */
  truth(texts: readonly string[]): Promise<Float32Array[]> {
    return this.#embedder.embed(texts, 'nl2code', 'passage') as Promise<Float32Array[]>;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.#embedder.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    this.authorizations.push(request.headers.authorization);
    const trick = this.tricks.shift();
    if (request.url !== '/v1/embeddings' || request.method !== 'POST') return void fail(404)(response, [], request);
    if (this.key !== undefined && request.headers.authorization !== `Bearer ${this.key}`) {
      response.writeHead(401).end(`no such key: ${request.headers.authorization}`);
      return;
    }
    const asked = JSON.parse(Buffer.concat(parts).toString('utf8')) as Asked;
    this.asked.push(asked);
    if (asked.input.length > this.textsMax || asked.input.some(({ length }) => length > this.charsMax)) {
      response.writeHead(this.refusal).end('{"error":{"message":"input is too large to process"}}');
      return;
    }
    const embeddings = await this.truth(asked.input);
    // Longer than one: what comes is made unit length by who asked.
    const items = embeddings.map(
      (one, index): Item => ({ object: 'embedding', index, embedding: [...one].map((x) => x * 3) }),
    );
    if (trick?.(response, items, request) === true) return;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', model: asked.model, data: items, usage: { total_tokens: 1 } }));
  }
}
