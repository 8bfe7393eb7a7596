/** One GET for a file of a model: through the proxy that the environment names, with every redirect looked at. */
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { DowserError } from '../errors.ts';
import { proxyEnvironment } from '../proxy.ts';

/** Longest silence, before the answer and within it. */
export const SILENCE_MS_MAX = 30_000;

/** A hub sends to a storage server, that one perhaps to a nearer one. */
const REDIRECTS_MAX = 5;

export type Answer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
  /**
   * The sha256 that the hub itself gives for the file, before it sends elsewhere; what a storage server calls ETag may
   * look like one and be another number.
   */
  readonly digest: string | undefined;
  /** The commit of the repository that the hub serves. */
  readonly commit: string | undefined;
};

/**
 * Sends a request and returns the answer that is no redirect, its body unread. Throws what the system throws where no
 * server can be reached, and DowserError('fetch_failed') for an answer that must not be followed.
 */
export async function get(
  address: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  let url = new URL(address);
  let digest: string | undefined;
  let commit: string | undefined;
  for (let redirects = 0; ; redirects++) {
    const body = await send(url, headers, signal);
    digest ??= /^"?([0-9a-f]{64})"?$/.exec(String(body.headers['x-linked-etag'] ?? ''))?.[1];
    commit ??= /^[0-9a-f]{40}$/.exec(String(body.headers['x-repo-commit'] ?? ''))?.[0];
    const status = body.statusCode ?? 0;
    const { location } = body.headers;
    if (![301, 302, 303, 307, 308].includes(status) || location === undefined) {
      return { status, headers: body.headers, body, digest, commit };
    }
    body.destroy();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (redirects === REDIRECTS_MAX || next === undefined || !mayFollow(url, next)) {
      throw new DowserError(
        'fetch_failed',
        `${shownUrl(url)} sends elsewhere in a way that is not followed. Try another mirror.`,
      );
    }
    url = next;
  }
}

/** A URL as it may be told: without the credentials and signatures that it may carry. */
export function shownUrl(url: URL | string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** What is read by TLS goes on by TLS. */
function mayFollow(from: URL, to: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
}

function send(
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const proxyEnv = proxyEnvironment('fetch_failed');
  const isSecure = url.protocol === 'https:';
  const agent = isSecure ? new SecureAgent({ proxyEnv }) : new Agent({ proxyEnv });
  return new Promise((resolve, reject) => {
    const request = (isSecure ? requestHttps : requestHttp)(url, {
      agent,
      headers: { 'user-agent': 'dowser', 'accept-encoding': 'identity', ...headers },
      ...(signal === undefined ? {} : { signal }),
    });
    const silent = (): void => void request.destroy(new Error(`nothing came for ${SILENCE_MS_MAX / 1_000} s`));
    const timer = setTimeout(silent, SILENCE_MS_MAX);
    request.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.once('response', (response) => {
      clearTimeout(timer);
      response.setTimeout(SILENCE_MS_MAX, silent);
      resolve(response);
    });
    request.end();
  });
}
