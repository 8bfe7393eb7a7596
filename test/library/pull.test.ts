/** Whole models: from the hub onto the shelf, through a proxy, by hand, and off it again. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { DowserError } from '../../src/errors.ts';
import { hashBytes } from '../../src/hash.ts';
import { type AddOptions, add } from '../../src/library/add.ts';
import { manifestOf, readOffers } from '../../src/library/offers.ts';
import { type Pulled, type PullOptions, pull } from '../../src/library/pull.ts';
import { chooseModel, chosenModel, locateModel, shelfIn, surveyShelf, unshelve } from '../../src/library/shelf.ts';
import { verifyModel } from '../../src/library/verify.ts';
import { makeFolder } from '../source/tree.ts';
import { COMMIT, Hub, offerOf } from './hub.ts';

const ENCODER = fileURLToPath(new URL('../fixtures/models/encoder/', import.meta.url));
const FILES = {
  'maker/model/onnx/model.onnx': readFileSync(join(ENCODER, 'model.onnx')),
  'maker/model/tokenizer.json': readFileSync(join(ENCODER, 'tokenizer.json')),
};
const OFFER = offerOf('mine', FILES);

let hub: Hub;
let cacheDir: string;
let shelf: string;
beforeEach(async () => {
  hub = await Hub.start(FILES);
  cacheDir = join(makeFolder(), 'cache');
  shelf = shelfIn(cacheDir);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
});

const pullMine = (changes: Partial<PullOptions> = {}, offer = OFFER): Promise<Pulled> =>
  pull(offer, { shelf, mirror: hub.base, acceptsLicence: false, pauseMs: 1, ...changes });

async function refusal(work: Promise<unknown>): Promise<DowserError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DowserError);
  return error as DowserError;
}

/** What is on the shelf in plain sight. */
const inSight = (): string[] => (existsSync(shelf) ? readdirSync(shelf).filter((name) => !name.startsWith('.')) : []);

describe('a model of the catalog', () => {
  test('is fetched whole, works, and lies where only its user can read it', async () => {
    const { path, how, source } = await pullMine();
    expect({ path, how }).toEqual({ path: join(shelf, 'mine'), how: 'fetched' });
    expect(source).toEqual({
      repository: 'maker/model',
      revision: COMMIT,
      checked: { 'model.onnx': 'hub', 'tokenizer.json': 'hub' },
    });
    expect(readdirSync(path).sort()).toEqual(['model.json', 'model.onnx', 'tokenizer.json']);
    expect(inSight()).toEqual(['mine']);
    expect(readdirSync(shelf).filter((name) => name.includes('.part'))).toEqual([]);
    expect(await verifyModel(locateModel('mine', cacheDir))).toMatchObject({ files: 2, dimensions: 32 });
    const [ours, original] = await Promise.all([path, ENCODER].map((model) => openEmbedder({ model })));
    const embeddings = await Promise.all([ours!, original!].map((model) => model.embed(['a + b'], 'qa', 'query')));
    expect(embeddings[0]).toEqual(embeddings[1]);
    if (process.platform !== 'win32') {
      const modes = [shelf, path, join(path, 'model.onnx')].map((place) => statSync(place).mode & 0o777);
      expect(modes).toEqual([0o700, 0o700, 0o600]);
    }
  });

  test('is of one commit: what the first file says, the others are asked for', async () => {
    const asked: string[] = [];
    hub.trick = (request) => {
      asked.push(request.url!);
      return false;
    };
    await pullMine();
    expect(asked).toEqual([
      '/maker/model/resolve/main/onnx/model.onnx',
      `/maker/model/resolve/${COMMIT}/tokenizer.json`,
    ]);
  });

  test('that is there is not fetched again', async () => {
    await pullMine();
    const { sentBytes } = hub;
    expect(await pullMine()).toMatchObject({ how: 'there', path: join(shelf, 'mine') });
    expect(hub.sentBytes).toBe(sentBytes);
  });

  test('is fetched once for eight that ask together', async () => {
    hub.habits = { ...hub.habits, bytesPerMs: 1_000 };
    let waited = 0;
    const all = await Promise.all(Array.from({ length: 8 }, () => pullMine({ onWait: () => waited++ })));
    expect(all.map(({ how }) => how).sort()).toEqual(['fetched', ...Array(7).fill('there')]);
    expect(waited).toBe(7);
    expect(hub.sentBytes).toBe(OFFER.bytes);
  });

  test('whose licence asks for a yes is fetched after that only, and keeps its notice', async () => {
    const notice = 'Not for commercial use.';
    const offer = { ...OFFER, notice };
    const error = await refusal(pullMine({}, offer));
    expect(error.code).toBe('not_accepted');
    expect(error.message).toMatch(/Not for commercial use\..*--accept-licence/);
    expect(hub.requests).toEqual([]);
    await pullMine({ acceptsLicence: true }, offer);
    expect(surveyShelf(shelf)[0]!.manifest).toMatchObject({ notice });
  });

  test('of which a file is missing on the hub leaves nothing in sight, and says how to bring it by hand', async () => {
    hub.files.delete('maker/model/tokenizer.json');
    const error = await refusal(pullMine());
    expect(error.code).toBe('fetch_failed');
    expect(error.message).toMatch(
      /answers 404.*https:\/\/huggingface\.co\/maker\/model\/resolve\/main\/onnx\/model\.onnx/,
    );
    expect(error.message).toMatch(/dowser models add FOLDER --as mine$/);
    expect(inSight()).toEqual([]);
    hub.files.set('maker/model/tokenizer.json', FILES['maker/model/tokenizer.json']);
    const { sentBytes } = hub;
    await pullMine();
    expect(hub.sentBytes - sentBytes).toBe(FILES['maker/model/tokenizer.json'].length);
  });

  test('that was stopped leaves nothing in sight, and goes on', async () => {
    const stopping = new AbortController();
    hub.habits = { ...hub.habits, bytesPerMs: 1_000 };
    const onProgress = ({ done }: { done: number }): void => {
      if (done > 50_000) stopping.abort();
    };
    expect((await refusal(pullMine({ signal: stopping.signal, onProgress }))).code).toBe('cancelled');
    expect(inSight()).toEqual([]);
    await pullMine();
    expect(hub.requests.some(({ status }) => status === 206)).toBe(true);
    expect((await verifyModel(join(shelf, 'mine'))).files).toBe(2);
  });

  test('that the disk has no room for is not begun', async () => {
    const error = await refusal(pullMine({}, { ...OFFER, bytes: 1e15 }));
    expect(error.code).toBe('disk_failed');
    expect(error.message).toMatch(/room for \d+ MB, and 1000000000 MB are to come/);
    expect(hub.requests).toEqual([]);
  });

  test('is not asked for where the mirror is no address', async () => {
    expect((await refusal(pullMine({ mirror: 'mirror.example' }))).message).toMatch(
      /DOWSER_MODEL_MIRROR is an address/,
    );
  });
});

describe('a proxy', () => {
  /** A proxy that hands on what is asked by whole address, and refuses tunnels. */
  async function startProxy(): Promise<{ address: string; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const onward = sendRequest(request.url!, { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      });
      onward.end();
    });
    server.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  test.each(['HTTP_PROXY', 'http_proxy'])('that %s names carries everything', async (variable) => {
    const { address, asked } = await startProxy();
    vi.stubEnv(variable, address);
    await pullMine();
    expect(asked.map((line) => line.replace(/:\d+/, ''))).toEqual([
      'GET http://127.0.0.1/maker/model/resolve/main/onnx/model.onnx',
      `GET http://127.0.0.1/maker/model/resolve/${COMMIT}/tokenizer.json`,
    ]);
    expect((await verifyModel(join(shelf, 'mine'))).files).toBe(2);
  });

  test('is passed by for hosts that NO_PROXY names', async () => {
    const { address, asked } = await startProxy();
    vi.stubEnv('HTTP_PROXY', address);
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await pullMine();
    expect(asked).toEqual([]);
  });

  test('is asked for a tunnel where the address is of TLS; what it refuses is not fetched past it', async () => {
    const { address, asked } = await startProxy();
    vi.stubEnv('HTTPS_PROXY', address);
    const error = await refusal(pullMine({ mirror: 'https://hub.invalid' }));
    expect(error.code).toBe('fetch_failed');
    expect(new Set(asked)).toEqual(new Set(['CONNECT hub.invalid:443']));
  });
});

describe('a model that was brought by hand', () => {
  const addFrom = (folder: string, changes: Partial<AddOptions> = {}): Promise<{ name: string; path: string }> =>
    add(folder, { shelf, offers: [OFFER], description: {}, acceptsLicence: false, ...changes });

  /** Files as on the hub, below a new folder. */
  function copied(files: Readonly<Record<string, string | Buffer>>): string {
    const folder = makeFolder();
    for (const [path, bytes] of Object.entries(files)) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    return folder;
  }
  const model = FILES['maker/model/onnx/model.onnx'];
  const tokenizer = FILES['maker/model/tokenizer.json'];

  test('with a model.json is taken as that says', async () => {
    const { name, path } = await addFrom(ENCODER);
    expect(name).toBe('encoder');
    expect(readdirSync(path).sort()).toEqual(['model.json', 'model.onnx', 'tokenizer.json']);
    expect((await verifyModel(path)).dimensions).toBe(32);
    expect((await refusal(addFrom(ENCODER))).message).toMatch(/already.*dowser models remove encoder/);
  });

  test.each([
    ['laid out as on the hub', { 'onnx/model.onnx': model, 'tokenizer.json': tokenizer }],
    ['all in one folder', { 'model.onnx': model, 'tokenizer.json': tokenizer }],
  ])('for a name of the catalog is the same as fetched: %s', async (_, files) => {
    const { path } = await addFrom(copied(files), { as: 'mine' });
    const byHand = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
    await unshelve(shelf, 'mine');
    const fetched = JSON.parse(readFileSync(join((await pullMine()).path, 'model.json'), 'utf8'));
    expect({ ...byHand, source: undefined }).toEqual({ ...fetched, source: undefined });
  });

  test('that is not what the catalog knows is refused', async () => {
    const files = OFFER.files.map((file) => ({ ...file, sha256: hashBytes(file.name) }));
    const folder = copied({ 'model.onnx': model, 'tokenizer.json': tokenizer });
    const error = await refusal(addFrom(folder, { as: 'mine', offers: [{ ...OFFER, files }] }));
    expect(error.code).toBe('model_damaged');
    expect(readdirSync(shelf).filter((name) => name !== '.locks')).toEqual([]);
  });

  test('of no catalog is described by its user, and its weights beside model.onnx are taken', async () => {
    const from = fileURLToPath(new URL('../fixtures/models/decoder-past/', import.meta.url));
    const folder = copied({ 'onnx/model_q4.onnx_data': 'of another precision' });
    for (const name of ['model.onnx', 'model.onnx_data']) cpSync(join(from, name), join(folder, 'onnx', name));
    cpSync(join(from, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const description = {
      pooling: 'last',
      dimensions: 32,
      padding: 'left',
      queryPrefix: 'Q: ',
      licence: 'MIT',
    } as const;
    const { path } = await addFrom(folder, { as: 'own', description });
    expect(readdirSync(path).sort()).toEqual(['model.json', 'model.onnx', 'model.onnx_data', 'tokenizer.json']);
    expect(surveyShelf(shelf)[0]!.manifest).toMatchObject({
      ...{ name: 'own', pooling: 'last', padding: 'left', licence: 'MIT', maxTokens: 512 },
      prefixes: { qa: { query: 'Q: ', passage: '' } },
    });
    expect((await verifyModel(path)).dimensions).toBe(32);
  });

  test.each<[string, Partial<AddOptions>, RegExp]>([
    ['nobody says what it is', {}, /has no model\.json.*--as NAME.*mine/],
    ['only its name is said', { as: 'own' }, /--pooling and --dimensions/],
    [
      'its name leads elsewhere',
      { as: '../own', description: { pooling: 'mean', dimensions: 32 } },
      /no name for a model/,
    ],
    ['its name is taken', { as: 'dowser-static-v1', description: { pooling: 'mean', dimensions: 32 } }, /dowser's own/],
  ])('is refused where %s', async (_, options, message) => {
    const folder = copied({ 'model.onnx': model, 'tokenizer.json': tokenizer });
    const error = await refusal(addFrom(folder, options));
    expect(error.code).toBe('bad_argument');
    expect(error.message).toMatch(message);
  });

  test('without its tokenizer is refused', async () => {
    expect((await refusal(addFrom(copied({ 'model.onnx': model }), { as: 'mine' }))).message).toMatch(
      /has no tokenizer\.json/,
    );
  });

  test('needs the same yes as one that is fetched', async () => {
    const offers = [{ ...OFFER, notice: 'Not for commercial use.' }];
    const folder = copied({ 'model.onnx': model, 'tokenizer.json': tokenizer });
    expect((await refusal(addFrom(folder, { as: 'mine', offers }))).code).toBe('not_accepted');
    await addFrom(folder, { as: 'mine', offers, acceptsLicence: true });
  });
});

describe('the shelf', () => {
  test('finds bundled names, its own and paths, and says how to get others', async () => {
    await pullMine();
    expect(locateModel('dowser-static-v1', cacheDir)).toBe('dowser-static-v1');
    expect(locateModel('mine', cacheDir)).toBe(join(shelf, 'mine'));
    expect(locateModel('/models/x', cacheDir)).toBe('/models/x');
    expect(locateModel('./x', cacheDir)).toBe('./x');
    const error = await refusal((async () => locateModel('absent', cacheDir))());
    expect(error.code).toBe('model_missing');
    expect(error.message).toMatch(/dowser models pull absent/);
  });

  test('remembers the choice, of what there is only', async () => {
    expect(chosenModel(cacheDir)).toBeUndefined();
    expect(() => chooseModel('mine', cacheDir)).toThrow(/no model "mine" here/);
    expect(() => chooseModel('../mine', cacheDir)).toThrow(/no name of a model/);
    await pullMine();
    for (const name of ['mine', 'none']) {
      chooseModel(name, cacheDir);
      expect(chosenModel(cacheDir)).toBe(name);
    }
    chooseModel('dowser-static-v1', cacheDir);
    expect(chosenModel(cacheDir)).toBeUndefined();
  });

  test('shows a model whose manifest is damaged as that, and verifying finds what changed', async () => {
    const { path } = await pullMine();
    const bytes = readFileSync(join(path, 'model.onnx'));
    bytes[1_000]! ^= 1;
    writeFileSync(join(path, 'model.onnx'), bytes);
    expect((await refusal(verifyModel(path))).code).toBe('model_damaged');
    writeFileSync(join(path, 'model.json'), '{');
    expect(surveyShelf(shelf)).toMatchObject([{ name: 'mine', manifest: undefined, problem: expect.any(String) }]);
    expect((await refusal(verifyModel(path))).code).toBe('model_damaged');
  });

  test('lets go of a model, and of what is left of a download', async () => {
    await pullMine();
    mkdirSync(join(shelf, '.mine.part'));
    expect(await unshelve(shelf, 'mine')).toBe(true);
    expect(readdirSync(shelf)).toEqual(['.locks']);
    expect(await unshelve(shelf, 'mine')).toBe(false);
  });
});

describe('the catalog', () => {
  test('gives a valid manifest for each model, and asks for a yes where commerce is excluded', () => {
    const offers = readOffers();
    expect(offers.length).toBeGreaterThanOrEqual(10);
    expect(new Set(offers.map(({ name }) => name)).size).toBe(offers.length);
    for (const offer of offers) {
      expect(offer.files.map(({ name }) => name)).toEqual(expect.arrayContaining(['model.onnx', 'tokenizer.json']));
      expect(offer.notice !== undefined, offer.name).toBe(/-NC-/.test(offer.licence));
      const known = offer.files.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
      expect(known, offer.name).toBeLessThanOrEqual(offer.bytes);
      expect(manifestOf(offer, {}).matryoshka.at(-1)).toBe(offer.dimensions);
    }
    const names = ['jina-code-embeddings-0.5b', 'jina-code-embeddings-1.5b'];
    for (const name of names) expect(offers.find((offer) => offer.name === name)!.notice).toBeDefined();
  });

  test.each<[string, unknown, RegExp]>([
    ['is no JSON', '{', /can't be read/],
    ['has no models', { version: 1 }, /is no catalog \(models/],
    ['has an unknown field', { version: 1, models: [{ ...OFFER, sizes: [] }] }, /"mine": .*sizes/],
    [
      'has a path that leads away',
      {
        version: 1,
        models: [
          {
            ...OFFER,
            files: [
              { name: 'a', path: '../a' },
              { name: 'b', path: 'b' },
            ],
          },
        ],
      },
      /"mine": files\.0\.path/,
    ],
    [
      'lacks the tokenizer',
      {
        version: 1,
        models: [
          {
            ...OFFER,
            files: [
              { name: 'model.onnx', path: 'a' },
              { name: 'b', path: 'b' },
            ],
          },
        ],
      },
      /"mine": files\.tokenizer\.json/,
    ],
    ['has sizes that are none', { version: 1, models: [{ ...OFFER, matryoshka: [64, 32] }] }, /"mine": matryoshka/],
    [
      'has a file name that is a path',
      { version: 1, models: [{ ...OFFER, files: [...OFFER.files, { name: '../x', path: 'x' }] }] },
      /"mine": files/,
    ],
  ])('that %s is refused by entry and field', (_, json, message) => {
    const file = join(makeFolder(), 'catalog.json');
    writeFileSync(file, typeof json === 'string' ? json : JSON.stringify(json));
    expect(() => readOffers(file)).toThrow(message);
    rmSync(file);
    expect(() => readOffers(file)).toThrow(/can't be read/);
  });
});
