/** Measures how gently answers degrade: the same questions with typing slips, half-remembered names, in other languages. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseQuery } from '../../src/rank/query.ts';
import { findRanked } from '../../src/search.ts';
import { mend } from '../../src/spelling.ts';
import { splitIdentifier } from '../../src/tokens.ts';
import { groups, interval, macro, ndcg, percentile, randomFrom } from './metrics.ts';
import { places, prefixOf, type Question, readQuestions, readSpecs, withIndex } from './semble.ts';

const HELP = `Asks questions of the benchmark as they are and damaged, and prints NDCG@10 of both.

  node test/eval/damaged.ts --bench DIR --corpora DIR [--model NAME]
`;

/** Questions that are not symbols, taken at equal distances from each repository; every symbol is taken. */
const QUESTIONS_A_REPOSITORY = 4;
const SEED = 11;
/** Words shorter than this are rarely mistyped in a way that matters. */
const MISTYPED_LETTERS_MIN = 5;
const MISTYPED_WORDS = 2;

type Asked = {
  readonly repo: string;
  readonly damage: string;
  readonly plain: number;
  readonly damaged: number;
  readonly mended: number;
};
type Damage = readonly [name: string, text: string];

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    model: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.bench === undefined || values.corpora === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
await main(values.bench, values.corpora, values.model);

async function main(bench: string, corpora: string, model: string | undefined): Promise<void> {
  const asked: Asked[] = [];
  const mendMs: number[] = [];
  const translated = readTranslations();
  const random = randomFrom(SEED);
  const specs = readSpecs(bench).filter(({ pinned }) => pinned);
  for (const spec of specs.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const questions = readQuestions(bench, spec);
    const damages = damagesOf(questions, translated.get(spec.name) ?? [], random);
    await withIndex(corpora, spec, model, async (engine) => {
      const ask = async (text: string, question: Question, isMended: boolean): Promise<number> => {
        let query = parseQuery(text, {}, 10, 20_000);
        if (isMended) {
          const startedMs = performance.now();
          const { query: better, read } = mend(engine.store, query);
          if (read.size > 0) mendMs.push(performance.now() - startedMs);
          query = better;
        }
        return ndcg(places(await findRanked(engine, query), prefixOf(spec)), question.targets);
      };
      for (const question of questions) {
        const plain = await ask(question.text, question, false);
        const same = { repo: spec.name, plain };
        asked.push({ ...same, damage: 'none', damaged: plain, mended: await ask(question.text, question, true) });
        for (const [damage, text] of damages.get(question) ?? [])
          asked.push({
            ...same,
            damage,
            damaged: await ask(text, question, false),
            mended: await ask(text, question, true),
          });
      }
    });
    process.stderr.write(`${spec.name}\n`);
  }
  process.stdout.write(report(asked));
  process.stdout.write(
    `\nmending took ${percentile(mendMs, 0.5).toFixed(2)} ms (median), ${percentile(mendMs, 0.95).toFixed(2)} ms (95th percentile) where it found anything\n`,
  );
}

function report(asked: readonly Asked[]): string {
  const lines = [
    '| damage | questions | as they are | damaged (95 %) | damaged, mended (95 %) |',
    '| --- | --- | --- | --- | --- |',
  ];
  for (const [damage, rows] of groups(asked, (row) => row.damage)) {
    const of = (measure: (row: Asked) => number): string => macro(rows, ({ repo }) => repo, measure).toFixed(3);
    const span = (measure: (row: Asked) => number): string =>
      interval([...groups(rows, ({ repo }) => repo).values()].map((group) => group.map(measure)))
        .map((bound) => bound.toFixed(2))
        .join('-');
    const both = (measure: (row: Asked) => number): string => `${of(measure)} (${span(measure)})`;
    lines.push(
      `| ${damage} | ${rows.length} | ${of(({ plain }) => plain)} | ${both(({ damaged }) => damaged)} | ${both(({ mended }) => mended)} |`,
    );
  }
  return `${lines.join('\n')}\n`;
}

type Translation = {
  readonly repo: string;
  readonly index: number;
  readonly de: string;
  readonly es: string;
  readonly zh: string;
};

function readTranslations(): Map<string, Translation[]> {
  const file = new URL('translated.json', import.meta.url);
  return groups(JSON.parse(readFileSync(file, 'utf8')) as Translation[], ({ repo }) => repo);
}

function damagesOf(questions: readonly Question[], translations: readonly Translation[], random: () => number) {
  const damages = new Map<Question, Damage[]>();
  const add = (question: Question, ...more: Damage[]): void => {
    damages.set(question, [...(damages.get(question) ?? []), ...more]);
  };
  const sentences = questions.filter(({ category }) => category !== 'symbol');
  for (let at = 0; at < QUESTIONS_A_REPOSITORY; at++) {
    const question = sentences[Math.floor(((at + 0.5) * sentences.length) / QUESTIONS_A_REPOSITORY)]!;
    add(question, ['typing slips', mistype(question.text, random)]);
  }
  for (const question of questions.filter(({ category }) => category === 'symbol')) {
    add(question, ['symbol: typing slip', mistype(question.text, random)], ...misremember(question.text));
  }
  for (const { index, de, es, zh } of translations)
    add(questions[index]!, ['in German', de], ['in Spanish', es], ['in Chinese', zh]);
  return damages;
}

/** One letter swapped with the next, dropped, doubled or missed by a key, in each of the longest words; the first letter stays. */
function mistype(text: string, random: () => number): string {
  const words = [...new Set(text.match(/\p{L}+/gu) ?? [])].filter(({ length }) => length >= MISTYPED_LETTERS_MIN);
  let mistyped = text;
  for (const word of words.sort((a, b) => b.length - a.length).slice(0, MISTYPED_WORDS)) {
    const at = 1 + Math.floor(random() * (word.length - 2));
    const [head, one, two, rest] = [word.slice(0, at), word[at]!, word[at + 1]!, word.slice(at + 2)];
    const slips = [two + one, two, one + one + two, keyBeside(one, random) + two];
    mistyped = mistyped.replace(word, head + slips[Math.floor(random() * slips.length)]! + rest);
  }
  return mistyped;
}

/** The key left or right of a letter's own. */
function keyBeside(letter: string, random: () => number): string {
  const row = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'].find((keys) => keys.includes(letter.toLowerCase()));
  if (row === undefined) return letter;
  const at = row.indexOf(letter.toLowerCase());
  return row[at === 0 ? 1 : at === row.length - 1 || random() < 0.5 ? at - 1 : at + 1]!;
}

/** A name as it comes to mind: written another way, its words turned round, one forgotten, or only its beginning. */
function misremember(name: string): Damage[] {
  const own = name.match(/[\p{L}_$][\p{L}\p{N}_$]*$/u)?.[0] ?? name;
  const words = splitIdentifier(own);
  const joined = (parts: readonly string[]): string =>
    own.includes('_') ? parts.join('_') : parts.map((part) => part[0]!.toUpperCase() + part.slice(1)).join('');
  const other = own.includes('_')
    ? words.map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1))).join('')
    : words.join('_');
  const damages: Damage[] = [];
  if (own.length >= 6) damages.push(['symbol: beginning only', own.slice(0, Math.ceil(own.length * 0.6))]);
  if (words.length === 1) return damages;
  damages.push(['symbol: camelCase for snake_case and back', other]);
  damages.push(['symbol: words in another order', joined([...words.slice(1), words[0]!])]);
  damages.push([
    'symbol: a word forgotten',
    joined(words.length > 2 ? words.filter((_, at) => at !== 1) : words.slice(0, 1)),
  ]);
  return damages;
}
