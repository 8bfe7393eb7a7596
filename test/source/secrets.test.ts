import { describe, expect, test } from 'vitest';
import { isSecretName } from '../../src/source/secrets.ts';

const SECRET = [
  ...[
    '.env',
    '.env.local',
    '.ENV',
    'app/.env.production',
    'prod.env',
    '.envrc',
    'server.pem',
    'tls/PRIVATE.KEY',
    'cert.p12',
    'cert.pfx',
    'store.jks',
  ],
  ...[
    'id_rsa',
    'id_rsa.old',
    'keys/id_ed25519',
    'id_rsa.pub',
    'vault.kdbx',
    '.netrc',
    '_netrc',
    '.npmrc',
    '.pypirc',
    '.pgpass',
    '.htpasswd',
    '.git-credentials',
  ],
  ...[
    'terraform.tfstate',
    'terraform.tfstate.backup',
    '.aws/credentials',
    'home/.aws/config',
    '.ssh/config',
    '.docker/config.json',
    '.kube/config',
    '.dockercfg',
  ],
  ...[
    'credentials',
    'config/credentials.json',
    'client_secret_123.json',
    'service-account.json',
    'secrets.toml',
    '.vault-token',
    '.bash_history',
    '.git/config',
  ],
];
const OPEN = [
  ...[
    '.env.example',
    '.env.sample',
    '.env.template',
    'example.env',
    '.env.dist',
    'src/env.ts',
    'environment.ts',
    'keyboard.ts',
    'monkey.py',
    'key.go',
  ],
  ...[
    'credentials.py',
    'lib/secrets.py',
    'templates/secret.yaml',
    'docs/ssh.md',
    'aws/credentials.ts',
    'README.md',
    '.gitignore',
    '.github/workflows/ci.yml',
    'history.ts',
    'pem.ts',
  ],
];

describe('isSecretName', () => {
  test.each(SECRET)('never reads %s', (path) => expect(isSecretName(path)).toBe(true));
  test.each(OPEN)('reads %s', (path) => expect(isSecretName(path)).toBe(false));
});
