/** Learns the ranking's weights on one half of the repositories and checks them on the other. See test/eval/README.md. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { type Found, gather } from '../../src/rank/evidence.ts';
import { REPEAT_COST, SYMBOL_WEIGHTS, TEXT_WEIGHTS, type Weights } from '../../src/rank/rank.ts';
import { SIGNALS, type SignalName } from '../../src/rank/signals.ts';
import { type Listed, learn } from './listwise.ts';
import { hits, macro, ndcg, type Place } from './metrics.ts';
import { type Gathered, readSpecs, runRepository } from './semble.ts';

const HELP = `Learns the weights of src/rank/rank.ts.

  node test/eval/tune.ts --bench DIR --corpora DIR --gathered DIR

  --gathered DIR   keeps what the retrievers found, so that only the first run indexes

Prints what each half of the repositories (every other one in name order) learns, and what each weighting scores on both.
`;

/** Signals that no question of the benchmark can teach anything about: their weights stay as they are. */
const NOT_LEARNED = new Set<SignalName>(['words in order', 'place named']);
const NAMES = (Object.keys(SIGNALS) as SignalName[]).filter((name) => !NOT_LEARNED.has(name));

/** Both halves begin here and not from weights that either has learned: every signal speaks as loud as every other. */
const START_WEIGHT = 0.4;

/** One question with every signal of every candidate. */
type Prepared = Listed & {
  readonly repo: string;
  readonly symbol: boolean;
  readonly places: readonly Place[];
  readonly targets: Gathered['question']['targets'];
};

type Tuning = { readonly text: readonly number[]; readonly symbol: readonly number[] };

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    gathered: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.bench === undefined || values.corpora === undefined || values.gathered === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
await main(values.bench, values.corpora, values.gathered);

async function main(bench: string, corpora: string, folder: string): Promise<void> {
  const names = readSpecs(bench)
    .filter(({ pinned }) => pinned)
    .map(({ name }) => name)
    .sort();
  await gatherAll(bench, corpora, folder, names);
  const prepared = names
    .filter((name) => existsSync(join(folder, `${name}.bin`)))
    .flatMap((name) => load(join(folder, `${name}.bin`)).map(prepare));
  const odd = new Set(names.filter((_, at) => at % 2 === 0));
  const halves = {
    odd: prepared.filter(({ repo }) => odd.has(repo)),
    even: prepared.filter(({ repo }) => !odd.has(repo)),
  };
  const say = (title: string, tuning: Tuning): void => {
    const scores = [halves.odd, halves.even, prepared].map((rows) => score(rows, tuning).toFixed(4));
    process.stdout.write(`${title.padEnd(18)} odd ${scores[0]}  even ${scores[1]}  all ${scores[2]}\n`);
  };
  const shipped = { text: listOf(TEXT_WEIGHTS), symbol: listOf(SYMBOL_WEIGHTS) };
  say('as shipped', shipped);
  say('start', { text: startOf(TEXT_WEIGHTS), symbol: startOf(SYMBOL_WEIGHTS) });
  const learned = Object.entries(halves).map(([half, rows]) => [half, tune(rows)] as const);
  for (const [half, tuning] of learned) say(`learned from ${half}`, tuning);
  process.stdout.write(`\n${'signal'.padEnd(20)}text: odd  even  shipped   symbol: odd  even  shipped\n`);
  NAMES.forEach((name, at) => {
    const row = (['text', 'symbol'] as const).map((kind) =>
      [...learned.map(([, tuning]) => tuning[kind][at]!), shipped[kind][at]!].map((one) => one.toFixed(2)).join('  '),
    );
    process.stdout.write(`${name.padEnd(20)}${row.join('    ')}\n`);
  });
}

function listOf(weights: Weights): number[] {
  return NAMES.map((name) => weights[name]);
}

function startOf(weights: Weights): number[] {
  return NAMES.map((name) => Math.sign(weights[name]) * START_WEIGHT);
}

function tune(rows: readonly Prepared[]): Tuning {
  const of = (symbol: boolean, weights: Weights): number[] =>
    learn(
      rows.filter((one) => one.symbol === symbol),
      startOf(weights),
    );
  return { text: of(false, TEXT_WEIGHTS), symbol: of(true, SYMBOL_WEIGHTS) };
}

async function gatherAll(bench: string, corpora: string, folder: string, names: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const have = new Set(readdirSync(folder));
  for (const spec of readSpecs(bench)) {
    if (!names.includes(spec.name) || have.has(`${spec.name}.bin`)) continue;
    const run = await runRepository(bench, corpora, spec, undefined);
    if (run === undefined) continue;
    // Each chunk's words once, however many questions found it.
    const words = new Map(run.gathered.flatMap(({ found }) => found.map((one) => [one.row.id, one.words] as const)));
    const slim = run.gathered.map((one) => ({ ...one, found: one.found.map(({ words: _, ...rest }) => rest) }));
    writeFileSync(join(folder, `${spec.name}.bin`), serialize({ slim, words }));
    process.stderr.write(`gathered ${spec.name}\n`);
  }
}

function load(file: string): Gathered[] {
  const { slim, words } = deserialize(readFileSync(file)) as {
    slim: (Omit<Gathered, 'found'> & { found: Omit<Found, 'words'>[] })[];
    words: Map<number, Found['words']>;
  };
  return slim.map((one) => ({
    ...one,
    found: one.found.map((found) => ({ ...found, words: words.get(found.row.id)! })),
  }));
}

function prepare({ question, query, found, rarities }: Gathered): Prepared {
  const evidence = gather(query, found, (term) => rarities.get(term) ?? 0);
  const order = [...evidence.candidates].sort(
    (a, b) => (a.row.path < b.row.path ? -1 : a.row.path > b.row.path ? 1 : 0) || a.row.startLine - b.row.startLine,
  );
  const places = order.map(({ row }) => ({
    path: row.path,
    startLine: Math.max(1, row.startLine),
    endLine: Math.max(1, row.endLine),
  }));
  const isRight = order.map(({ row }, at) => [row.fileId, isHit(places[at]!, question.targets)] as const);
  return {
    repo: question.repo,
    group: question.repo,
    symbol: query.kind === 'symbol' || query.kind === 'path',
    signals: Float64Array.from(order.flatMap((candidate) => NAMES.map((name) => SIGNALS[name](candidate, evidence)))),
    files: Int32Array.from(order, ({ row }) => row.fileId),
    rightFiles: new Set(isRight.filter(([, right]) => right).map(([file]) => file)),
    places,
    targets: question.targets,
  };
}

function isHit(place: Place, targets: Gathered['question']['targets']): boolean {
  return targets.some((target) => hits(place, target));
}

function score(prepared: readonly Prepared[], tuning: Tuning): number {
  return macro(
    prepared,
    ({ repo }) => repo,
    (one) => ndcg(firstTen(one, one.symbol ? tuning.symbol : tuning.text), one.targets),
  );
}

/** The same order as rank.ts gives: weighted sum, then a cost for each chunk of a file before it. */
function firstTen(one: Prepared, weights: readonly number[]): Place[] {
  const count = one.places.length;
  const scores = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let j = 0; j < weights.length; j++) sum += one.signals[i * weights.length + j]! * weights[j]!;
    scores[i] = sum;
  }
  const byScore = (a: number, b: number): number => scores[b]! - scores[a]! || a - b;
  const order = Array.from({ length: count }, (_, i) => i).sort(byScore);
  const shown = new Map<number, number>();
  for (const i of order) {
    const before = shown.get(one.files[i]!) ?? 0;
    shown.set(one.files[i]!, before + 1);
    scores[i]! -= REPEAT_COST * before;
  }
  return order
    .sort(byScore)
    .slice(0, 10)
    .map((i) => one.places[i]!);
}
