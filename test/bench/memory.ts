/**
 * What dowser's processes hold, on Linux: while they index 10,000 files, and idle as leader and as follower:
 * `node test/bench/memory.ts [--files 10000] [--launcher /path/to/an/older/node]`.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { writeBigTree } from './bigTree.ts';
import { describeMachine, megabytes, table } from './figures.ts';
import { BIN, environmentFor, membersOf, watchTree } from './processes.ts';
import { type Connection, connect, searchCode } from './server.ts';

const HELP = `Measures the memory of servers and of indexing on a generated repository.

  node test/bench/memory.ts [options]

  --files N        files of the repository (10,000)
  --workers N      threads that index (as many as dowser takes here)
  --launcher PATH  Node that starts dowser: an older one hands over to a newer, and both count
  --json           figures as JSON instead of a table
  --help

Exit code 1 when a bound is broken.
`;

const INDEXING_BYTES_MAX = 500e6;
const LEADER_BYTES_MAX = 300e6;
const FOLLOWER_BYTES_MAX = 160e6;

const QUESTIONS = 20;
/** Threads end 20 s after the last job, and the rest is given back some seconds later. */
const IDLE_AFTER_MS = 35_000;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    workers: { type: 'string' },
    launcher: { type: 'string', default: process.execPath },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

type Figure = { readonly what: string; readonly bytes: number; readonly bytesMax?: number };

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-memory-')));
try {
  const root = join(folder, 'repository');
  const cache = join(folder, 'cache');
  mkdirSync(root);
  process.stderr.write(`memory: writing ${values.files} files\n`);
  writeBigTree(root, Number(values.files));
  process.stderr.write('memory: indexing\n');
  const indexing = { what: 'indexing, peak', bytes: await indexingPeak(root, cache), bytesMax: INDEXING_BYTES_MAX };
  const figures: Figure[] = [indexing, ...(await measureServers(root, cache))];
  if (values.json) process.stdout.write(`${JSON.stringify({ machine: describeMachine(), figures }, undefined, 2)}\n`);
  else process.stdout.write(`${report(figures)}\n`);
  if (figures.some(({ bytes, bytesMax = Number.POSITIVE_INFINITY }) => bytes > bytesMax)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function indexingPeak(root: string, cache: string): Promise<number> {
  const workers = values.workers === undefined ? {} : { DOWSER_WORKERS: values.workers };
  const env = { ...environmentFor(cache), ...workers };
  const child = spawn(values.launcher, [BIN, 'index', '--root', root], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const tree = watchTree(child.pid!);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  if (code !== 0) throw new Error(`dowser index ended with ${code}`);
  return tree.end().peakBytes ?? Number.NaN;
}

async function measureServers(root: string, cache: string): Promise<Figure[]> {
  const leader = await connect(root, cache, values.launcher);
  await searchCode(leader.client, 'stale ledger');
  const follower = await connect(root, cache, values.launcher);
  for (let at = 0; at < QUESTIONS; at++) {
    for (const { client } of [leader, follower]) await searchCode(client, `where is ledger ${at} flushed`);
  }
  const held = (what: string, { pid }: Connection, bytesMax?: number): Figure => {
    return { what, bytes: bytesOf(pid), ...(bytesMax && { bytesMax }) };
  };
  const busy = [held(`leader, after ${QUESTIONS} questions`, leader), held(`follower, after as many`, follower)];
  process.stderr.write('memory: waiting until all is idle\n');
  await pause(IDLE_AFTER_MS);
  const idle = [held('leader, idle', leader, LEADER_BYTES_MAX), held('follower, idle', follower, FOLLOWER_BYTES_MAX)];
  for (const { client } of [leader, follower]) await client.close();
  return [...busy, ...idle];
}

/** Memory of a process and all that it started. */
function bytesOf(pid: number): number {
  const kilobytes = membersOf(pid).map((member) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1] ?? 0),
  );
  return kilobytes.reduce((sum, value) => sum + value, 0) * 1024;
}

function report(figures: readonly Figure[]): string {
  const { cpu, cores, platform, node, load } = describeMachine();
  const rows = figures.map(({ what, bytes, bytesMax }) => [
    what,
    megabytes(bytes),
    bytesMax ? megabytes(bytesMax) : '',
  ]);
  const head = `memory, ${values.files} files\n${cpu}, ${cores} cores, ${platform}, Node ${node}, load ${load.toFixed(1)}`;
  return `${head}\n\n${table(['process', 'holds', 'at most'], rows)}`;
}
