/** Measures what is read until the first right place: an answer of dowser's, or what grep finds and the files behind it. */
import { parseArgs } from 'node:util';
import { answerText } from '../../src/mcp/text.ts';
import { countTokens } from '../../src/rank/budget.ts';
import { readUnmasked } from '../../src/source/read.ts';
import { isStopWord, stem } from '../../src/tokens.ts';
import { groups, hits, type Place, percentile } from './metrics.ts';
import { prefixOf, type Question, readQuestions, readSpecs, rootOf, type Spec, withIndex } from './semble.ts';

const HELP = `Counts the tokens that are read until the first right place (protocol: test/eval/README.md).

  node test/eval/tokens.ts --bench DIR --corpora DIR [--model NAME]
`;

/** Who has read this much without meeting the right file gives up. */
const READ_TOKENS_MAX = 50_000;
/** What agents let through of a search's output: lines, and characters of a line. */
const GREP_LINES_MAX = 100;
const GREP_LINE_CHARS_MAX = 200;
/** What agents read of a file at once, and what a thrifty one reads around a match. */
const FILE_LINES_MAX = 2_000;
const WINDOW_LINES = 60;

/** What a definition begins with in most languages: whoever looks for a name asks for these. */
const DEFINERS =
  'class|struct|enum|interface|trait|protocol|object|def|defmodule|fn|func|function|fun|type|typedef|const|data';

type Readers = { readonly dowser: number; readonly answer: number; readonly whole: number; readonly windows: number };
type Counted = Readers & { readonly category: string; readonly isAnswered: boolean };
type Text = { readonly path: string; readonly lines: readonly string[]; readonly lower: readonly string[] };

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
process.stdout.write(report(await countAll(values.bench, values.corpora, values.model)));

async function countAll(bench: string, corpora: string, model: string | undefined): Promise<Counted[]> {
  const counted: Counted[] = [];
  const specs = readSpecs(bench).filter(({ pinned }) => pinned);
  for (const spec of specs.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    await withIndex(corpora, spec, model, async (engine, { index }) => {
      const texts = readAll(corpora, spec, [...engine.store.files().keys()]);
      for (const question of readQuestions(bench, spec)) {
        const found = grep(texts, question);
        const whole = readInTurn(found, question, prefixOf(spec), wholeFile);
        const windows = readInTurn(found, question, prefixOf(spec), window);
        const answer = await index.search({ query: question.text });
        const right = answer.snippets.findIndex((snippet) => isRight(question, prefixOf(spec), snippet));
        const upTo = (count: number): number =>
          countTokens(answerText({ ...answer, snippets: answer.snippets.slice(0, count) }, { advice: '' }));
        const all = upTo(answer.snippets.length);
        // Who does not find it in the answer goes on as the thriftier of the two would have begun.
        const dowser = right === -1 ? Math.min(READ_TOKENS_MAX, all + windows) : upTo(right + 1);
        counted.push({ category: question.category, isAnswered: right !== -1, dowser, answer: all, whole, windows });
      }
    });
    process.stderr.write(`${spec.name}\n`);
  }
  return counted;
}

/** All that is indexed: no binary, no minified file, so that grep meets none either. */
function readAll(corpora: string, spec: Spec, paths: readonly string[]): Text[] {
  return paths.flatMap((path) => {
    const read = readUnmasked(rootOf(corpora, spec), path);
    if (!('text' in read)) return [];
    return [{ path, lines: read.text.split(/\r?\n/), lower: read.text.toLowerCase().split(/\r?\n/) }];
  });
}

type Match = {
  readonly text: Text;
  readonly words: number;
  readonly lines: number;
  readonly defines: boolean;
  readonly best: number;
};
type Grep = { readonly tokens: number; readonly matches: readonly Match[] };

/** `grep -n -i` for any of the question's words; its files, those that define a word first, then those with most different words. */
function grep(texts: readonly Text[], question: Question): Grep {
  const words = wordsOf(question.text);
  const definition = new RegExp(`\\b(?:${DEFINERS})\\s+(?:${words.map(escaped).join('|')})\\b`, 'i');
  const output: string[] = [];
  const matches: Match[] = [];
  for (const text of texts) {
    const seen = new Set<string>();
    let [lines, best, most, defines] = [0, 0, 0, false];
    for (const [at, line] of text.lower.entries()) {
      const here = words.filter((word) => line.includes(word));
      if (here.length === 0) continue;
      lines++;
      for (const word of here) seen.add(word);
      if (here.length > most) [most, best] = [here.length, at];
      if (question.category === 'symbol' && !defines && definition.test(line))
        [defines, best, most] = [true, at, words.length];
      if (output.length < GREP_LINES_MAX)
        output.push(`${text.path}:${at + 1}:${text.lines[at]!.slice(0, GREP_LINE_CHARS_MAX)}`);
    }
    if (lines > 0) matches.push({ text, words: seen.size, lines, defines, best });
  }
  matches.sort((a, b) => Number(b.defines) - Number(a.defines) || b.words - a.words || b.lines - a.lines);
  return { tokens: countTokens(output.join('\n')), matches };
}

/** The words that carry meaning: names as written, plain words by their stem, so that `routes` finds `route`. */
function wordsOf(text: string): string[] {
  const words = (text.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []).filter((word) => !isStopWord(word));
  return [...new Set(words.map((word) => stem(word.toLowerCase())))];
}

function escaped(word: string): string {
  return word.replace(/[^\p{L}\p{N}_]/gu, '\\$&');
}

/** Tokens of the search's output, and of what is read of each file in turn, until a right place was read. */
function readInTurn(found: Grep, question: Question, prefix: string, part: (match: Match) => Place): number {
  let tokens = found.tokens;
  for (const match of found.matches) {
    const place = part(match);
    tokens += countTokens(match.text.lines.slice(place.startLine - 1, place.endLine).join('\n'));
    if (tokens >= READ_TOKENS_MAX) break;
    if (isRight(question, prefix, place)) return tokens;
  }
  return READ_TOKENS_MAX;
}

function wholeFile({ text }: Match): Place {
  return { path: text.path, startLine: 1, endLine: Math.min(text.lines.length, FILE_LINES_MAX) };
}

/** Lines around the one with most different words. */
function window({ text, best }: Match): Place {
  const startLine = Math.max(1, best + 1 - WINDOW_LINES / 2);
  return { path: text.path, startLine, endLine: Math.min(text.lines.length, startLine + WINDOW_LINES - 1) };
}

function isRight(question: Question, prefix: string, place: Place): boolean {
  const { startLine, endLine } = place;
  return question.targets.some((target) => hits({ path: prefix + place.path, startLine, endLine }, target));
}

function report(counted: readonly Counted[]): string {
  const lines = [
    '| tokens read until the first right place: median (quartiles) | questions | dowser | in the answer | whole answer | grep, then 60 lines of each file | never | grep, then whole files | never |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
  ];
  const parts: [string, Counted[]][] = [
    ['all', [...counted]],
    ...[...groups(counted, ({ category }) => category)].sort(),
  ];
  for (const [name, rows] of parts) {
    const spread = (measure: (row: Counted) => number): string => {
      const [low, middle, high] = [0.25, 0.5, 0.75].map((at) =>
        percentile(rows.map(measure), at).toLocaleString('en-US'),
      );
      return `${middle} (${low}-${high})`;
    };
    const share = (has: (row: Counted) => boolean): string =>
      `${((100 * rows.filter(has).length) / rows.length).toFixed(1)} %`;
    const cells = [
      spread(({ dowser }) => dowser),
      share(({ isAnswered }) => isAnswered),
      spread(({ answer }) => answer),
      spread(({ windows }) => windows),
      share(({ windows }) => windows >= READ_TOKENS_MAX),
      spread(({ whole }) => whole),
      share(({ whole }) => whole >= READ_TOKENS_MAX),
    ];
    lines.push(`| ${name} | ${rows.length} | ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}
