/** A model on a server: what is sent, what is believed, what is tried again, and what is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { type RemoteManifest, readManifest } from '../../src/embed/manifest.ts';
import { openRemote, PROBE_TEXT, probeServer } from '../../src/embed/remote.ts';
import { PATIENCE, type Patience } from '../../src/embed/server.ts';
import { JINA_PREFIXES, TASKS } from '../../src/embed/tasks.ts';
import { setLogLevel } from '../../src/log.ts';
import type { Embedder } from '../../src/types.ts';
import { expectClose, testEmbedder } from '../contracts/embedder.ts';
import { makeFolder } from '../source/tree.ts';
import { EmbeddingServer, type Fault } from './embeddingServer.ts';
import { DIMENSIONS, writeTinyModel } from './tinyModel.ts';

setLogLevel('error');

/** What tests can wait for. */
const SHORT: Patience = { ...PATIENCE, requestMs: 400, callMs: 3_000, backoffMs: 5 };
const NONE = Object.fromEntries(TASKS.map((task) => [task, { query: '', passage: '' }])) as RemoteManifest['prefixes'];
const TASK_NAMES = Object.fromEntries(
  TASKS.map((task) => [task, { query: `${task}.query`, passage: `${task}.passage` }]),
) as RemoteManifest['prefixes'];
const TEXTS = ['export function readLease()', 'def open_file(path):', 'close every cache', 'merge two sorted lists'];

let local: Embedder;
let server: EmbeddingServer;
beforeAll(async () => {
  local = await openEmbedder({ model: writeTinyModel(makeFolder()) });
  server = await EmbeddingServer.start(local);
});
afterAll(async () => {
  await server.stop();
  await local.close();
});
beforeEach(() => {
  server.requests.length = 0;
  server.mostAtOnce = 0;
  server.fault = () => undefined;
  server.retryAfter = undefined;
  server.limits = { texts: Infinity, chars: Infinity, status: 413 };
  server.key = undefined;
  server.tasks = {};
});

async function manifestOf(changes: Partial<RemoteManifest> = {}): Promise<RemoteManifest> {
  const manifest: RemoteManifest = {
    ...{ name: 'far', kind: 'remote', version: 1, dimensions: DIMENSIONS, matryoshka: [64, DIMENSIONS] },
    ...{ maxTokens: 512, prefixes: NONE, sides: {}, licence: 'MIT', url: server.url, host: server.host },
    ...{ plainHttp: false, model: 'tiny', sendsDimensions: false, keyVariable: 'DOWSER_REMOTE_KEY', probes: {} },
    ...changes,
  };
  const { probes } = await probeServer(manifest, { patience: SHORT });
  server.requests.length = 0;
  return readManifest({ ...manifest, probes, ...changes }) as RemoteManifest;
}

type Settings = { dimensions?: number; patience?: Partial<Patience>; environment?: NodeJS.ProcessEnv };

async function opened(changes: Partial<RemoteManifest> = {}, settings: Settings = {}) {
  const { dimensions = DIMENSIONS, environment = {} } = settings;
  const patience = { ...SHORT, ...settings.patience };
  const embedder = openRemote(await manifestOf(changes), dimensions, { environment, patience });
  onTestFinished(() => embedder.close());
  return embedder;
}

/** These faults, one a request; then none. */
function faults(...row: Fault[]): void {
  const left = [...row];
  server.fault = () => left.shift();
}

const embed = (embedder: Embedder, texts: readonly string[] = TEXTS) => embedder.embed(texts, 'nl2code', 'passage');

testEmbedder('a model on a server', () => opened(), { sidesDiffer: false });
testEmbedder('a model on a server with prefixes', () => opened({ prefixes: JINA_PREFIXES }), {
  sidesDiffer: true,
  knowsAll: true,
});

describe('what is sent', () => {
  test('is model and texts with the probe, to one address, and nothing that tells who asks', async () => {
    const embedder = await opened();
    const embeddings = await embed(embedder);
    for (const [at, one] of (await embed(local)).entries()) expectClose(embeddings[at]!, one);
    const [{ path, headers, body }] = server.requests as [(typeof server.requests)[number]];
    expect(server.requests).toHaveLength(1);
    expect(path).toBe('/v1/embeddings');
    expect(body).toEqual({ model: 'tiny', input: [...TEXTS, PROBE_TEXT] });
    expect(Object.keys(headers).sort()).toEqual(
      ['accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'host', 'user-agent'].sort(),
    );
    expect(headers['user-agent']).toBe('dowser');
  });

  test('has the prefix of task and side before each text', async () => {
    const embedder = await opened({ prefixes: JINA_PREFIXES });
    await embedder.embed(['a'], 'code2completion', 'query');
    expect(server.requests[0]!.body.input).toEqual([`${JINA_PREFIXES.code2completion.query}a`, PROBE_TEXT]);
  });

  test("has the server's name of the task where it puts prefixes itself", async () => {
    server.tasks = { 'nl2code.query': 'return ', 'nl2code.passage': 'function ' };
    const embedder = await opened({ tasks: TASK_NAMES });
    expect(embedder.id).not.toBe((await opened()).id);
    const [query] = await embedder.embed(['cache'], 'nl2code', 'query');
    expect(server.requests.map(({ body }) => [body.task, body.input])).toEqual([
      ['nl2code.query', ['cache', PROBE_TEXT]],
    ]);
    expectClose(query!, (await embed(local, ['return cache']))[0]!);
  });

  test('has the size of the embeddings where it is asked for, and smaller ones are cut here', async () => {
    const embedder = await opened({ sendsDimensions: true, dimensions: 64, matryoshka: [16, 64] }, { dimensions: 16 });
    const [embedding] = await embed(embedder, ['cache']);
    expect(server.requests[0]!.body).toMatchObject({ dimensions: 64 });
    expect(embedding).toHaveLength(16);
    expect(Math.hypot(...embedding!)).toBeCloseTo(1, 5);
    const [whole] = await embed(local, ['cache']);
    const length = Math.hypot(...whole!.subarray(0, 16));
    expectClose(
      embedding!,
      whole!.slice(0, 16).map((value) => value / length),
    );
  });

  test('comes in batches by count and by characters, few at once, a text of nothing in none', async () => {
    const embedder = await opened({ maxTokens: 8_192 });
    const many = Array.from({ length: 400 }, (_, at) => `cache ${at}`);
    expect(await embed(embedder, many)).toHaveLength(400);
    expect(Math.max(...server.requests.map(({ body }) => body.input.length))).toBe(32);
    expect(server.requests).toHaveLength(Math.ceil(400 / 31));
    expect(server.mostAtOnce).toBeLessThanOrEqual(4);
    server.requests.length = 0;
    await embed(embedder, ['x '.repeat(30_000), '  \n', 'y '.repeat(30_000), 'z '.repeat(30_000)]);
    expect(server.requests).toHaveLength(3);
    for (const { body } of server.requests) expect(body.input.join('').length).toBeLessThan(33_000);
  });

  test('is well-formed, whatever stands in a file', async () => {
    const embedder = await opened();
    await embed(embedder, ['half \ud83d a character', 'a whole 😀 one']);
    expect(server.requests[0]!.body.input.slice(0, 2)).toEqual(['half \ufffd a character', 'a whole 😀 one']);
  });
});

describe('the key', () => {
  test('comes from the environment, by the name that the manifest has for it', async () => {
    server.key = 'sesame';
    const probing = { url: server.url, host: server.host, name: 'far', model: 'tiny', dimensions: undefined };
    const asked = { ...probing, sendsDimensions: false, keyVariable: 'MY_KEY' };
    const { dimensions } = await probeServer(asked, { environment: { MY_KEY: ' sesame\n' }, patience: SHORT });
    expect(dimensions).toBe(DIMENSIONS);
  });

  test('is in no error, though the server says it aloud', async () => {
    const embedder = await opened({}, { environment: { DOWSER_REMOTE_KEY: 'wrong-key' } });
    server.key = 'sesame';
    await expect(embed(embedder)).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(/does not take the key \(401\)\. Set DOWSER_REMOTE_KEY/),
    });
    expect(server.requests).toHaveLength(1);
    server.key = undefined;
    server.fault = () => 500;
    const failure = await embed(embedder).catch((error: Error) => error.message);
    expect(failure).toMatch(/500/);
    expect(failure).not.toMatch(/wrong-key/);
  });

  test('is asked for when the server wants one, and refused when it can be none', async () => {
    const embedder = await opened();
    server.key = 'sesame';
    await expect(embed(embedder)).rejects.toThrow(/wants a key \(401\)/);
    server.key = undefined;
    await expect(opened({}, { environment: { DOWSER_REMOTE_KEY: 'two words' } })).rejects.toMatchObject({
      code: 'bad_argument',
      message: expect.not.stringMatching(/two words/),
    });
  });
});

describe('what passes by itself is tried again', () => {
  test.each<Fault>([408, 429, 500, 502, 503, 'reset', 'cut'])('%s', async (fault) => {
    const embedder = await opened();
    faults(fault, fault);
    const embeddings = await embed(embedder);
    expect(server.requests).toHaveLength(3);
    for (const [at, one] of (await embed(local)).entries()) expectClose(embeddings[at]!, one);
  });

  test.each<Fault>(['silent', 'drip'])('%s, when its time is over', async (fault) => {
    const embedder = await opened({}, { patience: { requestMs: 100 } });
    faults(fault);
    expect(await embed(embedder)).toHaveLength(TEXTS.length);
    expect(server.requests).toHaveLength(2);
  });

  test('but not for ever, and a question less often than a passage', async () => {
    const embedder = await opened();
    server.fault = () => 503;
    await expect(embed(embedder)).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(/answered 503: not now, 5 times\. See that/),
    });
    expect(server.requests).toHaveLength(5);
    await expect(embedder.embed(['x'], 'nl2code', 'query')).rejects.toThrow(/2 times/);
    expect(server.requests).toHaveLength(7);
  });

  test('and never beyond the time of the whole call', async () => {
    const embedder = await opened({}, { patience: { callMs: 300, backoffMs: 200 } });
    server.fault = () => 'silent';
    const startedMs = performance.now();
    await expect(embed(embedder)).rejects.toMatchObject({ code: 'model_failed' });
    expect(performance.now() - startedMs).toBeLessThan(1_500);
  });

  test('after the time that the server names, in seconds', async () => {
    const embedder = await opened();
    server.retryAfter = '1';
    faults(429);
    const startedMs = performance.now();
    const both = [embed(embedder), new Promise((resolve) => setTimeout(resolve, 100)).then(() => embed(embedder))];
    expect(await Promise.all(both)).toHaveLength(2);
    expect(performance.now() - startedMs).toBeGreaterThan(950);
    expect(server.requests).toHaveLength(3);
  });

  test('and is not asked at all while it wants to rest for longer than anybody waits', async () => {
    const embedder = await opened();
    server.retryAfter = new Date(Date.now() + 60_000).toUTCString();
    faults(503);
    await expect(embed(embedder)).rejects.toThrow(/wants no request for another \d\d s/);
    await expect(embed(embedder)).rejects.toThrow(/wants no request for another \d\d s/);
    expect(server.requests).toHaveLength(1);
  });
});

describe('what is not whole is not believed', () => {
  test.each<[Fault, RegExp]>([
    ['html', /not JSON/],
    ['empty', /not JSON/],
    ['no rows', /without a list/],
    ['half', /2 embeddings for 5 texts/],
    ['surplus', /6 embeddings for 5 texts/],
    ['doubled', /two embeddings of text 0/],
    ['no index', /does not say of which text/],
    ['strings', /no list of numbers/],
    ['null', /no list of numbers/],
    ['huge number', /out of range/],
    ['narrow', /255 dimensions, not 256/],
    ['wide', /257 dimensions, not 256/],
    ['shifted', /another model than the one that was added, or mixes up its rows/],
    ['other model', /dowser models remove far/],
    ['endless', /more than \d+ bytes/],
    ['redirect', /sends elsewhere \(307\)\. Redirects are not followed/],
  ])('%s', async (fault, message) => {
    const embedder = await opened();
    faults(fault);
    await expect(embed(embedder)).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringMatching(message),
    });
    expect(server.requests).toHaveLength(1);
    expect(await embed(embedder)).toHaveLength(TEXTS.length);
  });

  test('while rows in another order, each with its index, are as good', async () => {
    const embedder = await opened();
    faults('shuffled');
    for (const [at, one] of (await embed(embedder)).entries()) expectClose(one, (await embed(local))[at]!);
  });
});

describe('what the server does not take', () => {
  test.each([400, 413, 422, 500])('at once comes in parts, at %i', async (status) => {
    const embedder = await opened();
    server.limits = { texts: 4, chars: Infinity, status };
    const many = Array.from({ length: 20 }, (_, at) => `cache ${at}`);
    const embeddings = await embed(embedder, many);
    for (const [at, one] of (await embed(local, many)).entries()) expectClose(embeddings[at]!, one);
  });

  test('for its length comes shorter', async () => {
    const embedder = await opened();
    server.limits = { texts: Infinity, chars: 700, status: 400 };
    const long = 'cache lock '.repeat(150);
    const [first, second] = await embed(embedder, ['lock', long]);
    expectClose(first!, (await embed(local, ['lock']))[0]!);
    expectClose(second!, (await embed(local, [long.slice(0, long.length >> 2)]))[0]!);
  });

  test('in any length is known by words alone, and keeps no other text from being read', async () => {
    const embedder = await opened();
    server.fault = ({ body }) => (body.input.some((text) => text.includes('thread')) ? (413 as Fault) : undefined);
    const [first, second] = await embed(embedder, ['lock', 'thread '.repeat(100)]);
    expectClose(first!, (await embed(local, ['lock']))[0]!);
    expect(second!.every((value) => value === 0)).toBe(true);
  });

  test('whatever it is, is an error that says what the server says, after two requests', async () => {
    const embedder = await opened();
    server.limits = { texts: 0, chars: 0, status: 400 };
    await expect(embed(embedder)).rejects.toThrow(/refuses every text \(400: input is too large to process\)/);
    expect(server.requests).toHaveLength(2);
  });

  test('because it serves something else is an error that names address and model', async () => {
    const embedder = await opened({ url: `${server.url}/v1`, probes: { '': [1] } }).catch((error: Error) => error);
    expect(String(embedder)).toMatch(/answered 404: nothing is at .*See that it serves embeddings of "tiny" at http:/);
  });
});

describe('close()', () => {
  test('breaks off what is under way, and what waits', async () => {
    const embedder = await opened({}, { patience: { requestMs: 60_000, callMs: 60_000, backoffMs: 60_000 } });
    server.fault = () => 'silent';
    const asking = embed(embedder);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await embedder.close();
    await expect(asking).rejects.toMatchObject({ code: 'cancelled' });
    server.fault = () => undefined;
    const resting = await opened({}, { patience: { backoffMs: 60_000, callMs: 200_000 } });
    server.fault = () => 503;
    const waiting = embed(resting);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await resting.close();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('the id', () => {
  test('differs with whatever changes embeddings, and with nothing else', async () => {
    const manifest = await manifestOf();
    const idOf = (changes: Partial<RemoteManifest>, dimensions = DIMENSIONS) =>
      openRemote({ ...manifest, ...changes }, dimensions).id;
    const ids = [
      idOf({}),
      idOf({}, 64),
      idOf({ url: 'http://127.0.0.1:1/v1', host: '127.0.0.1:1' }),
      idOf({ model: 'other' }),
      idOf({ prefixes: JINA_PREFIXES }),
      idOf({ tasks: TASK_NAMES }),
      idOf({ maxTokens: 100 }),
      idOf({ sendsDimensions: true }),
      idOf({ probes: { '': [1, 2] } }),
    ];
    expect(new Set(ids).size).toBe(ids.length);
    expect(idOf({ licence: 'other', keyVariable: 'OTHER' })).toBe(ids[0]);
  });
});
