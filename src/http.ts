/** One HTTP request, through the proxy that the environment names; nothing is followed, nothing is tried again. */
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { DowserError } from './errors.ts';

export type Sent = {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Longest silence, before the answer and within it. */
  readonly silenceMsMax: number;
  /** Past any proxy. */
  readonly isDirect?: boolean;
  readonly signal?: AbortSignal | undefined;
};

/** The answer, its body unread. Throws what the system throws where no server can be reached, and when nothing comes. */
export function send(
  url: URL,
  { method = 'GET', headers, body, silenceMsMax, isDirect = false, signal }: Sent,
): Promise<IncomingMessage> {
  const proxyEnv = isDirect ? undefined : proxyFor();
  const isSecure = url.protocol === 'https:';
  const agent = isSecure ? new SecureAgent({ proxyEnv }) : new Agent({ proxyEnv });
  return new Promise((resolve, reject) => {
    const request = (isSecure ? requestHttps : requestHttp)(url, {
      agent,
      method,
      headers: { 'user-agent': 'dowser', 'accept-encoding': 'identity', ...headers },
      ...(signal === undefined ? {} : { signal }),
    });
    const silent = (): void => void request.destroy(new Error(`nothing came for ${silenceMsMax / 1_000} s`));
    const timer = setTimeout(silent, silenceMsMax);
    request.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.once('response', (response) => {
      clearTimeout(timer);
      response.setTimeout(silenceMsMax, silent);
      resolve(response);
    });
    request.end(body);
  });
}

/** A URL as it may be told: without the credentials and signatures that it may carry. */
export function shownUrl(url: URL | string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];

/** The environment, for Node to find proxies in; one whose Node knows nothing of them is told, not silently passed by. */
function proxyFor(): NodeJS.ProcessEnv | undefined {
  if (!PROXY_VARIABLES.some((name) => process.env[name])) return undefined;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // Where `proxyEnv` was added, and where it was taken back to.
  if (major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)) return process.env;
  throw new DowserError(
    'fetch_failed',
    `A proxy is set, and Node ${process.versions.node} can't use one. Run dowser with Node 22.21, 24.5 or newer.`,
  );
}
