/** Thousands of edits beside questions: what dowser keeps on disk and holds open stays bounded, and rest is rest. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { storePlaceFor } from '../../src/store/place.ts';
import { type Connection, callTool, connect } from '../bench/server.ts';
import { manyFiles, pathAt } from '../trips/projects.ts';
import { makeRepository, openFor, write } from './ground.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

const FILES = 300;
/** Edits between two questions. */
const EDITS_AT_ONCE = 20;
/** The log is cut back to 16 MB after a burst (src/store/schema.ts); within one, a commit may still go past it. */
const LOG_BYTES_MAX = 32e6;
/** Of the size of a fresh index, which is small here: pages that edits left empty stay, and are used again (1.9 after 8,000 edits, 2.2 after 2,000). */
const STORE_GROWTH_MAX = 3;
const DESCRIPTORS_MORE_MAX = 8;
/** What is put off until nobody asks (threads end after 20 s, a leader keeps house once a minute) is done by then. */
const REST_AFTER_MS_MAX = 150_000;
const QUIET_MS = 3_000;
const WATCHED_MS = 10_000;

export const bounds: Row = {
  name: 'thousands of edits, deletions and returns of files, then rest',
  promise: 'log, index and open files stay bounded, and not a byte is written while nothing changes',
  counts: { quick: 2_000, full: 20_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const random = randomFrom(seed);
  const files = manyFiles(FILES);
  const root = makeRepository(folder(), files);
  const cacheDir = folder();
  const { storeFile } = storePlaceFor(root, cacheDir);
  const server = await connect(root, cacheDir);
  const losses: string[] = [];
  await settled(server);
  const openAtFirst = heldOpen(server.pid);
  let logBytes = 0;
  for (let done = 0; done < count; done += EDITS_AT_ONCE) {
    for (let at = 0; at < EDITS_AT_ONCE; at++) editOne(root, files, random, done + at);
    const { isError, text } = await callTool(server.client, 'search_code', { query: 'editedAgain' });
    if (isError) losses.push(`after ${done} edits: ${text.slice(0, 200)}`);
    logBytes = Math.max(logBytes, sizeOf(`${storeFile}-wal`));
    progress(Math.min(count, done + EDITS_AT_ONCE), count);
  }
  await settled(server);
  await atRest(cacheDir);
  const [storeBytes, freshBytes] = [sizeOf(storeFile), await bytesOfFresh(root, folder())];
  if (logBytes > LOG_BYTES_MAX) losses.push(`the log grew to ${logBytes} bytes`);
  if (storeBytes > STORE_GROWTH_MAX * freshBytes)
    losses.push(`the index grew from ${freshBytes} to ${storeBytes} bytes`);
  const open = heldOpen(server.pid);
  if (open > openAtFirst + DESCRIPTORS_MORE_MAX) losses.push(`${open} files are open, ${openAtFirst} were`);
  losses.push(...(await writesAtRest(server, cacheDir, root)));
  await server.client.close();
  const control = logWithoutCheckpoints(folder(), count);
  return {
    faults: count,
    losses,
    control: { losses: Number(control > LOG_BYTES_MAX), of: 1, how: 'a log that nobody moves into its file' },
    notes: [
      `log ${(logBytes / 1e6).toFixed(1)} MB at most, index ${(storeBytes / freshBytes).toFixed(2)} x a fresh one, ${open} files open (${openAtFirst} at first)`,
    ],
  };
}

async function bytesOfFresh(root: string, cacheDir: string): Promise<number> {
  const { index } = await openFor(root, cacheDir, { model: 'dowser-static-v1' });
  await index.sync();
  await index.close();
  return sizeOf(storePlaceFor(root, cacheDir).storeFile);
}

/** A new body, a deletion, or what was there at first. */
function editOne(root: string, files: Readonly<Record<string, string>>, random: Random, at: number): void {
  const path = pathAt(random(FILES));
  const kind = random(4);
  if (kind === 0) rmSync(join(root, path), { force: true });
  else if (kind === 1) write(root, { [path]: files[path] ?? '' });
  else write(root, { [path]: `${files[path] ?? ''}\nexport const editedAgain${at} = ${random(1_000_000)};\n` });
}

async function settled({ client }: Connection): Promise<void> {
  while (!(await callTool(client, 'index_status', {})).text.includes('Pending: 0\n')) await pause(50);
}

/** Until all that was written lies in its file and no log holds anything, for a while. */
async function atRest(cacheDir: string): Promise<void> {
  const startedMs = Date.now();
  let [before, sinceMs] = [looks(cacheDir), Date.now()];
  while (Date.now() - startedMs < REST_AFTER_MS_MAX) {
    await pause(200);
    const now = looks(cacheDir);
    if (now !== before || /-wal [1-9]/.test(now)) [before, sinceMs] = [now, Date.now()];
    else if (Date.now() - sinceMs > QUIET_MS) return;
  }
}

/** Questions on a tree that does not change: neither the cache nor the tree is written, by name, size, time or the system's count. */
async function writesAtRest({ client, pid }: Connection, cacheDir: string, root: string): Promise<string[]> {
  const before = [looks(cacheDir), looks(root), written(pid)];
  const untilMs = Date.now() + WATCHED_MS;
  while (Date.now() < untilMs) {
    await callTool(client, 'search_code', { query: 'who edits a parcel again' });
    await callTool(client, 'complete_context', { path: pathAt(0), prefix: 'export function next() {\n  ' });
    await pause(250);
  }
  const after = [looks(cacheDir), looks(root), written(pid)];
  return ['the cache', 'the tree', 'bytes written'].flatMap((what, at) => {
    const known = new Set(before[at]!.split('\n'));
    const changed = after[at]!.split('\n').filter((line) => !known.has(line));
    return changed.length === 0 ? [] : [`at rest, ${what} changed: ${changed.slice(0, 5).join(', ')}`];
  });
}

/** Name, size and time of all files below a folder, readers' shared memory apart. */
function looks(folder: string): string {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.endsWith('-shm'))
    .sort();
  return paths
    .map((path) => {
      const stat = statSync(join(folder, path), { throwIfNoEntry: false });
      return stat?.isFile() ? `${path} ${stat.size} ${stat.mtimeMs}` : path;
    })
    .join('\n');
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Open files, where the system shows them. */
function heldOpen(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function written(pid: number): string {
  try {
    return /write_bytes: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Bytes of the log of as many commits, each of a chunk's size, when nothing is ever moved into the file. */
function logWithoutCheckpoints(folder: string, commits: number): number {
  const file = join(folder, 'plain.db');
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('wal_autocheckpoint = 0');
  database.exec('CREATE TABLE chunks(id INTEGER PRIMARY KEY, text TEXT)');
  const insert = database.prepare('INSERT INTO chunks(text) VALUES(?)');
  for (let at = 0; at < commits; at++) insert.run('x'.repeat(20_000));
  const bytes = sizeOf(`${file}-wal`);
  database.close();
  return bytes;
}
