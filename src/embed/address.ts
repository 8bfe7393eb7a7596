/** The one place that texts may be sent to. */
import { DowserError } from '../errors.ts';
import type { RemoteManifest } from './manifest.ts';

/** Networks of one's own: there, texts may go without TLS. */
const PRIVATE_HOST =
  /^(?:localhost|[\w-]+|[\w.-]+\.(?:local|internal|lan|localhost)|127\.[\d.]+|10\.[\d.]+|192\.168\.[\d.]+|172\.(?:1[6-9]|2\d|3[01])\.[\d.]+|\[::1\]|\[f[cd][0-9a-f:]+\])$/;

/** The address that texts are sent to. Throws DowserError('bad_argument') for one that they must not be sent to. */
export function addressOf({ url, host }: Pick<RemoteManifest, 'url' | 'host'>): URL {
  const refuse = (why: string): DowserError => new DowserError('bad_argument', `Texts can't be sent there: ${why}.`);
  if (!URL.canParse(url)) throw refuse('the address is not a URL such as http://localhost:8080/v1');
  const address = new URL(url);
  if (!/^https?:$/.test(address.protocol)) throw refuse('the address begins with neither https:// nor http://');
  if (address.username !== '' || address.password !== '')
    throw refuse('the address holds a name or a password; a key comes from the environment');
  if (address.search !== '' || address.hash !== '') throw refuse('the address has a ? or a #');
  if (address.protocol === 'http:' && !PRIVATE_HOST.test(address.hostname))
    throw refuse(`${address.hostname} is not on this machine or a private network, and http:// is open to all between`);
  if (address.host !== host) throw refuse(`the address is on ${address.host}, and consent was given to ${host}`);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/embeddings`;
  return address;
}
