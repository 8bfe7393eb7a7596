/** Consent: what a model on a server needs before anything is sent there, and where it is asked again. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isNear, readAddress } from '../../src/embed/address.ts';
import { describeModel, openEmbedder } from '../../src/embed/embedder.ts';
import type { RemoteManifest } from '../../src/embed/manifest.ts';
import { PROBE_TEXT } from '../../src/embed/remote.ts';
import { PATIENCE } from '../../src/embed/server.ts';
import { JINA_PREFIXES } from '../../src/embed/tasks.ts';
import { DowserError } from '../../src/errors.ts';
import { addRemote, type RemoteRequest } from '../../src/library/addRemote.ts';
import { readOffers } from '../../src/library/offers.ts';
import { locateModel, shelfIn, surveyShelf } from '../../src/library/shelf.ts';
import { verifyModel } from '../../src/library/verify.ts';
import type { Embedder } from '../../src/types.ts';
import { EmbeddingServer } from '../embed/embeddingServer.ts';
import { DIMENSIONS, writeTinyModel } from '../embed/tinyModel.ts';
import { makeFolder } from '../source/tree.ts';

let local: Embedder;
let server: EmbeddingServer;
let cacheDir: string;
beforeAll(async () => {
  local = await openEmbedder({ model: writeTinyModel(makeFolder()) });
  server = await EmbeddingServer.start(local);
});
afterAll(async () => {
  await server.stop();
  await local.close();
});
beforeEach(() => {
  cacheDir = makeFolder();
  server.requests.length = 0;
  server.key = undefined;
  server.fault = () => undefined;
});

function request(changes: Partial<RemoteRequest> = {}): RemoteRequest {
  const flags = { plainHttp: false, sendsTasks: false, acceptsLicence: false };
  return { name: 'far', url: server.url, model: 'tiny', allowHost: server.host, ...flags, ...changes };
}

function add(changes: Partial<RemoteRequest> = {}, environment: NodeJS.ProcessEnv = {}) {
  const patience = { ...PATIENCE, requestMs: 500, callMs: 1_000, backoffMs: 1 };
  const places = { shelf: shelfIn(cacheDir), cacheDir, offers: readOffers(), environment, patience };
  return addRemote(request(changes), places);
}

async function refusal(adding: Promise<unknown>): Promise<DowserError> {
  const error = await adding.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DowserError);
  expect(surveyShelf(shelfIn(cacheDir))).toEqual([]);
  return error as DowserError;
}

const onShelf = (): RemoteManifest => surveyShelf(shelfIn(cacheDir))[0]!.manifest as RemoteManifest;

describe('before consent', () => {
  test.each([undefined, 'localhost', '127.0.0.1', '127.0.0.1:1', 'example.org'])(
    'nothing is sent, and it is said what would be sent where: --allow-host %s',
    async (allowHost) => {
      const { code, message } = await refusal(add({ allowHost }));
      expect(code).toBe('not_accepted');
      expect(message).toMatch(/nothing was sent/);
      expect(message).toContain(`To ${server.host} go: the code of the repositories`);
      expect(message).toMatch(new RegExp(`To consent: --allow-host ${server.host}$`));
      expect(server.requests).toEqual([]);
    },
  );

  test.each([
    ['https://user:password@example.org/v1', /credentials/],
    ['https://example.org/v1?key=password', /more after the path/],
    ['https://example.org/v1#password', /more after the path/],
    ['ftp://example.org/v1', /does not start with/],
    ['example.org', /is not an address/],
    ['http://example.org/v1', /unencrypted: use https:\/\/, or --allow-plain-http/],
    ['http://93.184.216.34/v1', /unencrypted/],
  ])('the address %s is refused, and no part of it repeated', async (url, message) => {
    const error = await refusal(add({ url, allowHost: 'example.org' }));
    expect(error.code).toBe('bad_argument');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/password/);
  });

  test('a licence that asks for a yes asks for it here, too', async () => {
    const error = await refusal(add({ like: 'jina-code-embeddings-0.5b' }));
    expect(error.message).toMatch(/^far: .*not for commercial use.*--accept-licence/);
    expect(server.requests).toEqual([]);
  });

  test('names that are taken or lead elsewhere are refused', async () => {
    for (const name of ['dowser-static-v1', 'none', '../far', '.far'])
      expect((await refusal(add({ name }))).code).toBe('bad_argument');
    expect((await refusal(add({ like: 'nowhere' }))).code).toBe('model_missing');
    expect((await refusal(add({ keyVariable: 'DOWSER_MODEL' }))).code).toBe('bad_argument');
  });
});

test.each([
  ['localhost', true],
  ['api.localhost', true],
  ['gpu-box', true],
  ['gpu-box.local', true],
  ['127.9.9.9', true],
  ['10.1.2.3', true],
  ['172.31.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.7', true],
  ['[::1]', true],
  ['[fd00::1]', true],
  ['[2001:db8::1]', false],
  ['8.8.8.8', false],
  ['local.example.org', false],
  ['localhost.example.org', false],
  ['api.jina.ai', false],
])('that %s is near is %s', (host, near) => {
  expect(isNear(host)).toBe(near);
  expect(readAddress(`https://${host}/v1/`, { plainHttp: false }).href).toBe(`https://${host}/v1`);
  expect(readAddress(`http://${host}/v1`, { plainHttp: true }).hostname).toBe(host);
});

describe('after consent', () => {
  test('one fixed text is sent, and a folder with nothing but model.json lies on the shelf', async () => {
    const added = await add({ url: `${server.url}/embeddings` });
    expect(added).toMatchObject({ name: 'far', host: server.host, dimensions: DIMENSIONS, matryoshka: [DIMENSIONS] });
    expect(server.requests.map(({ body }) => body)).toEqual([{ model: 'tiny', input: [PROBE_TEXT] }]);
    expect(readdirSync(added.path)).toEqual(['model.json']);
    expect(onShelf()).toMatchObject({ url: server.url, host: server.host, sendsDimensions: false });
    const path = locateModel('far', cacheDir);
    expect(await describeModel({ model: path })).toMatchObject({ isSlow: true, host: server.host, name: 'far' });
    const embedder = await openEmbedder({ model: path });
    expect(embedder).toMatchObject({ runtime: 'remote', shared: undefined, dimensions: DIMENSIONS });
    expect(embedder.id).toBe((await describeModel({ model: path })).id);
    const [own] = await local.embed(['cache'], 'qa', 'passage');
    expect(await embedder.embed(['cache'], 'qa', 'passage')).toEqual([own!]);
    await embedder.close();
    expect(await verifyModel(path)).toEqual({ files: 0, bytes: 0, dimensions: DIMENSIONS });
    await expect(add()).rejects.toThrow(/There is a model "far" already/);
    await expect(openEmbedder({ model: path, dimensions: 64 })).rejects.toMatchObject({ code: 'bad_argument' });
  });

  test('prefixes, sizes and licence come from the model that it is like', async () => {
    await add({ like: 'jina-code-embeddings-0.5b', acceptsLicence: true });
    expect(onShelf()).toMatchObject({ prefixes: JINA_PREFIXES, licence: 'CC-BY-NC-4.0', maxTokens: 8_192 });
    expect(onShelf().matryoshka).toEqual([64, 128, DIMENSIONS]);
  });

  test('a server that puts prefixes itself is told the task, and known by each', async () => {
    server.tasks = { 'qa.query': 'return ' };
    await add({ like: 'jina-code-embeddings-0.5b', acceptsLicence: true, sendsTasks: true });
    const { prefixes, tasks, probes } = onShelf();
    expect(prefixes.qa.query).toBe('');
    expect(tasks!.code2completion.passage).toBe('code2completion.passage');
    expect(Object.keys(probes)).toHaveLength(10);
    expect(probes['qa.query']).not.toEqual(probes['qa.passage']);
  });

  test('the size that is asked for is the size of the model', async () => {
    await add({ dimensions: 64 });
    expect(server.requests[0]!.body).toMatchObject({ dimensions: 64 });
    expect(onShelf()).toMatchObject({ dimensions: 64, sendsDimensions: true });
  });

  test('the key is in no file', async () => {
    server.key = 'sesame';
    const { path } = await add({ keyVariable: 'MY_KEY' }, { MY_KEY: 'sesame' });
    expect(readFileSync(join(path, 'model.json'), 'utf8')).not.toMatch(/sesame/);
    expect(onShelf().keyVariable).toBe('MY_KEY');
  });

  test('a server that fails, is absent or gives another size adds nothing', async () => {
    expect((await refusal(add({ dimensions: 1_024 }))).message).toMatch(/256 dimensions, not 1024/);
    server.key = 'sesame';
    expect((await refusal(add())).message).toMatch(/wants a key/);
    server.fault = () => 'half';
    server.key = undefined;
    expect((await refusal(add())).message).toMatch(/0 embeddings for 1 texts/);
    const absent = await refusal(add({ url: 'http://127.0.0.1:9/v1', allowHost: '127.0.0.1:9' }));
    expect(absent.message).toMatch(/can't be reached \(.*ECONNREFUSED/);
    expect(readdirSync(shelfIn(cacheDir)).filter((name) => name !== '.locks')).toEqual([]);
  });
});

describe('a folder that names a host', () => {
  test('is no consent unless it lies on the shelf of the user', async () => {
    const { path } = await add();
    const elsewhere = join(makeFolder(), 'far');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'model.json'), readFileSync(join(path, 'model.json')));
    expect(locateModel(path, cacheDir)).toBe(path);
    const asked = new RegExp(`would send code and questions to ${server.host}`);
    expect(() => locateModel(elsewhere, cacheDir)).toThrow(asked);
  });

  test.each<[Partial<Record<keyof RemoteManifest, unknown>>, RegExp]>([
    [{ host: 'example.org' }, /host: expected "127\.0\.0\.1:\d+"/],
    [{ url: 'https://example.org/v1' }, /host: expected "example\.org"/],
    [{ url: 'http://example.org/v1', host: 'example.org' }, /url would carry texts over the internet unencrypted/],
    [{ url: 'http://me:password@127.0.0.1/v1', host: '127.0.0.1' }, /url has credentials/],
    [{ keyVariable: 'DOWSER_CACHE' }, /keyVariable/],
    [{ keyVariable: 'A=B' }, /keyVariable/],
    [{ probes: { '': [] } }, /probes/],
    [{ plainHttp: 'no' }, /plainHttp/],
  ])('is refused with %j', async (changes, message) => {
    const { path } = await add();
    const manifest = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
    writeFileSync(join(path, 'model.json'), JSON.stringify({ ...manifest, ...changes }));
    await expect(openEmbedder({ model: path })).rejects.toMatchObject({
      code: 'model_damaged',
      message: expect.stringMatching(message),
    });
  });
});
