/** Secrets that nobody has, made anew from a seed: none of them stands in this repository. */
import { generateKeyPairSync } from 'node:crypto';

export type Planted = {
  readonly kind: string;
  /** What must be seen nowhere: of a key of many lines, one of them. */
  readonly secret: string;
  /** A line or more of source that holds it. */
  readonly source: string;
};

const DIGITS = '0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = UPPER.toLowerCase();
const LETTERS = UPPER + LOWER;
const ALL = LETTERS + DIGITS;
const BASE32 = `${UPPER}234567`;

type Draw = (length: number, alphabet?: string) => string;

/** How each kind's tokens are made, by their issuers' own formats. */
const KINDS: Readonly<Record<string, (draw: Draw) => string>> = {
  'aws key id': (draw) => `AKIA${draw(16, BASE32)}`,
  'aws secret key': (draw) => draw(40, `${ALL}+/`),
  github: (draw) => `ghp_${draw(36)}`,
  'github, fine-grained': (draw) => `github_pat_${draw(22)}_${draw(59)}`,
  gitlab: (draw) => `glpat-${draw(20)}`,
  npm: (draw) => `npm_${draw(36)}`,
  slack: (draw) => `xoxb-${draw(12, DIGITS)}-${draw(12, DIGITS)}-${draw(24)}`,
  openai: (draw) => `sk-proj-${draw(74)}T3BlbkFJ${draw(74)}`,
  anthropic: (draw) => `sk-ant-api03-${draw(93)}AA`,
  stripe: (draw) => `sk_live_${draw(24)}`,
  google: (draw) => `AIza${draw(35)}`,
  sendgrid: (draw) => `SG.${draw(22)}.${draw(43)}`,
  'hugging face': (draw) => `hf_${draw(34, LETTERS)}`,
  'web token': (draw) => `eyJ${draw(20)}.eyJ${draw(60)}.${draw(43)}`,
  azure: (draw) => `${draw(86)}==`,
  'database address': (draw) => draw(16),
  password: (draw) => draw(16),
};

/** The line that a kind's token stands in, in one of five languages. */
function sourceOf(kind: string, secret: string, at: number): string {
  const value =
    kind === 'database address'
      ? `postgres://service:${secret}@db.internal:5432/ledger`
      : kind === 'azure'
        ? `DefaultEndpointsProtocol=https;AccountName=ledger;AccountKey=${secret};EndpointSuffix=core.windows.net`
        : secret;
  const name =
    kind === 'password' ? 'dbPassword' : kind === 'aws secret key' ? 'AWS_SECRET_ACCESS_KEY' : `setting${at % 7}`;
  return [
    `const ${name} = '${value}';`,
    `${name} = "${value}"`,
    `\t${name} := "${value}"`,
    `    "${name}": "${value}",`,
    `  private static final String ${name} = "${value}";`,
  ][at % 5]!;
}

/** `each` secrets of every kind, the same for the same seed; private keys apart, which can't be seeded. */
export function plantedSecrets(seed: number, each = 20): Planted[] {
  let state = (seed % 2_147_483_646) + 1;
  const draw: Draw = (length, alphabet = ALL) =>
    Array.from({ length }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return alphabet[state % alphabet.length]!;
    }).join('');
  return Object.entries(KINDS).flatMap(([kind, make]) =>
    Array.from({ length: each }, (_, at) => {
      const secret = make(draw);
      return { kind, secret, source: sourceOf(kind, secret, at) };
    }),
  );
}

/** Private keys as their files hold them, and one as JSON holds it. */
export function plantedKeys(): Planted[] {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pems = ['pkcs1', 'pkcs8'].map((type) => privateKey.export({ type: type as 'pkcs1', format: 'pem' }).toString());
  const keys = pems.map((pem) => ({
    kind: 'private key',
    secret: pem.split('\n')[4]!,
    source: `const key = \`${pem}\`;`,
  }));
  const [pem] = pems;
  return [...keys, { kind: 'private key', secret: pem!.split('\n')[4]!, source: JSON.stringify({ key: pem }) }];
}
