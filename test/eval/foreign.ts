/** Measures and learns when an answer is called weak: each repository is asked its own questions and those of others. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Clues, calibrate, cluesOf, judge, type Verdict } from '../../src/rank/confidence.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { rank } from '../../src/rank/rank.ts';
import { type Engine, findCandidates } from '../../src/search.ts';
import { mend } from '../../src/spelling.ts';
import { type Example, fitLogistic } from './logistic.ts';
import { groups, interval, mean, percentile } from './metrics.ts';
import { type Question, readQuestions, readSpecs, type Spec, withIndex } from './semble.ts';

const HELP = `Asks each repository its own questions and those of others, and counts which answers are called weak.

  node test/eval/foreign.ts --bench DIR --corpora DIR [--kept FILE] [--fit] [--unflagged] [--unseen] [--model NAME]

  --kept FILE    keeps every question's clues, so that only the first run indexes
  --fit          also learns the calibration: on each half of the repositories, checked on the other, then on all
  --unseen       asks the repositories that are not pinned, which nothing was learned from
  --unflagged    also lists the foreign questions of the same language that are not called weak
`;

/** Repositories of other languages that each one is asked the questions of: these many places on in name order. */
const OTHERS_AT = [7, 13, 20];
/** Own questions that may be called weak by mistake. */
const FALSE_SHARE = 0.05;
/** A foreign question of another language is easier to tell, and weighs this much of one of the same in learning. */
const OTHER_LANGUAGE_WEIGHT = 0.4;

const CLUES: readonly (keyof Clues)[] = ['match', 'topic', 'path', 'lead', 'unknown'];

/** One question asked of one repository, with the model and by words alone. */
type Row = {
  readonly repo: string;
  readonly from: string;
  readonly kin: 'own' | 'same language' | 'other language';
  readonly symbol: boolean;
  readonly text: string;
  readonly full: Asked;
  readonly words: Asked;
};
type Asked = Verdict & { readonly clues: Clues };
type Mode = 'full' | 'words';

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    kept: { type: 'string' },
    model: { type: 'string' },
    fit: { type: 'boolean', default: false },
    unflagged: { type: 'boolean', default: false },
    unseen: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.bench === undefined || values.corpora === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const kept = values.kept;
const rows =
  kept !== undefined && existsSync(kept)
    ? (JSON.parse(readFileSync(kept, 'utf8')) as Row[])
    : await askAll(values.bench, values.corpora, values.model);
if (kept !== undefined) writeFileSync(kept, JSON.stringify(rows));
const names = [...new Set(rows.map(({ repo }) => repo))].sort();
const isOdd = ({ repo }: Row): boolean => names.indexOf(repo) % 2 === 0;

for (const mode of ['full', 'words'] as const) {
  say(`\n## ${mode === 'full' ? 'words and meaning' : 'words alone'}\n`);
  table('called weak, as shipped', rows, (row) => row[mode].weak);
  if (values.fit) learnBothWays(mode);
}
if (values.unflagged)
  for (const row of rows.filter(isForeignQuestion('same language')))
    if (!row.full.weak) say(`${row.repo} <- ${row.from} | ${row.text} | ${row.full.confidence.toFixed(2)}`);

async function askAll(bench: string, corpora: string, model: string | undefined): Promise<Row[]> {
  const all = readSpecs(bench).sort((a, b) => (a.name < b.name ? -1 : 1));
  const specs = all.filter(({ pinned }) => pinned !== values.unseen);
  const asked: Row[] = [];
  for (const [at, spec] of specs.entries()) {
    const kinOf = (from: Spec): Row['kin'] =>
      from === spec ? 'own' : from.language === spec.language ? 'same language' : 'other language';
    const others = OTHERS_AT.map((step) => specs[(at + step) % specs.length]!);
    const sources = (values.unseen ? all : specs).filter(
      (from) => kinOf(from) !== 'other language' || others.includes(from),
    );
    await withIndex(corpora, spec, model, async (engine) => {
      for (const from of sources)
        for (const question of readQuestions(bench, from))
          asked.push(await ask(engine, spec.name, question, kinOf(from)));
    });
    process.stderr.write(`${spec.name}\n`);
  }
  return asked;
}

async function ask(engine: Engine, repo: string, { text, category, repo: from }: Question, kin: Row['kin']) {
  const asked = parseQuery(text, {}, 10, 20_000);
  const { query } = mend(engine.store, asked);
  const ask = async (engine: Engine): Promise<Asked> => {
    const { found, rarity } = await findCandidates(engine, query);
    const ranked = rank(query, found, rarity);
    return { ...judge(asked, ranked, rarity), clues: cluesOf(asked.terms, ranked, rarity) };
  };
  const full = await ask(engine);
  const words = await ask({ ...engine, embedder: undefined });
  return { repo, from, kin, symbol: category === 'symbol', text, full, words };
}

/** Shares called weak: of own questions by mistake, of foreign ones rightly; by half of the repositories. */
function table(title: string, all: readonly Row[], isWeak: (row: Row) => boolean): void {
  say(`| ${title} | own, all | own, not symbols | same language | other language | foreign symbols, same language |`);
  say('| --- | --- | --- | --- | --- | --- |');
  const parts: [string, (row: Row) => boolean][] = [['all', () => true]];
  if (all === rows) parts.push(['odd half', isOdd], ['even half', (row) => !isOdd(row)]);
  for (const [name, wanted] of parts) {
    const cells = [
      ({ kin }: Row) => kin === 'own',
      ({ kin, symbol }: Row) => kin === 'own' && !symbol,
      isForeignQuestion('same language'),
      isForeignQuestion('other language'),
      ({ kin, symbol }: Row) => kin === 'same language' && symbol,
    ].map((belongs) => {
      const part = all.filter((row) => wanted(row) && belongs(row));
      return share(part, isWeak);
    });
    say(`| ${name} | ${cells.join(' | ')} |`);
  }
  say('');
}

function isForeignQuestion(kin: Row['kin']): (row: Row) => boolean {
  return (row) => row.kin === kin && !row.symbol;
}

/** Share of all questions together, with its bootstrap interval over repositories and questions. */
function share(part: readonly Row[], isWeak: (row: Row) => boolean): string {
  const flags = [...groups(part, ({ repo }) => repo).values()].map((group) => group.map((row) => Number(isWeak(row))));
  const [low, high] = interval(flags, (drawn) => mean(drawn.flat()));
  const percent = (value: number): string => (100 * value).toFixed(1);
  return `${percent(mean(flags.flat()))} % of ${part.length} (${percent(low)}-${percent(high)})`;
}

function learnBothWays(mode: Mode): void {
  const halves = { odd: rows.filter(isOdd), even: rows.filter((row) => !isOdd(row)) };
  for (const [name, from, to] of [
    ['learned on odd, asked of even', halves.odd, halves.even],
    ['learned on even, asked of odd', halves.even, halves.odd],
    ['learned on all, asked of all', rows, rows],
  ] as const) {
    const learned = learn(from, mode);
    const weights = Object.fromEntries(CLUES.map((clue, at) => [clue, learned.weights[at]!])) as Clues;
    const sureness = (row: Row): number => calibrate(row[mode].clues, { weights, offset: learned.offset });
    const own = from.filter(({ kin, symbol }) => kin === 'own' && !symbol);
    const weakBelow = percentile(own.map(sureness), FALSE_SHARE);
    table(name, to, (row) => sureness(row) < weakBelow);
    const rounded = CLUES.map((clue) => `${clue}: ${weights[clue].toFixed(1)}`).join(', ');
    say(`weights { ${rounded} }, offset ${learned.offset.toFixed(1)}, weakBelow ${weakBelow.toFixed(3)}\n`);
  }
}

function learn(from: readonly Row[], mode: Mode) {
  const asked = from.filter(({ symbol }) => !symbol);
  const count = (kin: Row['kin']): number => asked.filter((row) => row.kin === kin).length;
  const weight: Record<Row['kin'], number> = {
    own: 1 / count('own'),
    'same language': (1 - OTHER_LANGUAGE_WEIGHT) / count('same language'),
    'other language': OTHER_LANGUAGE_WEIGHT / count('other language'),
  };
  const examples = asked.map((row): Example => {
    const clues = row[mode].clues;
    return { clues: CLUES.map((clue) => clues[clue]), yes: row.kin === 'own', weight: weight[row.kin] };
  });
  return fitLogistic(examples);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
