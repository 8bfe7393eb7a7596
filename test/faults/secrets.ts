/** Secrets in files whose names tell, and in ordinary source: nothing of them is in the index, a log or an answer. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { callTool, connect } from '../bench/server.ts';
import { makeRepository } from './ground.ts';
import { type Planted, plantedKeys, plantedSecrets } from './plantedSecrets.ts';
import type { Context, Outcome, Row } from './row.ts';

/** Passwords have no format: what was drawn without a digit looks like a name. */
const MASKED_SHARE_MIN = 0.95;

const DENIED_NAMES = [
  '.env',
  '.env.local',
  '.env.production',
  'deploy/staging.env',
  '.envrc',
  'certs/server.pem',
  'certs/server.key',
  'AuthKey.p8',
  'store.p12',
  'store.pfx',
  'login.ppk',
  'release.jks',
  'debug.keystore',
  'service.keytab',
  'vault.kdbx',
  'office.ovpn',
  '.ssh/id_rsa',
  'id_ed25519',
  'ID_ECDSA',
  'infra/terraform.tfstate',
  'infra/terraform.tfstate.backup',
  '.netrc',
  '_netrc',
  '.npmrc',
  'packages/app/.npmrc',
  '.pypirc',
  '.pgpass',
  '.my.cnf',
  '.htpasswd',
  '.dockercfg',
  '.docker/config.json',
  '.kube/config',
  'kubeconfig',
  '.git-credentials',
  '.boto',
  '.s3cfg',
  '.vault-token',
  '.aws/credentials',
  'credentials.json',
  'client_secret_1.json',
  'service-account.json',
  'secrets.json',
  '.bash_history',
];

export const secrets: Row = {
  name: 'planted secrets: denied names and 17 kinds of tokens',
  promise:
    'files that hold secrets by name are never read; tokens in ordinary files are masked before they are stored or shown',
  counts: { quick: DENIED_NAMES.length + 17 * 20 + 3, full: DENIED_NAMES.length + 17 * 200 + 3 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const each = Math.round((count - DENIED_NAMES.length - 3) / 17);
  const planted = [...plantedSecrets(seed, each), ...plantedKeys()];
  const denied = plantedSecrets(seed + 1, DENIED_NAMES.length).filter(({ kind }) => kind === 'github');
  const files = new Map(DENIED_NAMES.map((name, at) => [name, `token=${denied[at]!.secret}\n`]));
  for (const [at, one] of planted.entries())
    files.set(`src/part${at % 9}/holder${at}.${ENDINGS[at % 5]}`, holderOf(one, at));
  const root = makeRepository(folder(), Object.fromEntries(files));
  const cacheDir = folder();
  mkdirSync(cacheDir, { recursive: true });
  const { client } = await connect(root, cacheDir);
  const replies: string[] = [];
  const ask = async (tool: string, input: Record<string, unknown>): Promise<void> => {
    replies.push((await callTool(client, tool, input)).text);
  };
  while (!replies.at(-1)?.includes('Pending: 0\n')) await ask('index_status', {});
  for (let at = 0; at < planted.length; at++) {
    await ask('search_code', { query: `holder${at}`, limit: 3 });
    if (at % 10 === 0) await ask('find_similar', { path: [...files.keys()][DENIED_NAMES.length + at], line: 3 });
    if (at % 10 === 5) await ask('complete_context', { path: [...files.keys()][DENIED_NAMES.length + at], line: 4 });
    progress(at, planted.length);
  }
  for (const name of DENIED_NAMES) {
    await ask('find_similar', { path: name, line: 1 });
    await ask('search_code', { query: name });
  }
  await client.close();
  const stored = bytesBelow(cacheDir);
  const said = replies.join('\n');
  const seen = (secret: string): boolean =>
    said.includes(secret) || stored.includes(secret) || stored.includes(secret.toLowerCase());
  const leaked = planted.filter(({ secret }) => seen(secret));
  const read = denied.filter(({ secret }) => seen(secret) || seen(secret.slice(4)));
  const share = 1 - leaked.length / planted.length;
  return {
    faults: planted.length + DENIED_NAMES.length,
    losses: [
      ...read.map((_, at) => `${DENIED_NAMES[at]} was read`),
      ...(share < MASKED_SHARE_MIN ? leaked.map(({ kind, source }) => `${kind}: ${source}`) : []),
    ],
    control: { losses: unmasked(planted), of: planted.length, how: 'the same files read as they are' },
    notes: [`${((1 - leaked.length / planted.length) * 100).toFixed(1)} % masked`],
  };
}

const ENDINGS = ['ts', 'py', 'go', 'js', 'java'];

function holderOf({ source }: Planted, at: number): string {
  return `// What holder${at} needs.\nfunction holder${at}() {\n${source}\n  return connect(setting${at % 7});\n}\n`;
}

/** Every byte of the cache, as text in which ASCII stands as it is. */
function bytesBelow(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

function unmasked(planted: readonly Planted[]): number {
  const text = planted.map(holderOf).join('\n');
  return planted.filter(({ secret }) => text.includes(secret)).length;
}
