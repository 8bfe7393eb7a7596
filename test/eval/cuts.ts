/** Functions of real repositories with their ends cut off: what was taken away is what `complete_context` ought to prepare for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadGrammar, type Node, withTree } from '../../src/chunk/grammars.ts';
import { splitLines } from '../../src/chunk/lines.ts';
import { blankMacros } from '../../src/chunk/macros.ts';
import { Cover, outline } from '../../src/chunk/syntax.ts';
import { languageOf, syntaxOf } from '../../src/languages.ts';
import type { ChunkRow } from '../../src/types.ts';
import { randomFrom } from './metrics.ts';

/** A function whose lines from `cutLine` (counting from 1) to its last statement were taken out of its file. */
export type Cut = {
  readonly path: string;
  readonly language: string;
  /** 'first' takes the whole body, 'middle' its second half. */
  readonly at: 'first' | 'middle';
  readonly cutLine: number;
  /** The file without what was taken. */
  readonly kept: string;
  readonly taken: string;
  /** Names that the taken part uses, that the kept part does not have, and that another file of the repository defines. */
  readonly names: readonly string[];
};

/** Shorter functions say little, longer ones are several. */
const FUNCTION_LINES_MIN = 8;
const FUNCTION_LINES_MAX = 80;
const TAKEN_LINES_MIN = 3;
/** One name alone is luck. */
const NAMES_MIN = 2;
const NAME = /^[\p{L}_$][\p{L}\p{N}_$]{2,}[!?']?$/u;

/** C and C++ share their headers. */
const familyOf = (language: string): string => (language === 'c' ? 'cpp' : language);

/** Up to `count` cuts, one a file, as many of each kind; `rows` are all chunks of the repository. The seed decides which. */
export async function makeCuts(
  root: string,
  language: string,
  rows: readonly ChunkRow[],
  count: number,
  seed: number,
): Promise<Cut[]> {
  const definedIn = new Map<string, Set<string>>();
  for (const row of rows) {
    if (row.kind !== 'code' || familyOf(row.language) !== familyOf(language)) continue;
    for (const symbol of row.symbols) definedIn.set(symbol, (definedIn.get(symbol) ?? new Set()).add(row.path));
  }
  const isElsewhere = (name: string, path: string): boolean =>
    [...(definedIn.get(name) ?? [])].some((other) => other !== path);
  const files = rows.filter((row) => row.kind === 'code' && familyOf(row.language) === familyOf(language));
  const paths = shuffled([...new Set(files.map(({ path }) => path))].sort(), seed);
  const cuts: Cut[] = [];
  for (const path of paths) {
    if (cuts.length >= count) break;
    const at = cuts.length % 2 === 0 ? 'first' : 'middle';
    const cut = await cutFile(root, path, at, isElsewhere, seed);
    if (cut !== undefined) cuts.push(cut);
  }
  return cuts;
}

async function cutFile(
  root: string,
  path: string,
  at: Cut['at'],
  isElsewhere: (name: string, path: string) => boolean,
  seed: number,
): Promise<Cut | undefined> {
  const text = readFileSync(join(root, path), 'utf8');
  const language = languageOf(path);
  const syntax = language && syntaxOf(language, path);
  const grammar = syntax && (await loadGrammar(syntax));
  if (!grammar || text.length > 200_000) return undefined;
  const lines = splitLines(text);
  const parsed = familyOf(language!) === 'cpp' ? blankMacros(text) : text;
  const read = outline(grammar, lines, parsed);
  if (!read?.understood) return undefined;
  const rows = read.definitions.map(({ row }) => row);
  const functions = read.definitions.filter(({ row, last }) => {
    const length = last - row + 1;
    const holdsOthers = rows.some((other) => row < other && other <= last);
    return (
      length >= FUNCTION_LINES_MIN && length <= FUNCTION_LINES_MAX && !holdsOthers && read.covers[last] === Cover.Code
    );
  });
  const all = text.split('\n');
  return withTree(grammar, parsed, (tree) => {
    for (const { row, last } of shuffled(functions, seed)) {
      const [from, to] = linesToTake(tree.rootNode, row, last, at);
      if (to - from + 1 < TAKEN_LINES_MIN) continue;
      const kept = [...all.slice(0, from), ...all.slice(to + 1)].join('\n');
      const known = new Set(
        (kept.match(/[\p{L}_$][\p{L}\p{N}_$]*[!?']?/gu) ?? []).flatMap((name) => [name, name.replace(/[!?']$/, '')]),
      );
      const taken = all.slice(from, to + 1).join('\n');
      const names = [...namesIn(tree.rootNode, from, to)].filter(
        (name) => !known.has(name) && !isOwn(name, taken) && isElsewhere(name, path),
      );
      if (names.length < NAMES_MIN) continue;
      return { path, language: language!, at, cutLine: from + 1, kept, taken, names };
    }
    return undefined;
  });
}

/** First and last line (from 0) of the statements to take: those of the function's body, where the grammar has one. */
function linesToTake(root: Node, row: number, last: number, at: Cut['at']): readonly [from: number, to: number] {
  let body: Node | undefined;
  const visit = (node: Node): void => {
    for (const child of node.namedChildren) {
      if (child === null || child.endPosition.row < row || child.startPosition.row > last) continue;
      const inside = child.startPosition.row >= row && child.endPosition.row <= last;
      if (inside && statementsOf(child, row).length >= 2 && BODY.test(child.type) && lengthOf(child) > lengthOf(body))
        body = child;
      visit(child);
    }
  };
  visit(root);
  const statements = statementsOf(body, row);
  const first = statements[at === 'first' ? 0 : statements.length >> 1];
  const end = statements.at(-1);
  if (first === undefined || end === undefined) return [0, -1];
  const to = end.endPosition.column === 0 ? end.endPosition.row - 1 : end.endPosition.row;
  return [first.startPosition.row, to];
}

/** What the grammars call the node that holds a function's statements. */
const BODY = /body|block|compound|statement|^do|^match|expressions/;

/** A line that a statement shares with the function's head stays. */
function statementsOf(body: Node | undefined, row: number): Node[] {
  return (body?.namedChildren ?? []).filter((one): one is Node => one !== null && one.startPosition.row > row);
}

function lengthOf(node: Node | undefined): number {
  return node === undefined ? 0 : node.endPosition.row - node.startPosition.row + 1;
}

/** Identifiers that stand between two lines, comments and the text of strings left out. */
function namesIn(root: Node, from: number, to: number): Set<string> {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (node.endPosition.row < from || node.startPosition.row > to || /comment/.test(node.type)) return;
    if (node.namedChildCount === 0) {
      if (node.isNamed && !/string|char|content|fragment|text|number/.test(node.type) && NAME.test(node.text))
        names.add(node.text);
      return;
    }
    for (const child of node.namedChildren) if (child !== null) visit(child);
  };
  visit(root);
  return names;
}

/** What a text assigns to is a variable of its own, though something elsewhere has the same name. */
function isOwn(name: string, taken: string): boolean {
  return new RegExp(`(?<![.\\w$>])${name.replace(/[$?]/g, '\\$&')}\\s*:?=(?!=)`).test(taken);
}

/** In an order that only the seed decides. */
export function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const random = randomFrom(seed);
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
