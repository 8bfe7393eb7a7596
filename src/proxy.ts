/** The proxies that the environment names. */
import { DowserError, type ErrorCode } from './errors.ts';

const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];

/**
 * The environment, for Node to find proxies in; undefined where it names none. Throws DowserError(`code`) on a Node that
 * knows nothing of proxies: it is told, not silently passed by.
 */
export function proxyEnvironment(code: ErrorCode): NodeJS.ProcessEnv | undefined {
  if (!VARIABLES.some((name) => process.env[name])) return undefined;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // Where `proxyEnv` was added, and where it was taken back to.
  if (major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21)) return process.env;
  const message = `A proxy is set, and Node ${process.versions.node} can't use one. Run dowser with Node 22.21, 24.5 or newer.`;
  throw new DowserError(code, message);
}
