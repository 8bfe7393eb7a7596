/** A server of embeddings on loopback, as OpenAI's `/v1/embeddings` is: a real model answers, unless a fault is asked for. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Embedder, Embedding } from '../../src/types.ts';

/** What can go wrong with one answer. A number is a status; the server says `retryAfter` with it. */
export const FAULTS = [
  ...[408, 429, 500, 502, 503],
  ...(['reset', 'cut', 'silent', 'drip', 'html', 'empty', 'no rows', 'half', 'surplus', 'doubled'] as const),
  ...(['no index', 'strings', 'null', 'huge number', 'narrow', 'wide', 'shifted', 'other model', 'endless'] as const),
  ...(['redirect', 'shuffled'] as const),
] as const;
export type Fault = (typeof FAULTS)[number];

export type Asked = {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly model: string; readonly input: readonly string[]; readonly [field: string]: unknown };
};

type Row = { object: 'embedding'; index?: number; embedding: unknown };

export class EmbeddingServer {
  readonly requests: Asked[] = [];
  /** Requests under way at once, at most. */
  mostAtOnce = 0;
  /** Asked before each answer, whether it goes wrong. */
  fault: (asked: Asked) => Fault | undefined = () => undefined;
  retryAfter: string | undefined;
  /** More texts, or a longer one, are refused with this status. */
  limits: { texts: number; chars: number; status: number } = { texts: Infinity, chars: Infinity, status: 413 };
  /** Where a redirect leads, and what is answered when a key is wanted. */
  elsewhere = 'http://127.0.0.1:9/v1/embeddings';
  key: string | undefined;
  /** What the server puts before texts of a task. */
  tasks: Readonly<Record<string, string>> = {};
  #atOnce = 0;
  readonly #embedder: Embedder;
  readonly #server = createServer((request, response) => {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    response.once('close', () => this.#atOnce--);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString('utf8'));
      this.#answer({ path: request.url ?? '', headers: request.headers, body }, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
  });

  private constructor(embedder: Embedder) {
    this.#embedder = embedder;
  }

  static async start(embedder: Embedder): Promise<EmbeddingServer> {
    const server = new EmbeddingServer(embedder);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/v1`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(asked: Asked, response: ServerResponse): Promise<void> {
    this.requests.push(asked);
    const { input, dimensions, task } = asked.body;
    if (asked.path !== '/v1/embeddings') return complain(response, 404, `nothing is at ${asked.path}`);
    if (this.key !== undefined && asked.headers.authorization !== `Bearer ${this.key}`)
      return complain(response, 401, `Incorrect API key provided: ${asked.headers.authorization}`);
    const { texts, chars, status } = this.limits;
    if (input.length > texts || input.some(({ length }) => length > chars))
      return complain(response, status, 'input is too large to process');
    const fault = this.fault(asked);
    if (await this.#failed(response, fault)) return;
    const prefix = this.tasks[String(task)] ?? '';
    const embeddings = await this.#embedder.embed(
      input.map((text) => prefix + text),
      'nl2code',
      'passage',
    );
    const size = typeof dimensions === 'number' ? dimensions : undefined;
    const rows = embeddings.map(
      (one, index): Row => ({ object: 'embedding', index, embedding: [...one.slice(0, size)] }),
    );
    const data = damaged(rows, embeddings, fault);
    const text = JSON.stringify({ object: 'list', model: asked.body.model, data });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    if (fault === 'cut') {
      response.write(text.slice(0, text.length >> 1));
      setTimeout(() => response.destroy(), 5);
    } else if (fault === 'drip') {
      for (let at = 0; at < text.length && !response.destroyed; at++) {
        response.write(text[at]);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } else response.end(text);
  }

  /** True when the fault needs no embedding. */
  async #failed(response: ServerResponse, fault: Fault | undefined): Promise<boolean> {
    if (typeof fault === 'number') {
      if (this.retryAfter !== undefined) response.setHeader('retry-after', this.retryAfter);
      complain(response, fault, 'not now');
    } else if (fault === 'reset') response.destroy();
    else if (fault === 'html') response.end('<html><body>Log in to the network</body></html>');
    else if (fault === 'empty') response.end();
    else if (fault === 'redirect') response.writeHead(307, { location: this.elsewhere }).end();
    else if (fault === 'endless') await writeWithoutEnd(response);
    else return fault === 'silent';
    return true;
  }
}

function complain(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message, type: 'test', code: status } }));
}

function damaged(rows: Row[], embeddings: readonly Embedding[], fault: Fault | undefined): unknown {
  const first = rows[0]!;
  const values = first.embedding as number[];
  if (fault === 'no rows') return undefined;
  if (fault === 'half') return rows.slice(0, rows.length >> 1);
  if (fault === 'surplus') return [...rows, first];
  if (fault === 'doubled') return rows.map((row) => ({ ...row, index: 0 }));
  if (fault === 'no index') return rows.map(({ embedding }) => ({ object: 'embedding', embedding }));
  if (fault === 'shuffled') return rows.toReversed();
  // A batch of one text alone can't be shifted: then it is the text's row that stands in the other's place.
  if (fault === 'shifted') return rows.map((row, at) => ({ ...row, embedding: rows.at(at - 1)!.embedding }));
  if (fault === 'other model') return rows.map((row, at) => ({ ...row, embedding: [...embeddings[at]!].reverse() }));
  if (fault === 'strings') first.embedding = values.map(String);
  else if (fault === 'null') first.embedding = values.with(0, null as unknown as number);
  else if (fault === 'huge number') first.embedding = values.with(0, 1e300);
  else if (fault === 'narrow') first.embedding = values.slice(1);
  else if (fault === 'wide') for (const row of rows) (row.embedding as number[]).push(0);
  return rows;
}

async function writeWithoutEnd(response: ServerResponse): Promise<void> {
  const part = Buffer.alloc(1 << 20, '[[[[[[[[');
  while (!response.destroyed) {
    if (!response.write(part)) await Promise.race([once(response, 'drain'), once(response, 'close')]).catch(() => {});
  }
}
