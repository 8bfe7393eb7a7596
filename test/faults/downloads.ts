/** A model's files on their way: killed, cut, zeroed, changed on the server, and eight that want the same at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { request as sendRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DowserError } from '../../src/errors.ts';
import { hashBytes } from '../../src/hash.ts';
import { pull } from '../../src/library/pull.ts';
import { Hub, offerOf, someBytes } from '../library/hub.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

export const downloads: Row = {
  name: 'downloads of a model killed, cut, zeroed, changed on the server, eight at once',
  promise: 'no wrong byte on the shelf, each byte sent once for eight, and a download that was killed goes on',
  counts: { quick: 100, full: 1_000 },
  run,
};

const PROGRAM = fileURLToPath(new URL('puller.ts', import.meta.url));
const MODEL = 'maker/model/onnx/model.onnx';
const TOKENIZER = 'maker/model/tokenizer.json';
const MODEL_BYTES = 3_000_000;
const TOKENIZER_BYTES = 200_000;
/** A process is killed when so many bytes have come to it, or fewer: after up to 300 ms at this speed. */
const KILL_BYTES_MAX = 1_200_000;
const SLOW_BYTES_PER_MS = 4_000;
const CONTROL_TRIALS = 8;

/** The first half of the faults are kills, one after the other; then these in turn, and eight processes now and then. */
const OTHERS = ['cut', 'zeroed', 'changed', 'changed in silence', 'ends early', 'lies'] as const;
const EIGHT_EVERY = 25;
type Fault = 'killed' | 'eight at once' | (typeof OTHERS)[number];

type Ground = {
  readonly hub: Hub;
  readonly shelf: string;
  readonly random: Random;
  readonly losses: string[];
  /** Kills, those after which a part was there to go on from, and requests that did. */
  kills: number;
  kept: number;
  resumed: number;
  /** Lies of the server, and those that were called that. */
  due: number;
  told: number;
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const hub = await Hub.start(filesOf(seed));
  const ground: Ground = {
    ...{ hub, shelf: join(folder(), 'models'), random: randomFrom(seed), losses: [] },
    ...{ kills: 0, kept: 0, resumed: 0, due: 0, told: 0 },
  };
  try {
    for (let at = 0; at < count; at++) {
      const other = at % EIGHT_EVERY === EIGHT_EVERY - 1 ? 'eight at once' : OTHERS[at % OTHERS.length]!;
      const fault: Fault = at < count / 2 ? 'killed' : other;
      const before = ground.losses.length;
      await makeFault(ground, fault, seed + at);
      checkShelf(ground, fault);
      for (let loss = before; loss < ground.losses.length; loss++) ground.losses[loss] += ` (${fault}, fault ${at})`;
      progress(at + 1, count);
    }
    if (ground.kept > 0 && ground.resumed === 0) ground.losses.push('no download went on after a kill');
    const control = await runControl(hub, folder(), randomFrom(seed));
    const { kills, kept, resumed, due, told } = ground;
    const notes = [
      `${kills} kills, ${kept} of them with a part on the disk; ${resumed} requests went on in the middle`,
    ];
    return { faults: count, losses: ground.losses, reported: { told, due }, control, notes };
  } finally {
    await hub.stop();
  }
}

function filesOf(seed: number): Record<string, Buffer> {
  return { [MODEL]: someBytes(MODEL_BYTES, seed), [TOKENIZER]: someBytes(TOKENIZER_BYTES, seed + 1) };
}

async function makeFault(ground: Ground, fault: Fault, seed: number): Promise<void> {
  const { hub, random } = ground;
  hub.trick = () => false;
  hub.habits = {
    namesDigests: random(2) === 0,
    redirects: random(2) === 0,
    ranges: true,
    etags: true,
    bytesPerMs: undefined,
  };
  if (fault === 'killed') return killOne(ground);
  if (fault === 'eight at once') return eightAtOnce(ground);
  if (fault === 'lies') return lie(ground);
  rmSync(join(ground.shelf, 'model'), { recursive: true, force: true });
  await stopSomewhere(ground);
  const part = join(ground.shelf, '.model.part', 'model.onnx');
  const length = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
  if (fault === 'cut') truncateSync(part, random(length + 1));
  if (fault === 'zeroed') zeroEnd(part, random);
  if (fault === 'changed' || fault === 'changed in silence') {
    // A version that says nothing of being another one: only its ETag differs.
    if (fault === 'changed in silence') hub.habits = { ...hub.habits, namesDigests: false };
    for (const [path, bytes] of Object.entries(filesOf(seed))) hub.files.set(path, bytes);
  }
  if (fault === 'ends early') {
    let cuts = 0;
    hub.habits = { ...hub.habits, bytesPerMs: 5 * SLOW_BYTES_PER_MS };
    hub.trick = (_request, response) => {
      if (cuts++ < 3) setTimeout(() => response.destroy(), 20 + random(100));
      return false;
    };
  }
  await fetchHere(ground);
  if (!existsSync(join(ground.shelf, 'model'))) ground.losses.push('nothing came in the end');
}

/** A process on its way is killed; where it was done before, the next one begins anew. */
async function killOne(ground: Ground): Promise<void> {
  const { hub, shelf, random } = ground;
  if (existsSync(join(shelf, 'model'))) rmSync(join(shelf, 'model'), { recursive: true });
  // One life of a download: the hub keeps its ways until it is done.
  hub.habits = { namesDigests: true, redirects: false, ranges: true, etags: true, bytesPerMs: SLOW_BYTES_PER_MS };
  const requests = hub.requests.length;
  const limit = hub.sentBytes + random(KILL_BYTES_MAX);
  const child = startPuller(ground);
  const ended = once(child, 'exit');
  const isEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  while (hub.sentBytes <= limit && !isEnded()) await pause(5);
  child.kill('SIGKILL');
  await ended;
  await hub.settled();
  ground.kills++;
  if (existsSync(join(shelf, '.model.part.json'))) ground.kept++;
  ground.resumed += hub.requests.slice(requests).filter(({ range }) => range !== undefined).length;
}

async function eightAtOnce(ground: Ground): Promise<void> {
  const { hub, shelf } = ground;
  rmSync(shelf, { recursive: true, force: true });
  await hub.settled();
  const before = hub.sentBytes;
  const children = Array.from({ length: 8 }, () => startPuller(ground));
  const said = await Promise.all(
    children.map(async (child) => {
      let text = '';
      child.stdout!.on('data', (part: Buffer) => {
        text += part;
      });
      await once(child, 'close');
      return text;
    }),
  );
  const sent = hub.sentBytes - before;
  if (sent !== MODEL_BYTES + TOKENIZER_BYTES) ground.losses.push(`${sent} bytes were sent for eight`);
  if (said.toSorted().join() !== ['fetched', ...Array(7).fill('there')].join())
    ground.losses.push(`the eight said ${said}`);
}

/** The server gives zeros and says that they are the file: that must be refused, and told of. */
async function lie(ground: Ground): Promise<void> {
  const { hub, shelf } = ground;
  rmSync(join(shelf, 'model'), { recursive: true, force: true });
  hub.trick = async (_request, response, file) => {
    response.setHeader('x-linked-etag', `"${hashBytes(file)}"`);
    response.writeHead(200, { 'content-length': file.length, etag: '"same"' });
    await hub.write(response, Buffer.alloc(file.length));
    response.end();
    return true;
  };
  const problem = await fetchHere(ground, true);
  ground.due++;
  if (problem instanceof DowserError && problem.code === 'model_damaged') ground.told++;
}

/** A download in this process that is stopped at a random byte. */
async function stopSomewhere(ground: Ground): Promise<void> {
  const { hub, shelf, random } = ground;
  const stopping = new AbortController();
  const limit = 1 + random(MODEL_BYTES - 200_000);
  const { bytesPerMs } = hub.habits;
  hub.habits = { ...hub.habits, bytesPerMs: 5 * SLOW_BYTES_PER_MS };
  const onProgress = ({ done }: { done: number }): void => {
    if (done >= limit) stopping.abort();
  };
  const options = { shelf, mirror: hub.base, acceptsLicence: true, signal: stopping.signal, onProgress };
  await pull(offer(hub), options).catch(() => undefined);
  await hub.settled();
  hub.habits = { ...hub.habits, bytesPerMs };
}

/** The download to its end, or what was said to be wrong. */
async function fetchHere({ hub, shelf, losses }: Ground, mayFail = false): Promise<unknown> {
  try {
    await pull(offer(hub), { shelf, mirror: hub.base, acceptsLicence: true, pauseMs: 5 });
    return undefined;
  } catch (error) {
    if (!mayFail) losses.push(`the download failed: ${(error as Error).message}`);
    return error;
  }
}

/** Nothing in plain sight but the whole model, as it is on the hub. */
function checkShelf({ hub, shelf, losses }: Ground, fault: Fault): void {
  const names = existsSync(shelf) ? readdirSync(shelf).filter((name) => !name.startsWith('.')) : [];
  if (names.some((name) => name !== 'model')) losses.push(`${names} lie on the shelf`);
  if (!names.includes('model')) return;
  if (fault === 'lies') losses.push('what a server lied about lies on the shelf');
  for (const path of [MODEL, TOKENIZER]) {
    const file = join(shelf, 'model', path.split('/').at(-1)!);
    if (!existsSync(file) || !readFileSync(file).equals(hub.files.get(path)!))
      losses.push(`${file} is not what the hub has`);
  }
}

function startPuller({ hub, shelf }: Ground): ChildProcess {
  const stderr = process.env.FAULTS_LOG === undefined ? 'ignore' : 'inherit';
  const words = ['--no-warnings', PROGRAM, shelf, hub.base, JSON.stringify(offer(hub))];
  return spawn(process.execPath, words, { stdio: ['ignore', 'pipe', stderr] });
}

function offer(hub: Hub) {
  return offerOf('model', Object.fromEntries(hub.files));
}

/** What a crash of the system does to a file that was being written. */
function zeroEnd(file: string, random: Random): void {
  const bytes = readFileSync(file);
  bytes.fill(0, random(bytes.length));
  writeFileSync(file, bytes);
}

/** The same ends of parts, and files that change, for a download that goes on from as many bytes as there are. */
async function runControl(hub: Hub, folder: string, random: Random): Promise<Outcome['control']> {
  hub.trick = () => false;
  hub.habits = { namesDigests: true, redirects: false, ranges: true, etags: true, bytesPerMs: undefined };
  let wrong = 0;
  for (let at = 0; at < CONTROL_TRIALS; at++) {
    const file = join(folder, `trial${at}`);
    const whole = hub.files.get(MODEL)!;
    writeFileSync(file, whole.subarray(0, 1 + random(MODEL_BYTES - 1)));
    if (at % 2 === 0) zeroEnd(file, random);
    else hub.files.set(MODEL, someBytes(MODEL_BYTES, at));
    await appendRest(file, hub);
    if (!readFileSync(file).equals(hub.files.get(MODEL)!)) wrong++;
  }
  return { losses: wrong, of: CONTROL_TRIALS, how: 'going on from the length alone' };
}

async function appendRest(file: string, hub: Hub): Promise<void> {
  const from = statSync(file).size;
  // As it is often done: a range, and no condition. This hub answers a range by its ETag only, so it is asked for that first.
  const etag = await new Promise<string>((resolve) => {
    sendRequest(`${hub.base}/${MODEL}`, { method: 'HEAD' }, (answer) => resolve(String(answer.headers.etag))).end();
  });
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const headers = { range: `bytes=${from}-`, 'if-range': etag };
    const request = sendRequest(`${hub.base}/${MODEL}`, { headers }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      resolve(Buffer.concat(parts));
    });
    request.once('error', reject).end();
  });
  writeFileSync(file, bytes, { flag: 'a' });
}
