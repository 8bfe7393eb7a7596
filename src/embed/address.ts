/** The address of a server that embeds texts: which are refused, before anything is sent there. */
import { BlockList, isIP } from 'node:net';

/** Networks that no router of the internet carries on: loopback, private and link-local ones. */
const NEAR = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  NEAR.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  NEAR.addSubnet(network, bits, 'ipv6');

/** Names that public name servers do not answer for; one without a dot is of this network, too. */
const NEAR_NAME = /^[^.]+$|\.(localhost|local|internal|home\.arpa)$/;

/**
 * The address as a URL without a slash at its end. Throws an Error, as the end of a sentence, for one that is not http(s),
 * carries credentials or anything that could (`?...`), or sends texts unencrypted over the internet, unless `plainHttp`.
 */
export function readAddress(address: string, { plainHttp }: { readonly plainHttp: boolean }): URL {
  if (!URL.canParse(address)) throw new Error('is not an address such as https://host/v1');
  const url = new URL(address);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Error('does not start with https:// or http://');
  if (url.username !== '' || url.password !== '')
    throw new Error('has credentials in it: keys come from the environment');
  if (address.includes('?') || address.includes('#')) throw new Error('has more after the path than an address needs');
  if (url.protocol === 'http:' && !plainHttp && !isNear(url.hostname))
    throw new Error('would carry texts over the internet unencrypted: use https://');
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

/** Whether a host is this machine or one of the same private network, as far as its name tells. */
export function isNear(hostname: string): boolean {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  const version = isIP(bare);
  if (version === 0) return NEAR_NAME.test(bare);
  return NEAR.check(bare, version === 6 ? 'ipv6' : 'ipv4');
}
