/** `dowser models` as people run it: the real binary, a hub on loopback, and a search with what was fetched. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddingServer } from '../embed/embeddingServer.ts';
import { Hub } from '../library/hub.ts';
import { ask, BIN, connectClient, makePlace, type Place, PROJECT, pause } from './support.ts';

const ENCODER = fileURLToPath(new URL('../fixtures/models/encoder/', import.meta.url));
/** A name of the catalog whose files nobody knows the checksums of; what the hub here serves for it is another model. */
const NAME = 'jina-code-embeddings-1.5b';
const REPOSITORY = 'herMaster/jina-code-embeddings-1.5b-ONNX';

let place: Place;
let hub: Hub;
beforeEach(async () => {
  place = makePlace(PROJECT);
  hub = await Hub.start({
    [`${REPOSITORY}/model.onnx`]: readFileSync(join(ENCODER, 'model.onnx')),
    [`${REPOSITORY}/model.onnx_data`]: Buffer.alloc(300_000, 'weights'),
    [`${REPOSITORY}/tokenizer.json`]: readFileSync(join(ENCODER, 'tokenizer.json')),
  });
  place.environment.DOWSER_MODEL_MIRROR = hub.base;
});
afterEach(async () => {
  place.remove();
  await hub.stop();
});

type Run = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** The hub answers from this process: it must not stand still meanwhile. */
function run(...words: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const options = { cwd: place.root, env: place.environment };
    execFile(process.execPath, [BIN, ...words], options, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const shelf = (): string => join(place.environment.DOWSER_CACHE!, 'models');

describe('dowser models', () => {
  test('lists what is bundled and what can be fetched, with what its licence asks for', async () => {
    const { status, stdout, stderr } = await run('models');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^\* {2}dowser-static-v1 +bundled +\d+ +256 /m);
    expect(stdout).toMatch(
      /^ {3}jina-code-embeddings-0\.5b +catalog +\d+ +64\.\.896 +89\.0 +96\.8 +CC-BY-NC-4\.0 \(!\)/m,
    );
    const { models } = JSON.parse((await run('models', 'list', '--json')).stdout);
    expect(models[0]).toMatchObject({ name: 'dowser-static-v1', where: 'bundled', isUsed: true });
    expect(existsSync(shelf())).toBe(false);
  });

  test('fetches after a yes, chooses, goes back, removes', async () => {
    const refused = await run('models', 'pull', NAME);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/not for commercial use.*--accept-licence/);
    const pulled = await run('models', 'pull', NAME, '--accept-licence');
    expect(pulled.status).toBe(0);
    expect(pulled.stdout).toMatch(/^Fetched jina-code-embeddings-1\.5b in \d+ s, licence CC-BY-NC-4\.0: /);
    expect(pulled.stderr).toMatch(/not for commercial use/);
    expect((await run('models', 'pull', NAME, '--accept-licence')).stdout).toMatch(/is there: /);
    expect((await run('models', 'use', NAME)).stdout).toMatch(/^From now on jina-code-embeddings-1\.5b is used/);
    expect((await run('models')).stdout).toMatch(/^\* {2}jina-code-embeddings-1\.5b +here /m);
    const removed = await run('models', 'remove', NAME);
    expect(removed.stdout).toBe('Removed jina-code-embeddings-1.5b.\n');
    expect(removed.stderr).toMatch(/from now on that is dowser-static-v1/);
    expect(readdirSync(shelf())).toEqual(['.locks']);
    expect(await run('models', 'remove', NAME)).toMatchObject({ status: 1 });
  });

  test('says where nobody names a checksum', async () => {
    hub.habits = { ...hub.habits, namesDigests: false };
    const { stderr } = await run('models', 'pull', NAME, '--accept-licence');
    expect(stderr).toMatch(/Nobody names a checksum of 3 of its files/);
  });

  test('stopped by Ctrl-C leaves a part that the next goes on with', async () => {
    hub.habits = { ...hub.habits, bytesPerMs: 100 };
    const child = spawn(process.execPath, [BIN, 'models', 'pull', NAME, '--accept-licence'], {
      cwd: place.root,
      env: place.environment,
    });
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => {
      stderr += text;
    });
    while (hub.sentBytes < 150_000) await pause(10);
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    expect(code).toBe(130);
    expect(stderr).not.toMatch(/bug/);
    expect(readdirSync(shelf()).filter((name) => !name.startsWith('.'))).toEqual([]);
    await hub.settled();
    hub.habits = { ...hub.habits, bytesPerMs: undefined };
    expect((await run('models', 'pull', NAME, '--accept-licence')).status).toBe(0);
    expect(hub.requests.some(({ status }) => status === 206)).toBe(true);
  });

  test('without a network says how to do it by hand', async () => {
    place.environment.DOWSER_MODEL_MIRROR = 'http://127.0.0.1:9';
    const { status, stderr } = await run('models', 'pull', 'all-MiniLM-L6-v2');
    expect(status).toBe(1);
    expect(stderr).toMatch(/can't be fetched: .*ECONNREFUSED/);
    expect(stderr).toMatch(
      /https:\/\/huggingface\.co\/sentence-transformers\/all-MiniLM-L6-v2\/resolve\/\w+\/onnx\/model\.onnx/,
    );
    expect(stderr).toMatch(/dowser models add FOLDER --as all-MiniLM-L6-v2/);
  });

  test.each([
    [['models', 'fetch'], 2, /can't 'fetch'/],
    [['models', 'pull'], 2, /needs one NAME/],
    [['models', 'pull', 'all-MiniLM-L6'], 2, /Did you mean all-MiniLM-L6-v2\?/],
    [['models', 'use', 'absent'], 1, /dowser models pull absent/],
    [['models', 'remove', 'dowser-static-v1'], 2, /part of dowser/],
    [['models', 'remove', '../repository'], 2, /no name of a model/],
    [['models', 'add', '.'], 2, /has no model\.json/],
    [['models', 'list', '--pooling', 'median'], 2, /--pooling is one of/],
  ])('answers %j with %d', async (words, status, message) => {
    const answer = await run(...words);
    expect(answer).toMatchObject({ status, stdout: '' });
    expect(answer.stderr).toMatch(message);
  });
});

describe('a model that was added', () => {
  test('is searched with when it is chosen, by the command and by the server, and no network is used', async () => {
    expect((await run('models', 'add', ENCODER)).stdout).toMatch(/^Added encoder: /);
    expect((await run('models', 'verify')).stdout).toMatch(
      /^dowser-static-v1: ok, .*\nencoder: ok, 2 files, 0\.1 MB, 32 dimensions$/m,
    );
    await run('models', 'use', 'encoder');
    expect((await run('search', 'lease')).stderr).toMatch(
      /encoder has read 0 % of the code: 'dowser index' has it read all\./,
    );
    expect((await run('index', '--quiet')).status).toBe(0);
    const found = await run('search', 'lease', '--json');
    expect({ status: found.status, stderr: found.stderr }).toEqual({ status: 0, stderr: '' });
    const { coverage, slow, model } = JSON.parse((await run('status', '--json')).stdout);
    expect({ slow, model }).toMatchObject({
      slow: { name: 'encoder', dimensions: 32, state: 'all code is read' },
      model: { name: 'dowser-static-v1' },
    });
    expect(coverage.slow.embedded).toBe(coverage.chunks);
    expect(JSON.parse((await run('status', '--json', '--model', 'dowser-static-v1')).stdout).slow).toBeUndefined();
    const client = await connectClient(place);
    expect((await ask(client, 'index_status')).text).toMatch(/encoder/);
    await client.close();
    expect(hub.requests).toEqual([]);
  });

  test('whose bytes have changed is not loaded: index says so, search goes on without it, and verify finds it', async () => {
    await run('models', 'add', ENCODER);
    const file = join(shelf(), 'encoder', 'model.onnx');
    const bytes = readFileSync(file);
    bytes[2_000]! ^= 1;
    writeFileSync(file, bytes);
    const verified = await run('models', 'verify', 'encoder');
    expect(verified.status).toBe(1);
    expect(verified.stdout).toMatch(/^encoder: WRONG, .*sha256/);
    const indexed = await run('index', '--model', 'encoder');
    expect(indexed.status).toBe(1);
    expect(indexed.stderr).toMatch(/encoder\/model\.onnx does not have its manifest's sha256/);
    const found = await run('search', 'lease', '--model', 'encoder');
    expect(found).toMatchObject({ status: 0, stdout: expect.stringMatching(/lease/) });
    expect(found.stderr).toMatch(/encoder has read 0 %/);
    expect(JSON.parse((await run('models', 'verify', '--json')).stdout).models).toMatchObject([
      { ok: true },
      { ok: false },
    ]);
  });

  test('that is not there any more is said to be missing, and how to get it; the bundled one stands in', async () => {
    const found = await run('search', 'lease', '--model', 'gone');
    expect(found.stderr).toMatch(/The bundled model stands in: There is no model "gone" here.*dowser models pull gone/);
    const { model, health } = JSON.parse((await run('status', '--json', '--model', 'gone')).stdout);
    expect({ model, health }).toMatchObject({ model: { name: 'dowser-static-v1' }, health: ['model_unusable'] });
  });
});

describe('a model on a server', () => {
  const KEY = 'sk-of-nobody-4711';
  let server: EmbeddingServer;
  beforeEach(async () => {
    server = await EmbeddingServer.start();
    server.key = KEY;
  });
  afterEach(() => server.stop());

  const added = (...words: string[]): Promise<Run> =>
    run('models', 'add', 'mine', '--url', server.url, '--remote-model', 'tiny', ...words);

  test('is sent nothing before its host is allowed by name', async () => {
    for (const words of [[], ['--allow-host', 'api.example.com']]) {
      const refused = await added(...words);
      expect(refused).toMatchObject({ status: 1, stdout: '' });
      expect(refused.stderr).toMatch(/would be sent to 127\.0\.0\.1:\d+, with secrets masked.*--allow-host 127/);
    }
    expect(server.authorizations).toEqual([]);
    expect(existsSync(join(shelf(), 'mine'))).toBe(false);
  });

  test('reads the code and is asked, with secrets masked; its key is in no file and no output, and status says the host', async () => {
    const token = ['ghp', 'x7Jq2mVbN4kLpR9sTdWf3hYcZ6aGuE1oKi8B'].join('_');
    writeFileSync(join(place.root, 'keys.js'), `export const token = '${token}';\n`);
    expect((await added('--allow-host', '127.0.0.1')).stderr).toMatch(/It wants a key: set DOWSER_REMOTE_KEY/);
    place.environment.DOWSER_REMOTE_KEY = KEY;
    const runs = [
      await added('--allow-host', '127.0.0.1'),
      await run('models', 'verify', 'mine'),
      await run('index', '--model', 'mine', '--quiet'),
      await run('search', `who uses ${token}`, '--model', 'mine'),
      await run('status', '--model', 'mine'),
      await run('models', 'list'),
    ];
    expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(runs[0]!.stdout).toMatch(/^Added mine, 32 dimensions, on 127\.0\.0\.1:\d+\.$/m);
    expect(runs[1]!.stdout).toMatch(/^mine: ok, answers on 127\.0\.0\.1:\d+, 32 dimensions$/m);
    expect(runs[4]!.stdout).toMatch(
      /^Slow model: mine \(remote: texts are sent to 127\.0\.0\.1:\d+\), .*all code is read$/m,
    );
    expect(runs[5]!.stdout).toMatch(/^ {3}mine +server /m);
    const sent = server.asked.flatMap(({ input }) => input);
    expect(sent.join()).not.toContain(token);
    expect(sent).toContainEqual(expect.stringMatching(/^keys\.js\nexport const token = '\[secret masked: \w+\]'/));
    expect(sent).toContainEqual(expect.stringMatching(/^who uses \[secret masked: \w+\]$/));
    expect(runs.map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(KEY);
    expect(readFileSync(join(shelf(), 'mine', 'model.json'), 'utf8')).not.toContain(KEY);
  });

  test('is not used from a folder of the repository, which its user never allowed', async () => {
    mkdirSync(join(place.root, 'model'));
    writeFileSync(join(place.root, 'model', 'model.json'), JSON.stringify(server.manifest()));
    const found = await run('search', 'lease', '--model', './model');
    expect(found).toMatchObject({ status: 0, stdout: expect.stringMatching(/lease/) });
    expect(found.stderr).toMatch(/The bundled model stands in: tiny would send texts to 127.*you did not add it/);
    expect((await run('index', '--model', join(place.root, 'model'))).status).toBe(0);
    const verified = await run('models', 'verify', './model');
    expect(verified).toMatchObject({ status: 1, stdout: expect.stringMatching(/WRONG, .*you did not add it/) });
    expect(server.authorizations).toEqual([]);
  });

  test('that is gone costs its meaning only, and index says so', async () => {
    place.environment.DOWSER_REMOTE_KEY = KEY;
    await added('--allow-host', '127.0.0.1');
    server.key = 'another';
    const indexed = await run('index', '--model', 'mine');
    expect(indexed.status).toBe(1);
    expect(indexed.stderr).toMatch(/mine at 127\.0\.0\.1:\d+ answers 401 .*Its key is refused: set DOWSER_REMOTE_KEY/);
    const found = await run('search', 'lease', '--model', 'mine');
    expect(found).toMatchObject({ status: 0, stdout: expect.stringMatching(/lease/) });
  });
});
