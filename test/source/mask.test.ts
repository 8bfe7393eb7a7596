/** Secrets in ordinary text are masked, and nothing else is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countMasks, maskSecrets } from '../../src/source/mask.ts';
import { plantedKeys, plantedSecrets } from '../faults/plantedSecrets.ts';
import { bytesOf } from '../store/content.ts';
import { makeProject, openSynced, storeFileOf } from '../support.ts';

const planted = plantedSecrets(7);
const kinds = [...new Set(planted.map(({ kind }) => kind))];

test.each(kinds)('of twenty secrets of the kind %s nearly all are masked, and their lines stay', async (kind) => {
  const own = planted.filter((one) => one.kind === kind);
  const text = `// before\n${own.map(({ source }) => source).join('\n')}\n// after\n`;
  const masked = await maskSecrets(text);
  const seen = own.filter(({ secret }) => masked.includes(secret));
  // What was drawn without a digit looks like a name, and passwords have no other mark.
  expect(seen.length, seen.map(({ source }) => source).join('\n')).toBeLessThanOrEqual(kind === 'password' ? 3 : 0);
  expect(masked.split('\n')).toHaveLength(text.split('\n').length);
  expect(countMasks(masked)).toBe(own.length - seen.length);
});

test('a private key leaves its first and last line and nothing between, however it is written', async () => {
  for (const { source, secret } of plantedKeys()) {
    const masked = await maskSecrets(`${source}\nconst after = 1;\n`);
    expect(masked).not.toContain(secret);
    expect(masked).toContain('[secret masked: private key]');
    expect(masked).toContain('-----END');
    expect(masked.split('\n')).toHaveLength(`${source}\nconst after = 1;\n`.split('\n').length);
    expect(masked).toContain('const after = 1;');
  }
});

test('of an address the password alone is masked', async () => {
  const [one] = plantedSecrets(3, 1).filter(({ kind }) => kind === 'database address');
  expect(await maskSecrets(one!.source)).toBe(
    one!.source.replace(one!.secret, '[secret masked: password in an address]'),
  );
});

describe('what only looks like a secret stays', () => {
  test.each([
    "const password = 'changeme';",
    "password: 'correct-horse-battery-staple'",
    'DATABASE_URL=postgres://user:password@localhost:5432/app',
    "token = os.environ['GITHUB_TOKEN']",
    "const api_key = '{{ API_KEY_2 }}';",
    "secretKeyRef: 'app-secrets-2'",
    'commit 3fce3b5bb0236da2df6d99672afb8a719642eca7',
    "integrity: 'sha512-IcOR87MpNjp/WTO7bVMsIj3qkhVD+Qr/oNaA0Xl4Ok1LqG4bjXu5RjiY0Kid70BoR9eCJgkoq5gNHDGXPx+o1g=='",
    'class get_some_long_function_name_of_2_parts_here {}',
    "passwordField = 'form-control-2-password'",
  ])('%s', async (line) => {
    expect(await maskSecrets(line)).toBe(line);
  });

  test('this repository has none', async () => {
    const root = dirname(dirname(import.meta.dirname));
    for (const path of ['src/source/secretShapes.ts', 'src/source/mask.ts', 'README.md', 'package-lock.json']) {
      const text = readFileSync(join(root, path), 'utf8');
      expect(countMasks(await maskSecrets(text)), path).toBe(countMasks(text));
    }
  });
});

test('a text of nothing but suspicions is masked in bounded time', async () => {
  const text = 'sk-a1b2c3d4e5f6g7h8i9j0k1l2 '.repeat(20_000);
  const startedMs = performance.now();
  await maskSecrets(text);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test('what is masked is in no byte of the index, and an answer shows and counts the mask', async () => {
  const [secret] = plantedSecrets(11, 1).filter(({ kind }) => kind === 'github');
  const root = makeProject({
    'src/deploy.ts': `/** Publishes the ledger. */\nexport function publishLedger() {\n  ${secret!.source}\n  return upload(setting0);\n}\n`,
  });
  const { index, config } = await openSynced(root);
  const { snippets } = await index.search({ query: 'publishLedger' });
  expect(snippets[0]).toMatchObject({ path: 'src/deploy.ts', masked: 1 });
  expect(snippets[0]!.text).toContain('[secret masked: github]');
  expect(bytesOf(storeFileOf(config)).includes(secret!.secret.slice(4, 30).toLowerCase())).toBe(false);
  expect(bytesOf(storeFileOf(config)).includes(secret!.secret)).toBe(false);
  // Lines that move are found again, masked as before.
  writeFileSync(join(root, 'src/deploy.ts'), `// one line more\n${readFileSync(join(root, 'src/deploy.ts'), 'utf8')}`);
  const again = await index.search({ query: 'publishLedger' });
  expect(again.snippets[0]).toMatchObject({ path: 'src/deploy.ts', masked: 1 });
  const context = await index.complete({ path: 'src/deploy.ts', line: 5 });
  const alike = await index.similar({ path: 'src/deploy.ts', line: 4 });
  for (const answer of [again, context, alike]) expect(JSON.stringify(answer)).not.toContain(secret!.secret);
});
