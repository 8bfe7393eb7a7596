/**
 * A repository that people work on, with servers around it: `node test/bench/live.ts [--files 10000]`. How long a look at the
 * disk takes, when an edit is found, how long questions of many clients take beside indexing, and what idling costs.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { scan } from '../../src/source/scan.ts';
import { type Definition, writeBigTree } from './bigTree.ts';
import { describeMachine, megabytes, ms, percentile, table } from './figures.ts';
import { heldBy } from './processes.ts';
import { type Connection, callTool, connect, searchCode } from './server.ts';

const HELP = `Measures servers on a generated repository that changes.

  node test/bench/live.ts [options]

  --files N         files of the repository (10,000)
  --clients N       servers that are asked beside indexing (8)
  --idle-minutes N  how long idling is watched (10; 0 leaves it out)
  --help
`;

const SCANS = 10;
const EDITS = 40;
const QUESTIONS = 200;
/** Files that change between two rounds of questions: the leader has something to do all the time. */
const CHANGED_FILES = 200;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '8' },
    'idle-minutes': { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

type Row = readonly [what: string, value: string];

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-live-')));
try {
  const root = join(folder, 'repository');
  mkdirSync(root);
  say(`writing ${values.files} files`);
  const symbols = writeBigTree(root, Number(values.files));
  const machine = describeMachine();
  const rows = [await measureScans(root), ...(await measureServers(root, symbols))];
  const { cpu, cores, node, load } = machine;
  process.stdout.write(
    `${values.files} files; ${cpu}, ${cores} cores, Node ${node}, load ${load.toFixed(1)} to ${describeMachine().load.toFixed(1)}\n\n`,
  );
  process.stdout.write(`${table(['measure', 'value'], rows)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function measureScans(root: string): Promise<Row> {
  say('scanning');
  const times: number[] = [];
  for (let at = 0; at < SCANS; at++) times.push(await timed(() => scan(root)));
  return ['a look at the whole disk', summary(times)];
}

async function measureServers(root: string, symbols: readonly Definition[]): Promise<Row[]> {
  const cacheDir = join(folder, 'cache');
  const leader = await connect(root, cacheDir);
  const connections = [leader];
  try {
    say('indexing');
    await untilSettled(leader);
    const rows = [await measureEdits(root, leader, symbols)];
    const count = Number(values.clients);
    connections.push(...(await Promise.all(Array.from({ length: count - 1 }, () => connect(root, cacheDir)))));
    rows.push(await measureQuestions('at rest', connections, symbols));
    rows.push(await measureBesideIndexing(root, connections, symbols));
    await Promise.all(connections.splice(2).map(({ client }) => client.close()));
    rows.push(...(await measureIdling(connections)));
    return rows;
  } finally {
    await Promise.all(connections.map(({ client }) => client.close()));
  }
}

/** From the end of an edit to an answer that shows it. */
async function measureEdits(root: string, { client }: Connection, symbols: readonly Definition[]): Promise<Row> {
  say('edits');
  const times: number[] = [];
  for (let at = 0; at < EDITS; at++) {
    const { path } = symbols[(at * 97) % symbols.length]!;
    const name = `freshlyEdited${at}`;
    const place = join(root, path);
    writeFileSync(place, `${readFileSync(place, 'utf8')}\nexport function ${name}() {}\n`);
    times.push(
      await timed(async () => {
        while (!(await searchCode(client, name)).includes(`${path}:`)) await pause(5);
      }),
    );
    await pause(100);
  }
  return ['an edit is in an answer after', summary(times)];
}

async function measureQuestions(
  when: string,
  connections: readonly Connection[],
  symbols: readonly Definition[],
): Promise<Row> {
  say(`questions of ${connections.length} clients ${when}`);
  const times: number[] = [];
  let asked = 0;
  await Promise.all(
    connections.map(async ({ client }) => {
      while (asked++ < QUESTIONS) {
        const { name } = symbols[(asked * 31) % symbols.length]!;
        const question = asked % 2 === 0 ? name : `where is ${name.replace(/(?=[A-Z])/g, ' ').toLowerCase()} done`;
        times.push(await timed(() => searchCode(client, question)));
        // Agents think between two questions.
        await pause(250);
      }
    }),
  );
  return [`a question, ${connections.length} clients with pauses, ${when}`, summary(times)];
}

async function measureBesideIndexing(
  root: string,
  connections: readonly Connection[],
  symbols: readonly Definition[],
): Promise<Row> {
  let isAsking = true;
  let changed = 0;
  const changing = (async () => {
    for (let round = 1; isAsking; round++) {
      for (let at = 0; at < CHANGED_FILES; at++, changed++) {
        const path = join(root, symbols[(changed * 7) % symbols.length]!.path);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, `${readFileSync(path, 'utf8')}\nexport const changed${round} = ${at};\n`);
      }
      await pause(500);
    }
  })();
  const row = await measureQuestions('beside indexing', connections, symbols);
  isAsking = false;
  await changing;
  return [row[0], `${row[1]}; ${changed} files changed meanwhile`];
}

/** Processor time and memory of a leader and a follower that nobody asks anything. */
async function measureIdling(connections: readonly Connection[]): Promise<Row[]> {
  const minutes = Number(values['idle-minutes']);
  if (minutes === 0) return [];
  for (const connection of connections) await untilSettled(connection);
  say(`idling for ${minutes} minutes`);
  // What a busy server still gives back is not its idling.
  await pause(60_000);
  const before = connections.map(({ pid }) => heldBy(pid));
  await pause(minutes * 60_000);
  const roles = await Promise.all(
    connections.map(async ({ client }) => /Role: (\w+)/.exec((await callTool(client, 'index_status', {})).text)![1]!),
  );
  return connections.map(({ pid }, at): Row => {
    const { cpuMs, bytes } = heldBy(pid);
    const share = (cpuMs - before[at]!.cpuMs) / (minutes * 60_000);
    return [`idle ${roles[at]}, ${minutes} minutes`, `${(share * 100).toFixed(2)} % of a core, ${megabytes(bytes)}`];
  });
}

async function untilSettled({ client }: Connection): Promise<void> {
  while (!(await callTool(client, 'index_status', {})).text.includes('Pending: 0\n')) await pause(200);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

function summary(times: readonly number[]): string {
  return `p50 ${ms(percentile(times, 0.5))}, p95 ${ms(percentile(times, 0.95))}`;
}

function say(what: string): void {
  process.stderr.write(`live: ${what}\n`);
}
