/** A model on a server that fails, lies, stalls and sends elsewhere: what is believed is right, and nobody waits for ever. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { type RemoteManifest, readManifest } from '../../src/embed/manifest.ts';
import { similarity } from '../../src/embed/pooling.ts';
import { openRemote, probeServer } from '../../src/embed/remote.ts';
import { PATIENCE, type Patience } from '../../src/embed/server.ts';
import { TASKS } from '../../src/embed/tasks.ts';
import { DowserError } from '../../src/errors.ts';
import { setLogLevel } from '../../src/log.ts';
import type { Embedder, Embedding } from '../../src/types.ts';
import { EmbeddingServer, FAULTS, type Fault } from '../embed/embeddingServer.ts';
import { DIMENSIONS, writeTinyModel } from '../embed/tinyModel.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

export const remote: Row = {
  name: 'a server of embeddings that fails, lies, stalls, refuses, sends elsewhere',
  promise:
    'no wrong or shifted embedding is believed, nobody waits for ever, no other host is asked, what passes is waited for',
  counts: { quick: 400, full: 4_000 },
  run,
};

/** An honest answer takes 5 ms here, with 31 texts 30. */
const SHORT: Patience = { ...PATIENCE, requestMs: 400, callMs: 3_000, backoffMs: 2 };
/** Past its own bound a call hangs; the machine may be loaded. */
const HANG_MS = 8_000;
const CALLS_AT_ONCE = 4;
const CONTROL_TRIALS = 60;
/** Rounding on the way: floats are written with all of their digits. */
const COSINE_MIN = 0.99999;

/** Those after which the same question may be answered rightly. */
const PASSING: readonly Fault[] = [408, 429, 500, 502, 503, 'reset', 'cut', 'silent', 'drip'];
const HARMLESS: readonly Fault[] = ['shuffled'];
const WAITS = [undefined, '0', '0.02', 'soon', '3600', 'Thu, 01 Jan 1970 00:00:00 GMT'];
const WORDS = [
  'lease',
  'parcel',
  'cache',
  'lock',
  'thread',
  'merge',
  'sorted',
  'écluse',
  '\ud83d',
  '信',
  'return x;\n',
];

type Ground = {
  readonly manifest: RemoteManifest;
  readonly server: EmbeddingServer;
  readonly local: Embedder;
  readonly random: Random;
  readonly losses: string[];
  due: number;
  told: number;
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  setLogLevel('error');
  const local = await openEmbedder({ model: writeTinyModel(join(folder(), 'models')) });
  const others = await startElsewhere();
  const losses: string[] = [];
  const random = randomFrom(seed);
  let [due, told, done] = [0, 0, 0];
  // Each with a server of its own: faults are dealt to requests in the order in which they come.
  const worker = async (): Promise<void> => {
    const server = await EmbeddingServer.start(local);
    server.elsewhere = others.url;
    const ground: Ground = { manifest: await manifestFor(server), server, local, random, losses, due: 0, told: 0 };
    while (done < count) {
      progress(++done, count);
      await oneFault(ground, done);
    }
    await server.stop();
    due += ground.due;
    told += ground.told;
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, worker));
  const toOthers = others.requests();
  if (toOthers > 0) losses.push(`another host was asked ${toOthers} times`);
  const control = await runControl(local, others, random);
  await others.stop();
  await local.close();
  return { faults: count, losses, reported: { told, due }, control, notes: [] };
}

async function oneFault(ground: Ground, at: number): Promise<void> {
  const { manifest, server, local, random, losses } = ground;
  const fault = FAULTS[random(FAULTS.length)]!;
  const times = [1, 1, 2, Infinity][random(4)]!;
  server.retryAfter = WAITS[random(WAITS.length)];
  server.limits = { texts: [Infinity, Infinity, 5][random(3)]!, chars: Infinity, status: [400, 413, 422][random(3)]! };
  let left = times;
  server.fault = () => (left-- > 0 ? fault : undefined);
  const texts = Array.from({ length: 1 + random(random(4) === 0 ? 60 : 4) }, () => someText(random));
  const side = random(3) === 0 ? 'query' : 'passage';
  const closesAfterMs = random(8) === 0 ? random(40) : undefined;
  const which = `fault ${at}, ${fault} ${times} times, ${texts.length} texts, ${side}`;
  const embedder = openRemote(manifest, DIMENSIONS, { environment: {}, patience: SHORT });
  if (closesAfterMs !== undefined) setTimeout(() => void embedder.close(), closesAfterMs);
  const outcome = await settled(embedder.embed(texts, 'nl2code', side));
  await embedder.close();
  server.fault = () => undefined;
  if (outcome === 'hangs') losses.push(`${which}: hangs`);
  else if (Array.isArray(outcome)) {
    if (!(await areRight(outcome, texts, local))) losses.push(`${which}: a wrong embedding was believed`);
    if (times === Infinity && !HARMLESS.includes(fault)) ground.due++;
  } else if (!(outcome instanceof DowserError)) losses.push(`${which}: failed with ${String(outcome)}`);
  else if (outcome.code === 'cancelled') {
    if (closesAfterMs === undefined) losses.push(`${which}: cancelled by nobody`);
  } else {
    ground.due++;
    if (outcome.message.includes(manifest.host)) ground.told++;
    const mayGiveUp = times > 1 || !PASSING.includes(fault) || server.retryAfter === '3600';
    if (!mayGiveUp || HARMLESS.includes(fault)) losses.push(`${which}: given up, ${outcome.message}`);
  }
}

async function settled(work: Promise<Embedding[]>): Promise<Embedding[] | 'hangs' | unknown> {
  let timer: NodeJS.Timeout | undefined;
  const hanging = new Promise<'hangs'>((resolve) => {
    timer = setTimeout(() => resolve('hangs'), HANG_MS);
  });
  return Promise.race([work.catch((error: unknown) => error), hanging]).finally(() => clearTimeout(timer));
}

async function areRight(embeddings: readonly Embedding[], texts: readonly string[], local: Embedder): Promise<boolean> {
  const wellFormed = texts.map((text) => text.replace(/\p{Surrogate}/gu, '\ufffd'));
  const own = await local.embed(wellFormed, 'nl2code', 'passage');
  const isRight = (one: Embedding, at: number): boolean => {
    const isNothing = own[at]!.every((value) => value === 0);
    return isNothing ? one.every((value) => value === 0) : similarity(one, own[at]!) >= COSINE_MIN;
  };
  return embeddings.length === texts.length && embeddings.every(isRight);
}

function someText(random: Random): string {
  const words = Array.from({ length: 1 + random(60) }, () => WORDS[random(WORDS.length)]!);
  return words.join(' ');
}

async function manifestFor(server: EmbeddingServer): Promise<RemoteManifest> {
  const none = { query: '', passage: '' };
  const draft = {
    ...{ name: 'far', kind: 'remote', version: 1, dimensions: DIMENSIONS, matryoshka: [DIMENSIONS], maxTokens: 512 },
    ...{ prefixes: Object.fromEntries(TASKS.map((task) => [task, none])), sides: {}, licence: 'MIT' },
    ...{ url: server.url, host: server.host, plainHttp: false, model: 'tiny', sendsDimensions: false },
    keyVariable: 'DOWSER_REMOTE_KEY',
  };
  const { probes } = await probeServer(draft, { environment: {} });
  return readManifest({ ...draft, probes }) as RemoteManifest;
}

/** Where redirects lead: a host that nobody consented to. */
async function startElsewhere() {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    request.resume().on('end', () => response.end('{"data":[]}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/embeddings`,
    requests: () => asked,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

/** The same lies to a client as it is often written: the rows as they come, redirects followed, nothing checked. */
async function runControl(
  local: Embedder,
  others: Awaited<ReturnType<typeof startElsewhere>>,
  random: Random,
): Promise<Outcome['control']> {
  const server = await EmbeddingServer.start(local);
  server.elsewhere = others.url;
  const lies = FAULTS.filter((fault) => !PASSING.includes(fault) && fault !== 'endless');
  let losses = 0;
  for (let at = 0; at < CONTROL_TRIALS; at++) {
    const before = others.requests();
    const texts = [someText(random), someText(random), someText(random)];
    server.fault = () => lies[at % lies.length];
    const body = JSON.stringify({ model: 'tiny', input: texts });
    const headers = { 'content-type': 'application/json' };
    const embeddings = await fetch(`${server.url}/embeddings`, { method: 'POST', headers, body })
      .then((answer) => answer.json() as Promise<{ data: { embedding: number[] }[] }>)
      .then(({ data }) => data.map(({ embedding }) => Float32Array.from(embedding)))
      .catch(() => undefined);
    const isWrong = embeddings !== undefined && !(await areRight(embeddings, texts, local));
    if (isWrong || others.requests() > before) losses++;
  }
  await server.stop();
  return { losses, of: CONTROL_TRIALS, how: 'answers taken as they come' };
}
