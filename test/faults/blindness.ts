/** A server that may watch next to nothing: edits are found all the same, and it says that it can't watch. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { BIN, environmentFor } from '../bench/processes.ts';
import { callTool } from '../bench/server.ts';
import { makeRepository, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

/** Inotify watches that the server's user may have: fewer than the repository has folders. */
const WATCHES_MAX = 10;
const FOLDERS = 60;
const ROUNDS = 10;

export const blindness: Row = {
  name: 'edits while the system grants hardly any watches',
  promise: 'every edit is in the next answer, and index_status says watch_degraded',
  counts: { quick: 300, full: 3_000 },
  run,
};

async function run({ count, folder, progress }: Context): Promise<Outcome> {
  const files = Array.from({ length: FOLDERS }, (_, at) => [pathAt(at), textAt(at, 0)]);
  const root = makeRepository(folder(), Object.fromEntries(files));
  const client = new Client({ name: 'faults', version: '1' });
  const command = `echo ${WATCHES_MAX} > /proc/sys/user/max_inotify_watches && exec "$@"`;
  const transport = new StdioClientTransport({
    command: 'unshare',
    args: ['-Ur', 'sh', '-c', command, 'sh', process.execPath, BIN, 'serve', '--root', root, '--log-level', 'error'],
    env: environmentFor(folder()),
    stderr: 'ignore',
  });
  await client.connect(transport);
  const losses: string[] = [];
  let told = 0;
  const each = Math.ceil(count / ROUNDS);
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      for (let at = 0; at < each; at++) edit(root, at, round);
      // Within a second of the last look at the disk an answer says as of when it is.
      await pause(1_200);
      for (let at = 0; at < each; at++) {
        const found = await findsIn(client, pathAt(at), nameAt(at, round));
        if (!found) losses.push(`${pathAt(at)} of round ${round} was not found`);
      }
      if ((await callTool(client, 'index_status', {})).text.includes('watch_degraded')) told++;
      progress(round, ROUNDS);
    }
  } finally {
    await client.close();
  }
  return {
    faults: ROUNDS * each,
    losses,
    reported: { told, due: ROUNDS },
    control: { losses: unheard(root, folder()), of: FOLDERS, how: 'edits that a watcher so limited tells of' },
    notes: [],
  };
}

/** Whether an answer that claims to be complete has the name; on a busy machine an answer may come before the edit and say so. */
async function findsIn(client: Client, path: string, name: string): Promise<boolean> {
  for (;;) {
    const { text } = await callTool(client, 'search_code', { query: name });
    if (text.includes(`${path}:`) && text.includes(name)) return true;
    if (!/pending|indexing|as of/.test(text)) return false;
    await pause(200);
  }
}

function pathAt(at: number): string {
  return `src/part${at % FOLDERS}/module.js`;
}

function nameAt(at: number, round: number): string {
  return `edited${at}InRound${round}`;
}

function textAt(at: number, round: number): string {
  return `export function ${nameAt(at, round)}(parcel) {\n  return parcel;\n}\n`;
}

/** Several edits of one file in a round each have their own name in it. */
function edit(root: string, at: number, round: number): void {
  const path = pathAt(at);
  const texts = [];
  for (let other = at % FOLDERS; other <= at; other += FOLDERS) texts.push(textAt(other, round));
  write(root, { [path]: texts.join('\n') });
}

/** The control: a process with the same limit that only watches. */
function unheard(root: string, scratch: string): number {
  const script = join(scratch, 'watch.mjs');
  write(scratch, { 'watch.mjs': WATCHING });
  const command = `echo ${WATCHES_MAX} > /proc/sys/user/max_inotify_watches && exec "$@"`;
  const words = ['-Ur', 'sh', '-c', command, 'sh', process.execPath, script, root, String(FOLDERS)];
  const { stdout } = spawnSync('unshare', words, { encoding: 'utf8' });
  rmSync(script);
  return FOLDERS - Number(stdout);
}

const WATCHING = `
import { watch } from ${JSON.stringify(import.meta.resolve('chokidar'))};
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
const [root, folders] = process.argv.slice(2);
const heard = new Set();
const watcher = watch(root, { ignored: (path) => path.includes('/.git'), ignoreInitial: true });
watcher.on('all', (_, path) => heard.add(path)).on('error', () => {});
setTimeout(() => {
  for (let at = 0; at < Number(folders); at++) appendFileSync(join(root, 'src/part' + at + '/module.js'), '// more\\n');
  setTimeout(() => { process.stdout.write(String(heard.size)); process.exit(0); }, 2000);
}, 3000);
`;
