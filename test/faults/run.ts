/** Makes every kind of fault and says what was lost: `npm run test:faults`. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, megabytes, table } from '../bench/figures.ts';
import type { Outcome, Row } from './row.ts';

const HELP = `Injects faults into real processes, real files and a real SQLite, and counts what is lost.

  npm run test:faults -- [options]

  --only NAME   this row alone; may be given several times
  --list        names and promises of the rows
  --count N     as many faults a row, instead of its own number
  --seed N      other faults
  --write       puts the table into test/faults/results.md
  --help

FAULTS=full makes many more of each. A row fails when anything is lost, when a fault that must be told of is not, and when its
control, which goes without the protection, loses nothing.
`;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const RESULTS = join(HERE, 'results.md');
/** The same on every run, so that what fails once fails again. */
const SEED = 20_261_123;
/** Losses that are printed; the table counts all. */
const LOSSES_SHOWN_MAX = 20;
const PROGRESS_EVERY_MS = 5_000;

type Named = { readonly id: string; readonly row: Row };
type Result = Named & {
  readonly outcome: Outcome | undefined;
  readonly problems: readonly string[];
  readonly s: number;
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
    count: { type: 'string' },
    seed: { type: 'string', default: String(SEED) },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const size = process.env.FAULTS === 'full' ? 'full' : 'quick';

if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const rows = await chosenRows(values.only);
  if (values.list) {
    for (const { id, row } of rows) process.stdout.write(`${id}: ${row.name}\n  ${row.promise}\n`);
    return 0;
  }
  const results: Result[] = [];
  for (const named of rows) results.push(await runRow(named));
  const failed = results.filter(({ problems }) => problems.length > 0);
  const text = report(results);
  process.stdout.write(text);
  // Once more where a log of 20 minutes ends: what failed, and of each its first loss.
  for (const { id, problems } of failed)
    process.stdout.write(`FAILED ${id}: ${problems[0]} (${problems.length} in all)\n`);
  process.stdout.write(`\n${results.length - failed.length} passed, ${failed.length} failed\n`);
  if (values.write) writeFileSync(RESULTS, `# Faults injected, and what was lost\n\n${text}`);
  return failed.length > 0 ? 1 : 0;
}

/** A row is a file that exports one under the file's own name; others here are what rows share. */
async function chosenRows(only: readonly string[] | undefined): Promise<Named[]> {
  const ids = readdirSync(HERE)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => basename(file, '.ts'))
    .filter((id) => readFileSync(join(HERE, `${id}.ts`), 'utf8').includes(`export const ${id}: Row =`))
    .sort();
  for (const id of only ?? []) {
    if (!ids.includes(id)) throw new Error(`There is no row '${id}'. Rows: ${ids.join(', ')}.`);
  }
  const chosen = ids.filter((id) => only?.includes(id) ?? true);
  return Promise.all(
    chosen.map(async (id) => {
      const module = (await import(`./${id}.ts`)) as Record<string, Row>;
      return { id, row: module[id]! };
    }),
  );
}

async function runRow({ id, row }: Named): Promise<Result> {
  const folders: string[] = [];
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  const count = values.count === undefined ? row.counts[size] : Number(values.count);
  const say = (text: string): void => void process.stderr.write(`${id}: ${text}, ${seconds().toFixed(0)} s\n`);
  say(`${row.name}, ${count} faults of seed ${seed}`);
  let saidMs = startedMs;
  let outcome: Outcome | undefined;
  let problems: readonly string[];
  try {
    outcome = await row.run({
      count,
      seed,
      folder() {
        const folder = realpathSync(mkdtempSync(join(tmpdir(), `dowser-faults-${id}-`)));
        folders.push(folder);
        return folder;
      },
      progress(done, of) {
        if (done < of && performance.now() - saidMs < PROGRESS_EVERY_MS) return;
        saidMs = performance.now();
        say(`${done} of ${of}`);
      },
    });
    problems = problemsOf(outcome);
  } catch (error) {
    problems = [`the row itself failed: ${error instanceof Error ? error.stack : String(error)}`];
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  for (const problem of problems.slice(0, LOSSES_SHOWN_MAX)) process.stderr.write(`${id}: FAILED: ${problem}\n`);
  const more = problems.length - LOSSES_SHOWN_MAX;
  if (more > 0) process.stderr.write(`${id}: and ${more} more\n`);
  if (problems.length > 0) process.stderr.write(`${id}: again: npm run test:faults -- ${againOf(id)}\n`);
  else say('passed');
  return { id, row, outcome, problems, s: seconds() };
}

function againOf(id: string): string {
  const count = values.count === undefined ? '' : ` --count ${values.count}`;
  return `--only ${id} --seed ${seed}${count}${size === 'full' ? ' (with FAULTS=full)' : ''}`;
}

function problemsOf({ faults, losses, reported, control }: Outcome): string[] {
  return [
    ...losses,
    ...(faults === 0 ? ['no fault was made'] : []),
    ...(control.losses === 0 ? [`the control lost nothing of ${control.of}: ${control.how}`] : []),
    ...(reported !== undefined && reported.told < reported.due
      ? [`told of ${reported.told} faults, ${reported.due} were due`]
      : []),
  ];
}

function report(results: readonly Result[]): string {
  const { cpu, cores, memoryBytes, platform, node, load } = describeMachine();
  const rows = results.map(({ row, outcome, problems, s }) => [
    row.name,
    row.promise,
    ...(outcome === undefined ? ['failed', '', ''] : cellsOf(outcome)),
    s.toFixed(0),
    problems.length === 0 ? 'kept' : 'BROKEN',
  ]);
  const head = ['fault', 'promise', 'losses / faults', 'told / due', 'control: losses / of', 'seconds', ''];
  const notes = results.flatMap(({ row, outcome }) => (outcome?.notes ?? []).map((note) => `- ${row.name}: ${note}`));
  const day = new Date().toISOString().slice(0, 10);
  const machine = `${cpu}, ${cores} cores, ${megabytes(memoryBytes)}, ${platform}, Node ${node}, load ${load.toFixed(1)}`;
  return `${day}, ${size} counts, seed ${seed}. ${machine}.\n\n${table(head, rows)}\n\n${notes.join('\n')}\n`;
}

function cellsOf({ faults, losses, reported, control }: Outcome): string[] {
  const number = (value: number): string => value.toLocaleString('en');
  return [
    `${number(losses.length)} / ${number(faults)}`,
    reported === undefined ? '' : `${number(reported.told)} / ${number(reported.due)}`,
    `${number(control.losses)} / ${number(control.of)} ${control.how}`,
  ];
}
