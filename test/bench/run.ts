/** Measures speed: `npm run bench -- --root DIR`. Asks and indexes as users do; the root itself is only read. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { scan } from '../../src/source/scan.ts';
import { describeMachine, type Machine, megabytes, ms, table } from './figures.ts';
import type { ColdFigures, QueryFigures, UpdateFigures } from './inside.ts';
import { runDowser, runInside, type Taken } from './processes.ts';
import { questionsOf, randomNumbers, shuffled } from './questions.ts';
import { firstAnswerMs, measureServer, type ServerFigures } from './server.ts';

const HELP = `Measures the speed of dowser on one repository.

  npm run bench -- --root DIR [options]

  --root DIR   the repository; it is read, never written
  --json       figures as JSON instead of a table
  --help

Every measurement is a process of its own; the index lies in a temporary folder. Memory and processor time of the whole
process tree come from /proc, so on Linux only. What to expect of each figure: test/bench/results.md.
`;

/** Files that are edited, one after another, in a copy of the root. */
const UPDATES = 5;

type Figures = {
  readonly machine: Machine;
  readonly repository: string;
  readonly cold: ColdFigures & Taken;
  readonly command: Taken;
  readonly first: { readonly commandMs: number; readonly connectMs: number; readonly answerMs: number };
  readonly second: { readonly wallMs: number; readonly changedBytes: number };
  readonly update: UpdateFigures;
  readonly queries: QueryFigures;
  readonly server: ServerFigures;
  readonly storeBytes: number;
  readonly questions: number;
  readonly loadAtEnd: number;
};

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.root === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-bench-')));
try {
  const figures = await measure(realpathSync(values.root));
  process.stdout.write(values.json ? `${JSON.stringify(figures, undefined, 2)}\n` : `${report(figures)}\n`);
  if (figures.second.changedBytes > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function measure(root: string): Promise<Figures> {
  const machine = describeMachine();
  say('questions of the repository itself');
  const questions = await questionsOf(root);
  if (questions.length === 0) throw new Error('The repository has no words to ask for.');
  say('cold index, in process');
  const cold = await runInside<ColdFigures>({ measure: 'cold', root }, cache('inside'));
  say('cold index, dowser index');
  const command = await runDowser(['index', '--root', root, '--quiet'], cache('main'));
  const before = contentsOf(cache('main'));
  say('second run');
  const { wallMs } = await runDowser(['index', '--root', root, '--quiet'], cache('main'));
  const second = { wallMs, changedBytes: changedBytes(before, contentsOf(cache('main'))) };
  say('queries, in process');
  const queries = await runInside<QueryFigures>({ measure: 'queries', root, questions }, cache('main'));
  say('queries, through MCP');
  const server = await measureServer(root, cache('main'), questions);
  say('first answer on a cold repository');
  const { wallMs: commandMs } = await runDowser(['search', questions[0]!, '--root', root, '--quiet'], cache('first'));
  const first = { commandMs, ...(await firstAnswerMs(root, cache('connected'), questions[0]!)) };
  say('one-file updates in a copy');
  const update = await measureUpdates(root);
  const storeBytes = [...before.values()].reduce((sum, { length }) => sum + length, 0);
  const loadAtEnd = describeMachine().load;
  return {
    machine,
    repository: basename(root),
    cold,
    command,
    first,
    second,
    update,
    queries,
    server,
    storeBytes,
    questions: questions.length,
    loadAtEnd,
  };
}

function cache(name: string): string {
  return join(folder, `cache-${name}`);
}

/** Copies what is indexed, and edits some of it there. */
async function measureUpdates(root: string): Promise<UpdateFigures> {
  const { entries, via } = await scan(root);
  const copy = join(folder, 'copy');
  for (const { path } of entries) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(root, path), join(copy, path));
  }
  if (via === 'git') execFileSync('git', ['init', '-q', copy]);
  const editable = entries.filter(
    ({ path, fingerprint }) =>
      fingerprint.size > 200 && fingerprint.size < 200_000 && /\.(?!json|lock|svg)\w+$/.test(path),
  );
  const files = shuffled(
    editable.map(({ path }) => path),
    randomNumbers(UPDATES),
  ).slice(0, UPDATES);
  return runInside<UpdateFigures>({ measure: 'updates', root: copy, files }, cache('copy'));
}

type Content = { readonly length: number; readonly hash: string };

function contentsOf(cacheDir: string): Map<string, Content> {
  const contents = new Map<string, Content>();
  for (const name of readdirSync(cacheDir, { recursive: true, encoding: 'utf8' })) {
    const path = join(cacheDir, name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    contents.set(name, { length: bytes.length, hash: createHash('sha256').update(bytes).digest('hex') });
  }
  return contents;
}

/** Bytes of the files that are other than they were, or are gone. */
function changedBytes(before: ReadonlyMap<string, Content>, after: ReadonlyMap<string, Content>): number {
  let changed = 0;
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    if (before.get(name)?.hash !== after.get(name)?.hash)
      changed += after.get(name)?.length ?? before.get(name)!.length;
  }
  return changed;
}

function report({
  machine,
  repository,
  cold,
  command,
  first,
  second,
  update,
  queries,
  server,
  storeBytes,
  questions,
  loadAtEnd,
}: Figures): string {
  const { files, textBytes, chunks, indexMs, openMs } = cold;
  const perSecond = (amount: number): number => amount / (indexMs / 1_000);
  const cpu = (cpuMs: number | undefined): string => (cpuMs === undefined ? '' : `; ${ms(cpuMs)} of processor time`);
  const head = `${repository}: ${files} files, ${megabytes(textBytes)} of text, ${chunks} chunks
${machine.cpu}, ${machine.cores} cores, ${megabytes(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}, load ${machine.load.toFixed(1)} to ${loadAtEnd.toFixed(1)}`;
  const rows = [
    ['cold index, whole process', `${ms(command.wallMs)}${cpu(command.cpuMs)}`],
    ['cold index, in process', `${ms(indexMs)} after ${ms(openMs)} to open`],
    ['throughput', `${perSecond(files).toFixed(0)} files/s, ${(perSecond(textBytes) / 1e6).toFixed(2)} MB/s`],
    ['first answer, dowser search', ms(first.commandMs)],
    ['first answer, MCP', `${ms(first.answerMs)}, of which ${ms(first.connectMs)} until connected`],
    ['second run, unchanged tree', `${ms(second.wallMs)}, ${second.changedBytes} bytes of the store changed`],
    [
      'one-file update until an answer shows it',
      `median ${ms(update.medianMs)}, slowest of ${update.updates} ${ms(update.slowestMs)}`,
    ],
    [
      'query, in process',
      `p50 ${ms(queries.p50Ms)}, p95 ${ms(queries.p95Ms)} (${questions} questions; p50 of processor time ${ms(queries.cpuP50Ms)})`,
    ],
    ['query, through MCP', `p50 ${ms(server.p50Ms)}, p95 ${ms(server.p95Ms)}`],
    ['peak memory, cold index', megabytes(command.peakBytes)],
    ['peak memory, server under questions', megabytes(server.peakBytes)],
    ['index', `${megabytes(storeBytes)}, ${(storeBytes / Math.max(1, textBytes)).toFixed(2)} x the text`],
  ];
  return `${head}\n\n${table(['measure', 'value'], rows)}`;
}

function say(step: string): void {
  process.stderr.write(`bench: ${step}\n`);
}
