/** Versions of dowser beside each other on one repository: another schema, and another chunker on the same schema. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { storePlaceFor } from '../../src/store/place.ts';
import { type Connection, callTool, connect } from '../bench/server.ts';
import { manyFiles, pathAt } from '../trips/projects.ts';
import { differencesFromFresh, makeRepository, openFor, write } from './ground.ts';
import { readSnippets } from './questions.ts';
import { type Context, type Outcome, type Row, randomFrom } from './row.ts';

const FILES = 40;
const SERVERS_PER_BUILD = 2;
const KILL_EVERY = 20;
/** An edit is in the next answer, or the answer says that files are pending; a whole rebuild takes less than this. */
const FOUND_MS_MAX = 10_000;
const HERE = fileURLToPath(new URL('../..', import.meta.url));

export const versions: Row = {
  name: 'versions of dowser beside each other: another schema, another chunker',
  promise:
    "no error, no wrong snippet, neither writes the other's file, and an index is rebuilt only when its leader is another",
  counts: { quick: 100, full: 1_000 },
  run,
};

type Change = readonly [file: string, from: RegExp, to: string];
const OTHER_SCHEMA: Change = ['store/schema.js', /SCHEMA_VERSION = \d+/, 'SCHEMA_VERSION = 999'];
const OTHER_CHUNKER: Change = ['chunk/chunk.js', /CHUNKER_VERSION = '\w+'/, "CHUNKER_VERSION = 'other'"];
const UNNAMED: readonly Change[] = [
  ['store/place.js', /index-\$\{SCHEMA_VERSION\}/, 'index'],
  ['store/place.js', /leader-\$\{SCHEMA_VERSION\}/, 'leader'],
];

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const root = makeRepository(folder(), manyFiles(FILES));
  const cacheDir = folder();
  const builds = [[], [OTHER_SCHEMA], [OTHER_CHUNKER]].map((changes) => makeBuild(folder(), changes));
  const met = await runBeside(root, cacheDir, builds, { count, seed, progress });
  const { losses } = met;
  if (!existsSync(storePlaceFor(root, cacheDir).storeFile.replace(/index-\d+/, 'index-999')))
    losses.push('the build of another schema has no file of its own');
  const opened = await openFor(root, cacheDir, { model: 'dowser-static-v1' });
  try {
    await opened.index.sync();
    losses.push(...(await differencesFromFresh(opened, folder())).map((path) => `${path} is not as in a fresh index`));
  } finally {
    await opened.index.close();
  }
  const unnamed = [UNNAMED, [...UNNAMED, OTHER_SCHEMA]].map((changes) => makeBuild(folder(), changes));
  const control = await runBeside(root, folder(), unnamed, { count: KILL_EVERY, seed, progress: () => undefined });
  return {
    faults: count,
    losses,
    control: { losses: control.losses.length, of: KILL_EVERY, how: 'two schemas in files of one name' },
    notes: [`${met.kills} servers killed, ${met.rebuilds} rebuilds by another chunker, ${met.snippets} snippets`],
  };
}

/** dowser as it is built, with some constants of another version. */
function makeBuild(folder: string, changes: readonly Change[]): string {
  for (const part of ['bin', 'dist']) cpSync(join(HERE, part), join(folder, part), { recursive: true });
  cpSync(join(HERE, 'package.json'), join(folder, 'package.json'));
  for (const part of ['node_modules', 'models']) symlinkSync(join(HERE, part), join(folder, part));
  for (const [file, from, to] of changes) {
    const path = join(folder, 'dist', file);
    const text = readFileSync(path, 'utf8');
    if (!from.test(text)) throw new Error(`${file} has no ${from}`);
    writeFileSync(path, text.replace(from, to));
  }
  return join(folder, 'bin/dowser.cjs');
}

type Met = { readonly losses: string[]; readonly kills: number; readonly rebuilds: number; readonly snippets: number };
type Server = { readonly build: string; readonly connection: Connection };

/** Edits and questions in turn, to any of the servers; one is killed now and then and another of its build takes its place. */
async function runBeside(
  root: string,
  cacheDir: string,
  builds: readonly string[],
  { count, seed, progress }: Pick<Context, 'count' | 'seed' | 'progress'>,
): Promise<Met> {
  const random = randomFrom(seed);
  const losses: string[] = [];
  mkdirSync(cacheDir, { recursive: true });
  const start = async (build: string): Promise<Server> => {
    return {
      build,
      connection: await connect(root, cacheDir, process.execPath, { program: build, onLog: () => undefined }),
    };
  };
  const all = builds.flatMap((build) => Array.from({ length: SERVERS_PER_BUILD }, () => build));
  const servers = await Promise.all(all.map(start));
  const { storeFile } = storePlaceFor(root, cacheDir);
  let [kills, rebuilds, snippets, before] = [0, 0, 0, fingerprintOf(storeFile)];
  for (let round = 0; round < count; round++) {
    const path = pathAt(random(FILES));
    const name = `editedInRound${round}`;
    write(root, { [path]: `export function ${name}(parcel: string): string {\n  return parcel + ${round};\n}\n` });
    const server = servers[random(servers.length)]!;
    const startedMs = performance.now();
    for (;;) {
      const { text, isError } = await ask(server, name);
      if (isError || /SQLITE_|database is locked/.test(text)) losses.push(`round ${round}: ${text.slice(0, 200)}`);
      const shown = readSnippets(text);
      snippets += shown.length;
      losses.push(...shown.filter((one) => !isOnDisk(root, one)).map((one) => `round ${round}: ${one.path} is not so`));
      if (isError || shown.some((one) => one.text.includes(name))) break;
      if (performance.now() - startedMs > FOUND_MS_MAX) {
        losses.push(`round ${round}: the edit was not found`);
        break;
      }
      await pause(50);
    }
    const now = fingerprintOf(storeFile);
    if (before !== undefined && now !== before) rebuilds++;
    before = now;
    if (round % KILL_EVERY === KILL_EVERY - 1) {
      const at = await leaderAmong(servers, kills);
      process.kill(servers[at]!.connection.pid, 'SIGKILL');
      servers[at] = await start(servers[at]!.build);
      kills++;
    }
    progress(round + 1, count);
  }
  await Promise.all(servers.map(({ connection }) => connection.client.close()));
  if (rebuilds > kills + 1) losses.push(`${rebuilds} rebuilds for ${kills} servers that died`);
  return { losses, kills, rebuilds, snippets };
}

/** Servers that lead an index, of one version and of the other in turn: another takes over when they die. */
async function leaderAmong(servers: readonly Server[], turn: number): Promise<number> {
  const texts = await Promise.all(servers.map(({ connection }) => callTool(connection.client, 'index_status', {})));
  const leaders = servers.map((_, at) => at).filter((at) => texts[at]!.text.includes('Role: leader'));
  return leaders[turn % leaders.length] ?? 0;
}

async function ask({ connection }: Server, query: string): Promise<{ text: string; isError: boolean }> {
  try {
    return await callTool(connection.client, 'search_code', { query });
  } catch (error) {
    return { text: String(error), isError: true };
  }
}

function isOnDisk(root: string, { path, startLine, text }: { path: string; startLine: number; text: string }): boolean {
  const lines = readFileSync(join(root, path), 'utf8').split('\n');
  return lines.slice(startLine - 1, startLine - 1 + text.split('\n').length).join('\n') === text;
}

/** What made the rows of an index file, undefined as long as there are none. */
function fingerprintOf(storeFile: string): unknown {
  if (!existsSync(storeFile)) return undefined;
  const database = new Database(storeFile, { readonly: true });
  try {
    return database.prepare("SELECT value FROM meta WHERE key = 'fingerprint'").pluck().get();
  } finally {
    database.close();
  }
}
