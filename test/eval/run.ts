/** Measures quality: `npm run eval -- --bench DIR --corpora DIR`. See test/eval/README.md. */
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { locateModel } from '../../src/library/shelf.ts';
import { type Completed, completeReport, completeRepository } from './complete.ts';
import { type Documented, docsReport, documentRepository } from './docs.ts';
import { type DriftRun, driftReport, driftRepository } from './drift.ts';
import { type DuplicatesRun, duplicatesReport, runDuplicates } from './duplicates.ts';
import { groups, interval, macro, mean, ndcg, percentile } from './metrics.ts';
import { runMteb } from './mteb.ts';
import { ABLATIONS, type Ablation, type Asked, readSpecs, rootOf, runRepository, type Spec } from './semble.ts';
import { askClones, askTasks, askTwins, PAIRS, type SimilarAsked, similarReport } from './similar.ts';

const HELP = `Measures retrieval quality on an outside benchmark.

  npm run eval -- --bench DIR --corpora DIR [options]

  --bench DIR      folder with semble/ (repos.json, annotations/) and mteb/ (mbpp/, humaneval/)
  --corpora DIR    one folder per repository, as the benchmark's layout script makes them
  --set NAME       semble (default), complete, similar, duplicates, docs, drift, mbpp, humaneval or all
  --only NAMES     repositories, separated by commas; 'pinned' (default): those of the published revision; 'all'
  --half odd|even  every other repository in name order: tune on one half, check on the other
  --model NAME     a model folder or name; 'none' for words alone; with a slow one, DOWSER_CACHE keeps what it made
  --dimensions N   size of its embeddings (mbpp, humaneval)
  --retriever vectors, --raw
                   of mbpp and humaneval, which know no other: the model alone, one embedding a text, no path before it
  --out FILE       one JSON line per question with its ten results, as the benchmark's own scorer reads them
`;

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    set: { type: 'string', default: 'semble' },
    only: { type: 'string', default: 'pinned' },
    half: { type: 'string' },
    model: { type: 'string' },
    dimensions: { type: 'string' },
    retriever: { type: 'string' },
    raw: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const isOfModel = values.set === 'mbpp' || values.set === 'humaneval' || values.set === 'all';
const isUnknown = values.retriever !== undefined && values.retriever !== 'vectors';
const isMisplaced = (values.retriever !== undefined || values.raw) && !isOfModel;
if (values.help || values.bench === undefined || isUnknown || isMisplaced) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const { bench, corpora, set, only, half, out } = values;
/** As dowser itself finds it: bundled, added to the user's shelf, or a folder. */
const model =
  values.model === undefined || values.model === 'none'
    ? values.model
    : locateModel(values.model, process.env.DOWSER_CACHE || undefined);

for (const name of ['mbpp', 'humaneval'] as const) {
  if (set !== name && set !== 'all') continue;
  const size = values.dimensions === undefined ? undefined : Number(values.dimensions);
  const { ndcg, queries, id } = await runMteb(bench, name, { model, dimensions: size });
  process.stdout.write(`${name}: NDCG@10 ${(100 * ndcg).toFixed(2)} over ${queries} queries (${id} alone)\n`);
}
if (set === 'semble' || set === 'all') await runSemble();
if (set === 'complete') await runComplete();
if (set === 'similar') await runSimilar();
if (set === 'duplicates') await runPlanted();
if (set === 'docs') await runDocs();
if (set === 'drift') await runDrift();

/** The repositories that were asked for, in name order. */
function chosenSpecs(): Spec[] {
  const names = only.split(',');
  return readSpecs(bench!)
    .filter(({ name, pinned }) => only === 'all' || (only === 'pinned' ? pinned : names.includes(name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .filter((_, at) => half === undefined || (half === 'odd') === (at % 2 === 0));
}

function corporaFolder(): string {
  if (corpora !== undefined) return corpora;
  process.stderr.write('--corpora is missing: the folder with the laid-out repositories\n');
  process.exit(2);
}

async function runDrift(): Promise<void> {
  const runs: DriftRun[] = [];
  for (const { name, language } of chosenSpecs()) {
    const run = await driftRepository(join(corporaFolder(), name), name, language);
    runs.push(run);
    const found = run.planted.filter(({ isFound }) => isFound).length;
    process.stderr.write(`${name.padEnd(20)} ${found} of ${run.planted.length} found, ${run.extras.length} extras\n`);
  }
  process.stdout.write(driftReport(runs));
  if (out !== undefined) writeFileSync(out, runs.map((run) => `${JSON.stringify(run)}\n`).join(''));
}

async function runDocs(): Promise<void> {
  const documented: Documented[] = [];
  for (const spec of chosenSpecs()) {
    const rows = await documentRepository(corporaFolder(), spec, model);
    documented.push(...rows);
    const share = mean(rows.map(({ rank }) => Number(rank.search_code > 0 && rank.search_code <= 5)));
    process.stderr.write(`${spec.name.padEnd(20)} ${share.toFixed(3)}  ${rows.length} questions\n`);
  }
  process.stdout.write(docsReport(documented));
  if (out !== undefined) writeFileSync(out, documented.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

async function runComplete(): Promise<void> {
  const folder = corporaFolder();
  const completed: Completed[] = [];
  for (const spec of chosenSpecs().filter((one) => existsSync(rootOf(folder, one)))) {
    const rows = await completeRepository(folder, spec, model);
    completed.push(...rows);
    const share = mean(rows.map(({ names }) => names.complete_context[2_000]));
    process.stderr.write(`${spec.name.padEnd(20)} ${share.toFixed(3)}  ${rows.length} functions\n`);
  }
  process.stdout.write(completeReport(completed));
}

async function runPlanted(): Promise<void> {
  const folder = corporaFolder();
  const runs: DuplicatesRun[] = [];
  for (const spec of chosenSpecs().filter((one) => existsSync(rootOf(folder, one)))) {
    const run = await runDuplicates(folder, spec);
    runs.push(run);
    const found = run.planted.filter((one) => one.found !== undefined);
    const right = run.reported.filter(({ isRight }) => isRight);
    process.stderr.write(
      `${spec.name.padEnd(20)} ${found.length} of ${run.planted.length} planted, ${right.length} of ${run.reported.length} groups right (${run.bound.toFixed(2)} is chance), ${(run.ms / 1_000).toFixed(1)} s\n`,
    );
  }
  process.stdout.write(duplicatesReport(runs));
  if (out !== undefined)
    writeFileSync(
      out,
      runs.flatMap((run) => [...run.planted, ...run.reported].map((one) => `${JSON.stringify(one)}\n`)).join(''),
    );
}

async function runSimilar(): Promise<void> {
  const folder = corporaFolder();
  const asked: SimilarAsked[] = [];
  const note = (name: string, rows: readonly SimilarAsked[]): void => {
    asked.push(...rows);
    const share = mean(rows.map(({ ranks }) => Number(ranks.find_similar > 0 && ranks.find_similar <= 5)));
    process.stderr.write(`${name.padEnd(32)} ${share.toFixed(3)}  ${rows.length} questions\n`);
  };
  const specs = chosenSpecs().filter((one) => existsSync(rootOf(folder, one)));
  for (const spec of specs) note(spec.name, await askClones(folder, spec, model));
  for (const names of PAIRS) {
    const pair = names.map((name) => specs.find((spec) => spec.name === name));
    if (pair[0] && pair[1]) note(names.join('+'), await askTwins(folder, [pair[0], pair[1]], model));
  }
  const around = specs.filter(({ name }) => ['flask', 'express', 'gin'].includes(name));
  note('tasks in three languages', await askTasks(folder, around, model));
  process.stdout.write(similarReport(asked));
  if (out !== undefined) writeFileSync(out, asked.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

async function runSemble(): Promise<void> {
  const folder = corporaFolder();
  const asked: Asked[] = [];
  const missing: string[] = [];
  for (const spec of chosenSpecs()) {
    const run = await runRepository(bench!, folder, spec, model);
    if (run === undefined) {
      missing.push(spec.name);
      continue;
    }
    asked.push(...run.asked);
    const score = mean(run.asked.map((one) => ndcg(one.places.full, one.targets)));
    process.stderr.write(
      `${spec.name.padEnd(20)} ${score.toFixed(3)}  ${run.chunks} chunks in ${(run.indexMs / 1000).toFixed(1)} s\n`,
    );
  }
  process.stdout.write(report(asked, missing));
  if (out !== undefined) writeFileSync(out, asked.map(resultLine).join(''));
}

function report(asked: readonly Asked[], missing: readonly string[]): string {
  const of = (rows: readonly Asked[], ablation: Ablation): number =>
    macro(
      rows,
      ({ repo }) => repo,
      (one) => ndcg(one.places[ablation], one.targets),
    );
  const lines: string[] = [''];
  const table = (title: string, parts: Iterable<[string, Asked[]]>): void => {
    lines.push(
      `| ${title} | questions | ${ABLATIONS.join(' | ')} | full, 95 % of bootstraps |`,
      `| --- | --- |${' --- |'.repeat(ABLATIONS.length + 1)}`,
    );
    for (const [name, rows] of parts)
      lines.push(
        `| ${name} | ${rows.length} | ${ABLATIONS.map((ablation) => of(rows, ablation).toFixed(3)).join(' | ')} | ${spanOf(rows)} |`,
      );
    lines.push('');
  };
  table('NDCG@10', [['all', [...asked]]]);
  table('category', [...groups(asked, ({ category }) => category)].sort());
  table('language', [...groups(asked, ({ language }) => language)].sort());
  table('repository', [...groups(asked, ({ repo }) => repo)].sort());
  const ms = asked.map((one) => one.ms);
  lines.push(
    `query p50 ${percentile(ms, 0.5).toFixed(1)} ms, p95 ${percentile(ms, 0.95).toFixed(1)} ms; ` +
      `${availableParallelism()} cores, load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}`,
  );
  if (missing.length > 0) lines.push(`not laid out, so not in any mean: ${missing.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

/** Where the mean of the full answers lies in 95 of 100 samples of such repositories and questions. */
function spanOf(rows: readonly Asked[]): string {
  const scores = [...groups(rows, ({ repo }) => repo).values()].map((group) =>
    group.map((one) => ndcg(one.places.full, one.targets)),
  );
  return interval(scores)
    .map((bound) => bound.toFixed(3))
    .join('-');
}

function resultLine({ repo, text, places, ms }: Asked): string {
  const results = places.full.map(({ path, startLine, endLine }) => ({
    path,
    start_line: startLine,
    end_line: endLine,
  }));
  return `${JSON.stringify({ repo, query: text, results, ms })}\n`;
}
