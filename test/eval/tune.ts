/** Learns the ranking's weights on one half of the repositories and checks them on the other. See test/eval/README.md. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { type Found, gather, REPEAT_COST, SYMBOL_WEIGHTS, TEXT_WEIGHTS, type Weights } from '../../src/rank/rank.ts';
import { SIGNALS, type SignalName } from '../../src/rank/signals.ts';
import { macro, ndcg, type Place } from './metrics.ts';
import { type Gathered, readSpecs, runRepository } from './semble.ts';

const HELP = `Learns the weights of src/rank/rank.ts by coordinate ascent.

  node test/eval/tune.ts --bench DIR --corpora DIR --gathered DIR [--half odd|even|all]

  --gathered DIR   keeps what the retrievers found, so that only the first run indexes
  --half NAME      the repositories to learn from; the other half is only reported (default odd)
`;

const NAMES = Object.keys(SIGNALS) as SignalName[];
/** Steps tried for each weight, and the gain below which a step is noise. */
const STEPS = [-0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4];
const GAIN_MIN = 0.0003;
const ROUNDS_MAX = 6;
/**
 * What a weight pays for each squared unit that it leaves its start: 17 repositories can't tell such moves from chance. With 0 a half
 * gains 0.02 over the other half's weights and the other loses as much; with 0.03 both differences are under 0.005.
 */
const DISTANCE_COST = 0.03;

/** One question with every signal of every candidate, so that a weighting costs one product. */
type Prepared = {
  readonly repo: string;
  readonly symbol: boolean;
  readonly signals: Float64Array;
  readonly files: Int32Array;
  readonly places: readonly Place[];
  readonly targets: Gathered['question']['targets'];
};

export type Tuning = { readonly text: Weights; readonly symbol: Weights; readonly repeatCost: number };

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    gathered: { type: 'string' },
    half: { type: 'string', default: 'odd' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.bench === undefined || values.corpora === undefined || values.gathered === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
await main(values.bench, values.corpora, values.gathered, values.half);

async function main(bench: string, corpora: string, folder: string, half: string): Promise<void> {
  const names = readSpecs(bench)
    .filter(({ pinned }) => pinned)
    .map(({ name }) => name)
    .sort();
  await gatherAll(bench, corpora, folder, names);
  const prepared = names
    .filter((name) => existsSync(join(folder, `${name}.bin`)))
    .flatMap((name) => load(join(folder, `${name}.bin`)).map(prepare));
  const odd = new Set(names.filter((_, at) => at % 2 === 0));
  const learn = prepared.filter(({ repo }) => half === 'all' || odd.has(repo) === (half === 'odd'));
  const check = prepared.filter((one) => !learn.includes(one));
  const start: Tuning = { text: TEXT_WEIGHTS, symbol: SYMBOL_WEIGHTS, repeatCost: REPEAT_COST };
  const say = (title: string, tuning: Tuning): void => {
    process.stdout.write(
      `${title}: learned from ${score(learn, tuning).toFixed(4)}, other half ${score(check, tuning).toFixed(4)}\n`,
    );
  };
  say('before', start);
  const learned = ascend(learn, start);
  say('after', learned);
  process.stdout.write(`${JSON.stringify(learned, null, 2)}\n`);
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
  const signals = new Float64Array(order.length * NAMES.length);
  order.forEach((candidate, i) => {
    NAMES.forEach((name, j) => {
      signals[i * NAMES.length + j] = SIGNALS[name](candidate, evidence);
    });
  });
  return {
    repo: question.repo,
    symbol: query.kind === 'symbol' || query.kind === 'path',
    signals,
    files: Int32Array.from(order, ({ row }) => row.fileId),
    places: order.map(({ row }) => ({
      path: row.path,
      startLine: Math.max(1, row.startLine),
      endLine: Math.max(1, row.endLine),
    })),
    targets: question.targets,
  };
}

function score(prepared: readonly Prepared[], tuning: Tuning): number {
  return macro(
    prepared,
    ({ repo }) => repo,
    (one) => ndcg(firstTen(one, tuning), one.targets),
  );
}

/** The same order as rank.ts gives: weighted sum, then a cost for each chunk of a file before it. */
function firstTen(one: Prepared, { text, symbol, repeatCost }: Tuning): Place[] {
  const weights = NAMES.map((name) => (one.symbol ? symbol : text)[name]);
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
    scores[i]! -= repeatCost * before;
  }
  return order
    .sort(byScore)
    .slice(0, 10)
    .map((i) => one.places[i]!);
}

function ascend(prepared: readonly Prepared[], start: Tuning): Tuning {
  let best = start;
  const judge = (tuning: Tuning): number => score(prepared, tuning) - DISTANCE_COST * distance(tuning, start);
  let bestScore = judge(best);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const before = bestScore;
    for (const change of changes()) {
      for (const step of STEPS) {
        const next = change(best, step);
        if (next === undefined) continue;
        const nextScore = judge(next);
        if (nextScore <= bestScore + GAIN_MIN) continue;
        best = next;
        bestScore = nextScore;
      }
    }
    process.stderr.write(`round ${round + 1}: ${bestScore.toFixed(4)}\n`);
    if (bestScore - before < GAIN_MIN) break;
  }
  return best;
}

type Change = (tuning: Tuning, step: number) => Tuning | undefined;

/** Every single weight that can be moved. What speaks for a chunk never comes to speak against it: that would be chance. */
function changes(): Change[] {
  const move = (weights: Weights, name: SignalName, step: number): Weights | undefined => {
    const value = round(weights[name] + step);
    const against = TEXT_WEIGHTS[name] < 0;
    return (against ? value > 0 : value < 0) ? undefined : { ...weights, [name]: value };
  };
  const of = (kind: 'text' | 'symbol'): Change[] =>
    NAMES.map((name) => (tuning, step) => {
      const weights = move(tuning[kind], name, step);
      return weights && { ...tuning, [kind]: weights };
    });
  const repeats: Change = (tuning, step) => ({ ...tuning, repeatCost: round(Math.max(0, tuning.repeatCost + step)) });
  return [...of('text'), ...of('symbol'), repeats];
}

/** Sum of the squared moves of all weights. */
function distance(one: Tuning, other: Tuning): number {
  const of = (a: Weights, b: Weights): number => NAMES.reduce((sum, name) => sum + (a[name] - b[name]) ** 2, 0);
  return of(one.text, other.text) + of(one.symbol, other.symbol) + (one.repeatCost - other.repeatCost) ** 2;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
