/** Clones of real functions, made by rules and a seed alone: names changed, statements swapped, conditions and loops rewritten. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Grammar, loadGrammar, type Node, withTree } from '../../src/chunk/grammars.ts';
import { splitLines } from '../../src/chunk/lines.ts';
import { blankMacros } from '../../src/chunk/macros.ts';
import { Cover, outline } from '../../src/chunk/syntax.ts';
import { languageOf, syntaxOf } from '../../src/languages.ts';
import { randomFrom } from './metrics.ts';

/** How a clone differs from its original. All but the first rename the function and all of its variables, and drop its comments. */
export const CHANGES = ['layout', 'renamed', 'reordered', 'rewritten', 'all'] as const;
export type Change = (typeof CHANGES)[number];

/** A function of a repository. */
export type Piece = {
  readonly path: string;
  readonly language: string;
  readonly name: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
};

export type Clone = { readonly original: Piece; readonly change: Change; readonly text: string };

/** Shorter functions say little, longer ones are several. */
const FUNCTION_LINES_MIN = 8;
const FUNCTION_LINES_MAX = 80;
const FILE_CHARS_MAX = 200_000;

/** Functions of a file that hold no other definition; none where the grammar did not understand it. */
export async function functionsIn(root: string, path: string): Promise<Piece[]> {
  const text = readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n');
  const language = languageOf(path);
  const grammar = await grammarFor(language, path);
  if (grammar === undefined || text.length > FILE_CHARS_MAX) return [];
  const read = outline(grammar, splitLines(text), parsed(language, text));
  if (!read?.understood) return [];
  const all = text.split('\n');
  const rows = read.definitions.map(({ row }) => row);
  return read.definitions.flatMap(({ name, row, last }) => {
    const length = last - row + 1;
    if (name === undefined || length < FUNCTION_LINES_MIN || length > FUNCTION_LINES_MAX) return [];
    if (rows.some((other) => row < other && other <= last) || read.covers[last] !== Cover.Code) return [];
    return [{ path, language, name, startLine: row + 1, endLine: last + 1, text: all.slice(row, last + 1).join('\n') }];
  });
}

/** The function changed so; undefined where it has nothing to change in that way. */
export async function cloneOf(original: Piece, change: Change, seed: number): Promise<Clone | undefined> {
  const grammar = await grammarFor(original.language, original.path);
  if (grammar === undefined) return undefined;
  const random = randomFrom(seed);
  // Without it all is text to PHP's parser.
  const opening = original.language === 'php' ? '<?php\n' : '';
  const whole = { ...original, text: opening + original.text };
  const text = withTree(grammar, parsed(original.language, whole.text), (tree) => {
    const made = new Edits(whole.text);
    const root = tree.rootNode;
    dropComments(root, made);
    if (change !== 'layout') rename(root, whole, made, random);
    const rewritten = change === 'rewritten' || change === 'all' ? rewrite(root, original.language, made) : 1;
    const swapped = change === 'reordered' || change === 'all' ? swapStatements(root, made) : 1;
    if (change === 'all' ? rewritten + swapped === 0 : rewritten * swapped === 0) return undefined;
    return made.apply();
  });
  if (text === undefined) return undefined;
  return { original, change, text: relaid(text.slice(opening.length), original.language) };
}

/** Replacements in a text. Those inside of a moved part move along with it. */
class Edits {
  readonly #text: string;
  readonly #small: { start: number; end: number; text: string }[] = [];
  readonly #moves: { start: number; end: number; render: (part: (start: number, end: number) => string) => string }[] =
    [];

  constructor(text: string) {
    this.#text = text;
  }

  replace(start: number, end: number, text: string): void {
    this.#small.push({ start, end, text });
  }

  /** Refused (false) where another move already covers a part of it. */
  move(start: number, end: number, render: (part: (start: number, end: number) => string) => string): boolean {
    if (this.#moves.some((other) => start < other.end && other.start < end)) return false;
    this.#moves.push({ start, end, render });
    return true;
  }

  apply(): string {
    const part = (start: number, end: number): string => {
      let made = '';
      let at = start;
      const inside = this.#small.filter((edit) => edit.start >= start && edit.end <= end);
      for (const edit of inside.sort((a, b) => a.start - b.start)) {
        if (edit.start < at) continue;
        made += this.#text.slice(at, edit.start) + edit.text;
        at = edit.end;
      }
      return made + this.#text.slice(at, end);
    };
    let made = '';
    let at = 0;
    for (const move of this.#moves.sort((a, b) => a.start - b.start)) {
      made += part(at, move.start) + move.render(part);
      at = move.end;
    }
    return made + part(at, this.#text.length);
  }
}

function dropComments(root: Node, made: Edits): void {
  for (const node of nodesIn(root))
    if (/comment/.test(node.type) || (node.type === 'string' && node.parent?.type === 'expression_statement'))
      made.replace(node.startIndex, node.endIndex, '');
}

const NAME_NODE = /identifier|^name$|variable|^simple_identifier$|^word$|^var$/;
const NEVER_NAME = /type_identifier|property|field|namespace|constructor|module|package|label|keyword|macro/;
const WORDS =
  'amber birch cedar delta ember falcon garnet harbor indigo juniper kestrel lagoon maple nectar onyx pebble quartz raven sable tundra umber velvet willow yarrow zephyr'.split(
    ' ',
  );

/** The function's own name, and every name that it declares or assigns, wherever the name stands but behind a dot. */
function rename(root: Node, original: Piece, made: Edits, random: () => number): void {
  const { text, name } = original;
  const given = new Map<string, string>();
  const pick = (): string => WORDS[Math.floor(random() * WORDS.length)]!;
  const isSnake = /python|ruby|rust|elixir|c|bash|lua|zig|php/.test(original.language);
  const head = text.slice(0, headEnd(text));
  for (const node of nodesIn(root)) {
    const written = node.text;
    if (node.namedChildCount > 0 || !node.isNamed || !NAME_NODE.test(node.type)) continue;
    if (written !== name && (NEVER_NAME.test(node.type) || isKeyword(node))) continue;
    const before = text.slice(Math.max(0, node.startIndex - 2), node.startIndex);
    if (/(?:\.|->|::)$/.test(before)) continue;
    if (written !== name && (!/^[$@]?[a-z_]\w*$/.test(written) || /^(self|this|cls|super|_)$/.test(written))) continue;
    if (written !== name && !isDeclared(written, text, head)) continue;
    if (!given.has(written)) given.set(written, isSnake ? `${pick()}_${pick()}` : pick() + capital(pick()));
    const sigil = /^[$@]/.exec(written)?.[0] ?? '';
    made.replace(node.startIndex, node.endIndex, sigil + given.get(written)!);
  }
}

/** `run(check=True)`: the name is the callee's. */
function isKeyword(node: Node): boolean {
  return (
    /keyword_argument|named_argument|value_argument/.test(node.parent?.type ?? '') &&
    node.parent!.firstChild?.id === node.id &&
    node.parent!.childCount > 1
  );
}

function isDeclared(name: string, text: string, head: string): boolean {
  const word = `(?<![\\w.$])${name.replace(/[$]/g, '\\$&')}(?!\\w)`;
  const declares = new RegExp(
    `${word}\\s*(?::=|<-|=(?![=>])|\\bin\\b)|\\b(?:for|let|var|val|const|mut|local)\\s+\\(?(?:[\\w$]+\\s*,\\s*)*${word}`,
  );
  return declares.test(text) || new RegExp(`[(,|]\\s*(?:[^(),|]*[\\s*&])?${word}`).test(head);
}

/** Where the head ends: at the first line that ends in `{`, `:`, `=`, `do`, `)` or `->`, else at the first line's end. */
function headEnd(text: string): number {
  const match = /(?:[{:=)]|\bdo|->|\bthen)[ \t]*(?:\n|$)/.exec(text);
  return match === null ? text.indexOf('\n') : match.index;
}

function capital(word: string): string {
  return word[0]!.toUpperCase() + word.slice(1);
}

const NOT_WITH_PARENTHESES = /python|ruby|elixir|lua|haskell|bash/;

/** `if` with `else` turned round, and C's `for` as `while`; gives how many were. */
function rewrite(root: Node, language: string, made: Edits): number {
  let count = 0;
  for (const node of nodesIn(root)) {
    if (/^(if_|if$|conditional|ternary)/.test(node.type)) count += Number(invert(node, language, made));
    else if (node.type === 'for_statement') count += Number(unroll(node, made));
  }
  return count;
}

/** `if c A else B` -> `if not c B else A`. */
function invert(node: Node, language: string, made: Edits): boolean {
  const condition = node.childForFieldName('condition') ?? node.namedChild(0);
  const yes = node.childForFieldName('consequence') ?? node.childForFieldName('body');
  let no = node.childForFieldName('alternative');
  if (condition === null || yes === null || no === null) return false;
  if (/^else/.test(no.type)) no = no.childForFieldName('body') ?? no.namedChild(no.namedChildCount - 1);
  if (no === null || /^(if|elif|elsif|else)/.test(no.type) || yes.type !== no.type || yes.startIndex > no.startIndex)
    return false;
  const isBare = NOT_WITH_PARENTHESES.test(language);
  const kept = no;
  return made.move(condition.startIndex, no.endIndex, (part) => {
    const asked = part(condition.startIndex, condition.endIndex);
    const turned = isBare ? `not (${asked})` : asked.startsWith('(') ? `(!${asked})` : `!(${asked})`;
    const between = part(condition.endIndex, yes.startIndex);
    const other = part(yes.endIndex, kept.startIndex);
    return turned + between + part(kept.startIndex, kept.endIndex) + other + part(yes.startIndex, yes.endIndex);
  });
}

/** `for (a; b; c) { d }` -> `a; while (b) { d c; }`. */
function unroll(node: Node, made: Edits): boolean {
  const [first, test, step, body] = ['initializer', 'condition', 'update', 'body'].map((field) =>
    node.childForFieldName(field),
  );
  const start = first ?? node.childForFieldName('init');
  const next = step ?? node.childForFieldName('increment');
  if (!start || !test || !next || !body?.text.startsWith('{')) return false;
  return made.move(node.startIndex, node.endIndex, (part) => {
    const text = (one: Node): string => part(one.startIndex, one.endIndex).replace(/;$/, '');
    const inside = text(body).slice(0, -1);
    return `${text(start)};\nwhile (${text(test)}) ${inside}  ${text(next)};\n}`;
  });
}

const STATEMENT = /statement|declaration|assignment|call|expression|bind|let/;

/** Two neighbours, each of one line, that share no name that either assigns; the first such pair of every block. */
function swapStatements(root: Node, made: Edits): number {
  let count = 0;
  for (const block of nodesIn(root)) {
    const children = block.namedChildren.filter((one): one is Node => one !== null);
    for (let at = 0; at + 1 < children.length; at++) {
      const [one, other] = [children[at]!, children[at + 1]!];
      const lines = [one, other].map((node) => [node.startPosition.row, node.endPosition.row] as const);
      const isPair = lines.every(([from, to]) => from === to) && lines[0]![0] < lines[1]![0];
      if (!isPair || !STATEMENT.test(one.type) || one.type !== other.type || !isIndependent(one.text, other.text))
        continue;
      const moved = made.move(one.startIndex, other.endIndex, (part) => {
        const between = part(one.endIndex, other.startIndex);
        return part(other.startIndex, other.endIndex) + between + part(one.startIndex, one.endIndex);
      });
      if (moved) {
        count++;
        break;
      }
    }
  }
  return count;
}

function isIndependent(one: string, other: string): boolean {
  if (/\b(return|break|continue|throw|raise|yield)\b/.test(one + other)) return false;
  const target = (text: string): string | undefined => /([\w$]+)\s*(?::=|<-|=(?![=>]))/.exec(text)?.[1];
  const [a, b] = [target(one), target(other)];
  if (a === undefined || b === undefined || a === b) return false;
  const uses = (text: string, name: string): boolean =>
    new RegExp(`(?<!\\w)${name.replace(/\$/g, '\\$')}(?!\\w)`).test(text);
  return !uses(other, a) && !uses(one, b);
}

/** Columns that a tab stands for. */
const TAB_COLUMNS = 4;

/** No blank lines, no blanks at line ends; where indentation means nothing, half as much again. */
function relaid(text: string, language: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const isFree = !/python|haskell|scala/.test(language);
  const widen = (indent: string): string => {
    const columns = indent.replaceAll('\t', ' '.repeat(TAB_COLUMNS)).length;
    return ' '.repeat(Math.round(columns * 1.5));
  };
  return lines
    .map((line) => line.trimEnd().replace(/^[ \t]+/, (indent) => (isFree ? widen(indent) : indent)))
    .join('\n');
}

function* nodesIn(root: Node): Generator<Node> {
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const child of node.children.toReversed()) if (child !== null) waiting.push(child);
  }
}

async function grammarFor(language: string, path: string): Promise<Grammar | undefined> {
  const syntax = syntaxOf(language, path);
  return syntax && (await loadGrammar(syntax));
}

function parsed(language: string, text: string): string {
  return language === 'c' || language === 'cpp' ? blankMacros(text) : text;
}
