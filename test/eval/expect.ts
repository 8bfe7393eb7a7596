/** Learns which clues speak for a name at a cursor: `node test/eval/expect.ts --bench DIR --corpora DIR`. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cursorOf, surroundingsOf } from '../../src/cursor.ts';
import { CLUE_NAMES, expectNames } from '../../src/expect.ts';
import { openDisk } from '../../src/show.ts';
import { forEachCut } from './complete.ts';
import { type Example, fitLogistic, type Model } from './logistic.ts';
import { macro } from './metrics.ts';
import { readSpecs, rootOf } from './semble.ts';

const HELP = `Learns the weights of src/expect.ts from functions with their ends cut off (see cuts.ts).

  node test/eval/expect.ts --bench DIR --corpora DIR

Prints the weights of either half of the repositories, and which share of the names each half's weights bring among the first
20, 40 and 80 on both halves.
`;

const FIRST = [20, 40, 80] as const;

type Looked = {
  readonly repo: string;
  readonly isOdd: boolean;
  readonly total: number;
  readonly names: readonly { readonly clues: readonly number[]; readonly yes: boolean }[];
};

const { values } = parseArgs({
  options: { bench: { type: 'string' }, corpora: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help || values.bench === undefined || values.corpora === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const { bench, corpora } = values;

const looked: Looked[] = [];
const specs = readSpecs(bench).filter((spec) => existsSync(rootOf(corpora, spec)));
for (const [at, spec] of specs.sort((a, b) => (a.name < b.name ? -1 : 1)).entries()) {
  process.stderr.write(`${spec.name}\n`);
  await forEachCut(corpora, spec, undefined, async ({ engine, root }, { path, cutLine, names }) => {
    const cursor = await cursorOf(engine(), { path, line: Math.max(1, cutLine - 1) });
    const { expected } = await expectNames(engine(), surroundingsOf(cursor), openDisk(root).read);
    const wanted = new Set(names);
    const judged = expected.map(({ name, clues }) => {
      return { clues: CLUE_NAMES.map((clue) => clues[clue]), yes: wanted.has(name) };
    });
    looked.push({ repo: spec.name, isOdd: at % 2 === 0, total: names.length, names: judged });
  });
}

const halves = { odd: looked.filter(({ isOdd }) => isOdd), even: looked.filter(({ isOdd }) => !isOdd) };
const models = { odd: learn(halves.odd), even: learn(halves.even) };
process.stdout.write('| clue | odd half | even half |\n| --- | --- | --- |\n');
for (const [at, name] of [...CLUE_NAMES.entries(), [-1, 'offset'] as const]) {
  const cells = [models.odd, models.even].map(({ weights, offset }) => (weights[at] ?? offset).toFixed(2));
  process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
}
for (const half of ['odd', 'even'] as const) {
  for (const model of ['odd', 'even'] as const) {
    const shares = FIRST.map((count) => share(halves[half], models[model], count).toFixed(3));
    process.stdout.write(
      `${half} half, weights of the ${model} one: ${shares.join(', ')} of the names are among the first ${FIRST.join(', ')}\n`,
    );
  }
}

function learn(rows: readonly Looked[]): Model {
  return fitLogistic(rows.flatMap(({ names }) => names.map((one): Example => ({ ...one, weight: 1 }))));
}

function share(rows: readonly Looked[], { weights }: Model, count: number): number {
  return macro(
    rows,
    ({ repo }) => repo,
    ({ names, total }) => {
      const score = ({ clues }: { clues: readonly number[] }): number =>
        clues.reduce((sum, clue, at) => sum + clue * weights[at]!, 0);
      const first = [...names].sort((a, b) => score(b) - score(a)).slice(0, count);
      return first.filter(({ yes }) => yes).length / total;
    },
  );
}
