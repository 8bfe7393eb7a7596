/** One POST of JSON to one host: through the proxy that the environment names, no redirect followed, time and size bounded. */
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { proxyEnvironment } from '../proxy.ts';

export type Answer = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: string };

export type Bounds = { readonly ms: number; readonly bytes: number; readonly signal: AbortSignal };

export interface Post {
  /** Rejects with what the system says, or an Error that says which bound was reached. */
  send(body: string, headers: Readonly<Record<string, string>>, bounds: Bounds): Promise<Answer>;
  close(): void;
}

/** Connections are kept: a question waits for no handshake. */
const SOCKETS_IDLE_MAX = 4;

export function openPost(url: URL): Post {
  const isSecure = url.protocol === 'https:';
  const settings = { keepAlive: true, maxFreeSockets: SOCKETS_IDLE_MAX };
  // A proxy tunnels what is encrypted. What is not, it would read: a host that nobody consented to.
  const proxyEnv = isSecure ? proxyEnvironment('model_failed') : undefined;
  const agent = isSecure ? new SecureAgent({ ...settings, ...(proxyEnv && { proxyEnv }) }) : new Agent(settings);
  return {
    async send(body, headers, bounds) {
      const bytes = Buffer.from(body);
      const request = (isSecure ? requestHttps : requestHttp)(url, {
        method: 'POST',
        agent,
        signal: bounds.signal,
        headers: {
          'user-agent': 'dowser',
          'content-type': 'application/json',
          'content-length': bytes.length,
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...headers,
        },
      });
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        request.destroy();
      }, bounds.ms);
      try {
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          request.once('response', resolve).on('error', reject).end(bytes);
        });
        const text = await read(response, bounds.bytes);
        return { status: response.statusCode ?? 0, headers: response.headers, body: text };
      } catch (error) {
        throw isLate ? new Error(`no whole answer within ${bounds.ms / 1_000} s`) : error;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => agent.destroy(),
  };
}

async function read(response: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      response.destroy();
      throw new TooLarge(`more than ${bytesMax} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** An answer that no list of embeddings is as long as. */
export class TooLarge extends Error {}
