/** Measures error messages: each repository is asked messages that its own code throws, filled in as a user would see them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hashText } from '../../src/hash.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { findRanked } from '../../src/search.ts';
import { mean } from './metrics.ts';
import { readSpecs, rootOf, withIndex } from './semble.ts';

const HELP = `Asks each repository for messages that it throws; the right answer is the chunk that has the message.

  node test/eval/errors.ts --bench DIR --corpora DIR [--each COUNT]

  --each COUNT   messages of each repository (default 8)
`;

/** A line that throws, panics, logs an error or ends the program, with a literal on it. */
const THROWS =
  /(?:\b(?:throw|raise|panic|fatal|die|abort|bail|fail\w*|error|errorf|warn\w*)\b|Error|Exception|\bERR\b).*?(["'`])((?:(?!\1)[^\\\n]|\\.){20,200})\1/;
/** `%s`, `{name}`, `${name}`, `#{name}`, `\(name)`. */
const PLACEHOLDER = /%[-+#0-9.]*[a-zA-Z]|[$#]?\{[^{}]*\}|\\\([^()]*\)/g;
const WORDS_MIN = 4;
const FILLINGS = ["'main'", '42', 'None', '/tmp/data.json'];

/** Where the right chunk stood: 1 for the first, 0 when it was not among ten. */
type Outcome = { readonly repo: string; readonly chunk: number; readonly file: number };

const { values } = parseArgs({
  options: {
    bench: { type: 'string' },
    corpora: { type: 'string' },
    each: { type: 'string', default: '8' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || values.bench === undefined || values.corpora === undefined) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const outcomes: Outcome[] = [];
const specs = readSpecs(values.bench)
  .filter(({ pinned }) => pinned)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
for (const spec of specs) {
  const root = rootOf(values.corpora, spec);
  await withIndex(values.corpora, spec, undefined, async (engine) => {
    const sources = [...engine.store.files()].filter(([, { kind, depth }]) => kind === 'code' && depth === 'full');
    for (const message of messagesOf(
      root,
      sources.map(([path]) => path),
    ).slice(0, Number(values.each))) {
      const ranked = (await findRanked(engine, parseQuery(message.text, {}, 10, 20_000))).slice(0, 10);
      const isFile = ({ row }: (typeof ranked)[number]): boolean => row.path === message.path;
      const isChunk = (one: (typeof ranked)[number]): boolean =>
        isFile(one) && one.row.startLine <= message.line && message.line <= one.row.endLine;
      outcomes.push({ repo: spec.name, chunk: ranked.findIndex(isChunk) + 1, file: ranked.findIndex(isFile) + 1 });
    }
  });
}
const odd = new Set(specs.filter((_, at) => at % 2 === 0).map(({ name }) => name));
for (const [title, rows] of [
  ['all', outcomes],
  ['odd half', outcomes.filter(({ repo }) => odd.has(repo))],
  ['even half', outcomes.filter(({ repo }) => !odd.has(repo))],
] as const) {
  const share = (right: (one: Outcome) => boolean): string =>
    (100 * mean(rows.map((one) => Number(right(one))))).toFixed(1);
  const reciprocal = mean(rows.map(({ chunk }) => (chunk === 0 ? 0 : 1 / chunk)));
  process.stdout.write(
    `${title}: ${rows.length} messages; the chunk first ${share(({ chunk }) => chunk === 1)} %, among ten ` +
      `${share(({ chunk }) => chunk > 0)} %, mean reciprocal rank ${reciprocal.toFixed(3)}; the file first ${share(({ file }) => file === 1)} %\n`,
  );
}

/** Messages that stand in one place only, in an order that says nothing of their places. */
function messagesOf(root: string, paths: readonly string[]): { text: string; path: string; line: number }[] {
  const found = new Map<string, { text: string; path: string; line: number }[]>();
  for (const path of paths) {
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .forEach((text, at) => {
        const literal = THROWS.exec(text)?.[2];
        if (literal === undefined || (literal.match(/[A-Za-z]{2,}/g) ?? []).length < WORDS_MIN) return;
        let filled = 0;
        const message = literal
          .replace(PLACEHOLDER, () => FILLINGS[filled++ % FILLINGS.length]!)
          .replace(/\\[ntr]/g, ' ');
        found.set(literal, [...(found.get(literal) ?? []), { text: `Error: ${message}`, path, line: at + 1 }]);
      });
  }
  return [...found.values()]
    .filter((places) => places.length === 1)
    .map(([place]) => place!)
    .sort((a, b) => (hashText(a.text) < hashText(b.text) ? -1 : 1));
}
