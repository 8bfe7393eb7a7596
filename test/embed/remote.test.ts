import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addressOf } from '../../src/embed/address.ts';
import { openApart } from '../../src/embed/apart.ts';
import { describeModel, openEmbedder } from '../../src/embed/embedder.ts';
import type { RemoteManifest } from '../../src/embed/manifest.ts';
import { loadOnnxRuntime } from '../../src/embed/onnx.ts';
import { openRemote, PROBES } from '../../src/embed/remote.ts';
import { JINA_PREFIXES, SIDES, TASKS } from '../../src/embed/tasks.ts';
import { setLogLevel } from '../../src/log.ts';
import { expectClose, testEmbedder } from '../contracts/embedder.ts';
import { EmbeddingServer, LIES, TRICKS } from './embeddingServer.ts';

const hasOnnx = await loadOnnxRuntime().then(
  () => true,
  () => false,
);

setLogLevel('error');

let server: EmbeddingServer;
beforeEach(async () => {
  server = await EmbeddingServer.start();
});
afterEach(() => server.stop());

const QUICK = { pauseMs: 2, silenceMs: 300 };
const TEXTS = ['def parse(url): ...', 'where is a url parsed', 'class Lease {}', 'x'];

/** A folder as `dowser models add NAME --url` leaves it. */
function folderOf(manifest: RemoteManifest): string {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-remote-'));
  writeFileSync(join(folder, 'model.json'), JSON.stringify(manifest));
  return folder;
}

/** The texts of a request as it is sent. */
const around = (...texts: string[]) => [PROBES.first, ...texts, PROBES.last];

const open = (fields: Partial<RemoteManifest> = {}, options = {}) => {
  const manifest = server.manifest(fields);
  return openRemote(manifest, manifest.dimensions, { ...QUICK, ...options });
};

describe.runIf(hasOnnx)('a model on a server', () => {
  testEmbedder('a model on a server', () => openEmbedder({ model: folderOf(server.manifest()) }), {
    sidesDiffer: false,
    knowsAll: true,
  });

  test('gives what the model gives, in the order asked, at unit length', async () => {
    const many = Array.from({ length: 150 }, (_, at) => `${TEXTS[at % TEXTS.length]} ${at}`);
    const embeddings = await open().embed(many, 'nl2code', 'passage');
    for (const [at, truth] of (await server.truth(many)).entries()) expectClose(embeddings[at]!, truth, 1e-6);
    expect(server.asked.map(({ input }) => input.length).sort((a, b) => a - b)).toEqual([32, 32, 32, 32, 32]);
    expect(server.mostAtOnce).toBe(2);
  });

  test('is sent the prefix of the task, or its name where the server puts prefixes itself', async () => {
    await open({ prefixes: JINA_PREFIXES }).embed(['x'], 'qa', 'query');
    const names = TASKS.map((task) => [task, Object.fromEntries(SIDES.map((side) => [side, `${task}.${side}`]))]);
    await open({ prefixes: JINA_PREFIXES, tasks: Object.fromEntries(names) }).embed(['x'], 'qa', 'query');
    expect(server.asked).toEqual([
      { model: 'tiny', input: around(`${JINA_PREFIXES.qa.query}x`), encoding_format: 'float' },
      { model: 'tiny', input: around('x'), encoding_format: 'float', task: 'qa.query' },
    ]);
  });

  test('is sent no more than it reads of a text, and never half a character', async () => {
    await open({ maxTokens: 10 }).embed([`${'y'.repeat(24)}😀 and more`, 'z'.repeat(90_000)], 'nl2code', 'passage');
    await open().embed(['half \ud83d a character'], 'nl2code', 'passage');
    expect(server.asked.flatMap(({ input }) => input.slice(1, -1))).toEqual([
      'y'.repeat(24),
      'z'.repeat(25),
      'half \ufffd a character',
    ]);
  });

  test('cuts embeddings to the size asked for, and makes them unit length after that', async () => {
    const model = folderOf(server.manifest({ matryoshka: [8, 32] }));
    const embedder = await openEmbedder({ model, dimensions: 8 });
    const [embedding] = await embedder.embed(['lease'], 'nl2code', 'passage');
    const [truth] = await server.truth(['lease']);
    const length = Math.hypot(...truth!.subarray(0, 8));
    expectClose(
      embedding!,
      truth!.subarray(0, 8).map((value) => value / length),
      1e-6,
    );
    await embedder.close();
  });

  test.each([400, 413, 422, 500])('takes in halves what is too large at once, at %i', async (refusal) => {
    Object.assign(server, { textsMax: 5, refusal });
    const texts = Array.from({ length: 10 }, (_, at) => `text ${at}`);
    const embeddings = await open().embed(texts, 'nl2code', 'passage');
    for (const [at, one] of (await server.truth(texts)).entries()) expectClose(embeddings[at]!, one, 1e-6);
  });

  test.each([400, 413, 422, 500])('takes half, or half of that, of a text that is too long, at %i', async (refusal) => {
    Object.assign(server, { charsMax: 300, refusal });
    const long = 'lease of a parcel '.repeat(60);
    const embeddings = await open().embed(['x', long, 'y'], 'nl2code', 'passage');
    const truth = await server.truth(['x', long.slice(0, long.length >> 2), 'y']);
    for (const [at, one] of truth.entries()) expectClose(embeddings[at]!, one, 1e-6);
  });

  test('that refuses one text by mistake gets it again as it is', async () => {
    server.tricks = [TRICKS.refused];
    const long = 'lease of a parcel '.repeat(30);
    const [embedding] = await open().embed([long], 'nl2code', 'passage');
    expectClose(embedding!, (await server.truth([long]))[0]!, 1e-6);
  });

  test('that refuses one text in any length reads all others; one that refuses all is not asked in ever smaller pieces', async () => {
    server.charsMax = 80;
    const long = 'lease of a parcel '.repeat(60);
    const embeddings = await open().embed(['x', long], 'nl2code', 'passage');
    expectClose(embeddings[0]!, (await server.truth(['x']))[0]!, 1e-6);
    expect(embeddings[1]!.every((value) => value === 0)).toBe(true);
    server.textsMax = 0;
    server.asked.length = 0;
    await expect(open().embed(['x', long], 'nl2code', 'passage')).rejects.toThrow(/answers 413 .*too large to process/);
    expect(server.asked).toHaveLength(3);
  });

  test('gives the key of the environment, never tells it, and says which variable to set', async () => {
    server.key = 'sk-secret-value';
    const environment = { DOWSER_REMOTE_KEY: 'sk-secret-value', OTHER: 'wrong-key-value' };
    await open({}, { environment }).embed(['x'], 'nl2code', 'query');
    expect(server.authorizations).toEqual(['Bearer sk-secret-value']);
    const refused = await open({ keyVariable: 'OTHER' }, { environment })
      .embed(['x'], 'nl2code', 'query')
      .catch((error) => error);
    expect(refused).toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(/Its key is refused: set OTHER/),
    });
    expect(refused.message).not.toContain('wrong-key-value');
    await expect(open({}, { environment: {} }).embed(['x'], 'nl2code', 'query')).rejects.toThrow(
      /It wants a key: set DOWSER_REMOTE_KEY/,
    );
  });

  test.each(Object.entries(TRICKS))('survives an answer that is %s', async (_, trick) => {
    server.tricks = [trick];
    const embeddings = await open().embed(TEXTS, 'nl2code', 'passage');
    for (const [at, truth] of (await server.truth(TEXTS)).entries()) expectClose(embeddings[at]!, truth, 1e-6);
  });

  test.each(Object.entries(LIES))('is not believed when its answer is %s', async (_, lie) => {
    for (const texts of [TEXTS, ['x']]) {
      server.tricks = [lie];
      await expect(open().embed(texts, 'nl2code', 'passage')).rejects.toMatchObject({
        code: 'model_failed',
        message: expect.stringMatching(/is another model than the one that was added, .*dowser models remove tiny/),
      });
    }
    expect(await open().embed(TEXTS, 'nl2code', 'passage')).toHaveLength(TEXTS.length);
  });

  test('is measured by texts of its own, once for each name of a task', async () => {
    const { dimensions, probes } = await open().measure();
    expect([dimensions, Object.keys(probes)]).toEqual([32, ['']]);
    const names = TASKS.map((task) => [task, Object.fromEntries(SIDES.map((side) => [side, `${task}.${side}`]))]);
    const measured = await open({ tasks: Object.fromEntries(names), probes: {} }).measure();
    expect(Object.keys(measured.probes)).toHaveLength(10);
    expect(new Set(server.asked.map(({ input }) => `${input.length} ${input[0]} ${input.at(-1)}`))).toEqual(
      new Set([`5 ${PROBES.first} ${PROBES.last}`]),
    );
    await expect(open({ probes }).embed(TEXTS, 'qa', 'passage')).resolves.toHaveLength(TEXTS.length);
  });

  test('that gives all texts the same embedding is none', async () => {
    server.tricks = [
      (_, items) => {
        for (const item of items) item.embedding = items[0]!.embedding;
        return false;
      },
    ];
    await expect(open().measure()).rejects.toThrow(/gives different texts the same embedding.*pooling/);
  });

  test('that wants to be left alone for long is, by every call', async () => {
    server.tricks = [
      (response) => {
        response.writeHead(503, { 'retry-after': new Date(Date.now() + 900_000).toUTCString() }).end();
        return true;
      },
    ];
    const remote = open();
    for (const side of ['passage', 'query'] as const)
      await expect(remote.embed(['x'], 'nl2code', side)).rejects.toThrow(/it wants no request for another \d{3} s/);
    expect(server.authorizations).toHaveLength(1);
  });

  test('waits as long as the server asks for', async () => {
    server.tricks = [
      (response) => {
        response.writeHead(429, { 'retry-after': '1' }).end();
        return true;
      },
    ];
    const startedMs = performance.now();
    await open().embed(['x'], 'nl2code', 'query');
    expect(performance.now() - startedMs).toBeGreaterThan(990);
  });

  test('that does not recover is given up, and the message says where to look', async () => {
    server.tricks = Array.from({ length: 9 }, () => TRICKS.failing);
    await expect(open().embed(['x'], 'nl2code', 'query')).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(/tiny at 127\.0\.0\.1:\d+ can't be asked: it answers 500\. Tried 6 times/),
    });
    expect(server.authorizations).toHaveLength(6);
  });

  test('that nobody runs is given up after a second attempt', async () => {
    const manifest = server.manifest({ url: 'http://127.0.0.1:9/v1', host: '127.0.0.1:9' });
    await expect(openRemote(manifest, 32, QUICK).embed(['x'], 'nl2code', 'query')).rejects.toThrow(
      /tiny at 127\.0\.0\.1:9 can't be asked: .*ECONNREFUSED.* Tried 2 times/,
    );
  });

  test('of another size is refused at once', async () => {
    await expect(open({ dimensions: 31, matryoshka: [31] }).embed(['x'], 'nl2code', 'query')).rejects.toThrow(
      /gives embeddings of 32 dimensions, and its model\.json says 31/,
    );
    expect(server.asked).toHaveLength(1);
  });

  test('that sends elsewhere is not followed', async () => {
    const other = await EmbeddingServer.start();
    server.tricks = [
      (response) => {
        response.writeHead(307, { location: `${other.url}/embeddings` }).end();
        return true;
      },
    ];
    await expect(open().embed(['x'], 'nl2code', 'query')).rejects.toThrow(/answers 307 .*not followed/);
    expect(other.authorizations).toEqual([]);
    await other.stop();
  });

  test('that makes no embeddings with the model is not asked again', async () => {
    server.tricks = [
      (response) => {
        response.writeHead(501).end('this model does not support embeddings');
        return true;
      },
    ];
    await expect(open().embed(['x'], 'nl2code', 'query')).rejects.toThrow(/answers 501 .*can make no embeddings/);
    expect(server.authorizations).toHaveLength(1);
  });

  test('without TLS is asked past any proxy, which would read along', async () => {
    const before = process.env.HTTP_PROXY;
    process.env.HTTP_PROXY = 'http://127.0.0.1:9';
    try {
      await open().embed(['x'], 'nl2code', 'query');
      expect(server.asked).toHaveLength(1);
    } finally {
      if (before === undefined) delete process.env.HTTP_PROXY;
      else process.env.HTTP_PROXY = before;
    }
  });

  test('is asked nothing where another model was expected in the folder', async () => {
    const expected = { id: 'another-32-0123456789abcdef', dimensions: 32 };
    const apart = openApart(expected, { model: folderOf(server.manifest()) }, 'error');
    await expect(apart.embed(['x'], 'nl2code', 'passage')).rejects.toMatchObject({ code: 'model_failed' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(server.authorizations).toEqual([]);
    await apart.close();
  });

  test('is left alone when it is closed in mid-request', async () => {
    server.tricks = [TRICKS.silent];
    const remote = open({}, { silenceMs: 60_000 });
    const asking = remote.embed(['x'], 'nl2code', 'query');
    while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    remote.close();
    await expect(asking).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('has another identity at another address, with another model, known by another probe, other prefixes or another size', async () => {
    const manifests = [
      server.manifest({ matryoshka: [16, 32] }),
      server.manifest({ matryoshka: [16, 32], url: `http://${server.host}/other/v1` }),
      server.manifest({ matryoshka: [16, 32], model: 'small' }),
      server.manifest({ matryoshka: [16, 32], prefixes: JINA_PREFIXES }),
      server.manifest({ matryoshka: [16, 32], probes: { '': { first: [1, 2], last: [2, 1], cosineMin: 0.9 } } }),
    ];
    const traits = await Promise.all(manifests.map((manifest) => describeModel({ model: folderOf(manifest) })));
    const cut = await describeModel({ model: folderOf(manifests[0]!), dimensions: 16 });
    expect(new Set([...traits, cut].map(({ id }) => id)).size).toBe(6);
    expect(traits[0]).toMatchObject({ isSlow: true, host: server.host, hasLanes: false });
    expect(traits[3]!.hasLanes).toBe(true);
  });
});

describe('an address that texts may be sent to', () => {
  test.each([
    ['https://api.example.com/v1', 'api.example.com', 'https://api.example.com/v1/embeddings'],
    ['http://localhost:8080/v1/', 'localhost:8080', 'http://localhost:8080/v1/embeddings'],
    ['http://192.168.1.7:8080/v1', '192.168.1.7:8080', 'http://192.168.1.7:8080/v1/embeddings'],
    ['http://[::1]:8080/v1', '[::1]:8080', 'http://[::1]:8080/v1/embeddings'],
    ['http://tei:8080/v1', 'tei:8080', 'http://tei:8080/v1/embeddings'],
  ])('is %s', (url, host, address) => {
    expect(addressOf({ url, host }).href).toBe(address);
  });

  test.each([
    ['http://api.example.com/v1', 'api.example.com', /not on this machine or a private network/],
    ['https://me:secret@api.example.com/v1', 'api.example.com', /holds a name or a password/],
    ['https://api.example.com/v1?key=1', 'api.example.com', /has a \?/],
    ['ftp://api.example.com/v1', 'api.example.com', /neither https/],
    ['https://evil.example.com/v1', 'api.example.com', /consent was given to api\.example\.com/],
    ['https://api.example.com:444/v1', 'api.example.com', /is on api\.example\.com:444/],
    ['http://10.evil.example.com/v1', '10.evil.example.com', /not on this machine/],
    ['no address', 'no', /not a URL/],
  ])('is not %s', (url, host, why) => {
    expect(() => addressOf({ url, host })).toThrow(why);
  });
});
