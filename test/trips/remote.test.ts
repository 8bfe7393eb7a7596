/** A model on a server as people use it: the real binary, a real server of embeddings on loopback, and what gets there. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';
import type { Embedder } from '../../src/types.ts';
import { EmbeddingServer } from '../embed/embeddingServer.ts';
import { writeTinyModel } from '../embed/tinyModel.ts';
import { makeFolder } from '../source/tree.ts';
import { ask, askUntil, BIN, connectClient, makePlace, type Place, PROJECT } from './support.ts';

const SECRET = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
const FILES = { ...PROJECT, 'src/token.ts': `export const letterToken = "${SECRET}";\n` };
const WITHIN_MS = 60_000;

let local: Embedder;
let server: EmbeddingServer;
let place: Place;
beforeAll(async () => {
  local = await openEmbedder({ model: writeTinyModel(makeFolder()) });
});
afterAll(() => local.close());
beforeEach(async () => {
  server = await EmbeddingServer.start(local);
  server.key = 'sesame';
  place = makePlace(FILES);
  place.environment.DOWSER_PAUSE = 'never';
  place.environment.DOWSER_REMOTE_KEY = 'sesame';
});
afterEach(async () => {
  place.remove();
  await server.stop();
});

type Run = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** The server answers from this process: it must not stand still meanwhile. */
function run(...words: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: place.root, env: place.environment };
    execFile(process.execPath, [BIN, ...words], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const adding = (...words: string[]): Promise<Run> =>
  run('models', 'add', 'far', '--url', server.url, '--remote-model', 'tiny', ...words);

const sent = (): string => server.requests.flatMap(({ body }) => body.input).join('\n');

test('consent is asked for plainly; then it is added, listed, verified, chosen, asked and removed', async () => {
  const refused = await adding();
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /not added, and nothing was sent\. To 127\.0\.0\.1:\d+ go: the code of the repositories/,
  );
  expect(server.requests).toEqual([]);
  expect(await run('models', 'add', 'far', '--url', server.url)).toMatchObject({ status: 2 });
  const added = await adding('--allow-host', server.host);
  expect(added.stdout).toBe(`Added far, 256 dimensions, on ${server.host}.\n`);
  expect(added.stderr).toMatch(/To 127\.0\.0\.1:\d+ go: .*The key in DOWSER_REMOTE_KEY/);
  expect((await run('models')).stdout).toMatch(/^ {3}far +server +256 .*tiny on 127\.0\.0\.1:\d+$/m);
  expect((await run('models', 'verify', 'far')).stdout).toBe('far: ok, its server answers, 256 dimensions\n');
  await run('models', 'use', 'far');
  server.requests.length = 0;
  expect((await run('search', `who takes the lease of a parcel ${SECRET}`)).status).toBe(0);
  const { stdout } = await run('status');
  expect(stdout).toMatch(/^Slow model: far, remote \(code and questions go to 127\.0\.0\.1:\d+\), 256 dimensions, /m);
  expect(JSON.parse((await run('status', '--json')).stdout).slow).toMatchObject({
    runtime: 'remote',
    host: server.host,
  });
  expect((await run('models', 'remove', 'far')).stdout).toBe('Removed far.\n');
  expect(existsSync(join(place.environment.DOWSER_CACHE!, 'models', 'far'))).toBe(false);
});

test('a server of agents reads all code with it, masks secrets in code and questions, and survives its end', async () => {
  await adding('--allow-host', server.host, '--query-prefix', 'Q: ', '--passage-prefix', 'P: ');
  await run('models', 'use', 'far');
  server.requests.length = 0;
  const client = await connectClient(place);
  try {
    const status = () => ask(client, 'index_status').then(({ text }) => text);
    const read = await askUntil(status, (text) => text.includes('all code is read'), WITHIN_MS);
    expect(read).toMatch(
      /Slow model: far, remote \(code and questions go to 127\.0\.0\.1:\d+\), 256 .*all code is read/,
    );
    expect(read).toMatch(/Health: ok/);
    expect(sent()).toContain('P: src/token.ts\nexport const letterToken = "[secret masked: ');
    const question = `where is ${SECRET} used`;
    await ask(client, 'search_code', { query: question });
    await ask(client, 'find_similar', { code: `const token = "${SECRET}";\nsend(token);\n` });
    await ask(client, 'complete_context', { prefix: `const token = "${SECRET}";\nsen` });
    await askUntil(
      async () => sent(),
      (text) => text.includes('Q: where is [secret masked'),
      WITHIN_MS,
    );
    expect(sent()).toContain('Q: where is [secret masked');
    expect(sent()).toContain(`Q: const token = "[secret masked`);
    expect(sent()).not.toContain(SECRET);
    for (const { headers } of server.requests) expect(headers.authorization).toBe('Bearer sesame');
    server.key = 'another';
    const { text, isError } = await ask(client, 'search_code', { query: 'a question that nobody asked before' });
    expect(isError).toBe(false);
    expect(text).toMatch(/src\//);
    expect(await status()).not.toContain('sesame');
  } finally {
    await client.close();
  }
});

test('without the model on the shelf nothing of its kind is asked', async () => {
  await adding('--allow-host', server.host);
  server.requests.length = 0;
  expect((await run('index')).status).toBe(0);
  expect((await run('search', 'acquireLease')).status).toBe(0);
  expect(server.requests).toEqual([]);
});
