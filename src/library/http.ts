/** One GET for a file of a model, with every redirect looked at. */
import type { IncomingMessage } from 'node:http';
import { DowserError } from '../errors.ts';
import { send, shownUrl } from '../http.ts';

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
    const body = await send(url, { headers, silenceMsMax: SILENCE_MS_MAX, signal });
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

/** What is read by TLS goes on by TLS. */
function mayFollow(from: URL, to: URL): boolean {
  return to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
}
