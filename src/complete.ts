/** Trip three: a cursor becomes the context that finishing the code there needs. */
import { DowserError } from './errors.ts';
import { expectNames, type Surroundings } from './expect.ts';
import { markImports } from './imports.ts';
import { languageOf } from './languages.ts';
import { lineSpans, sliceLines } from './lines.ts';
import { countTokens, SNIPPET_HEAD_TOKENS, SNIPPET_NEXT_TOKENS } from './rank/budget.ts';
import { choose, type Source, type Worth } from './rank/choose.ts';
import type { Engine } from './search.ts';
import { openDisk, type Shown, snippetOf } from './show.ts';
import { confine } from './source/confine.ts';
import { readText } from './source/read.ts';
import { isStopWord, splitIdentifier, stem } from './tokens.ts';
import type { ChunkRow, CompleteRequest, Reason, Snippet } from './types.ts';

/** Names in so many lines before the cursor are in use there. */
const NEAR_LINES = 40;
/**
 * Code that goes on alike is looked for with so many lines before the cursor: fewer say too little, more say other things. Names
 * covered at 2,000 tokens with 3, 5, 8, 15 and 40 lines, on the odd half of test/eval/complete.ts: .64, .69, .70, .66 and .60.
 */
const CURSOR_LINES = 8;
/** So many first lines tell where in its file a piece belongs. */
const HEAD_LINES = 3;
const NAMES_MAX = 40;

/** Names that are bought, the likeliest; and how many of the rows that define one are offered. */
const NAMES_BOUGHT_MAX = 120;
const DEFINERS_OFFERED_MAX = 1;

/**
 * What a piece is worth beside the names on it, in names that are sure to be needed: code that goes on alike (times its cosine),
 * the definition of what is named at the cursor, members beside it, its test. Chosen on the odd half of test/eval/complete.ts
 * as the most that costs no more than a hundredth of the names covered.
 */
const ALIKE_WORTH = 0.05;
const NAMED_WORTH = 0.3;
const NEIGHBOUR_WORTH = 0.02;
const TEST_WORTH = 0.06;
/** A use shows a name less well than its definition does. */
const USE_SHARE = 0.9;

/** A name that this many chunks define (`get`, `init`) tells nothing of which one is meant. */
const DEFINITIONS_MAX = 6;

/** The code around a cursor. `seenFrom` to `seenTo` are lines of `path` that the caller has before it. */
export type Cursor = {
  readonly path: string | undefined;
  readonly before: string;
  readonly after: string;
  readonly seenFrom: number;
  readonly seenTo: number;
};

/** Where the request points, as text. Throws DowserError when it points nowhere. */
export async function cursorOf(engine: Engine, request: CompleteRequest): Promise<Cursor> {
  const path = request.path === undefined ? undefined : confine(engine.root, request.path);
  if (request.prefix !== undefined) {
    const { prefix, suffix = '' } = request;
    const seenFrom = await lineOf(engine.root, path, prefix);
    const seenTo = seenFrom + lineSpans(prefix).length + lineSpans(suffix).length;
    return { path, before: prefix, after: suffix, seenFrom, seenTo };
  }
  if (path === undefined || request.line === undefined) {
    throw new DowserError(
      'bad_argument',
      "Give 'path' and 'line' of the cursor, or 'prefix': the unsaved text before it.",
    );
  }
  const read = await readText(engine.root, path);
  if (!('text' in read))
    throw new DowserError('not_found', `${path} can't be read (${read.reason}). Give 'prefix' with the text instead.`);
  const spans = lineSpans(read.text);
  const { line, column } = request;
  if (!Number.isInteger(line) || line < 1 || line > spans.length + 1)
    throw new DowserError('bad_argument', `${path} has ${spans.length} lines; line ${line} does not exist.`);
  if (column !== undefined && (!Number.isInteger(column) || column < 1))
    throw new DowserError('bad_argument', `'column' is a whole number from 1, not ${column}.`);
  const span = spans[line - 1] ?? { start: read.text.length, end: read.text.length };
  const at = column === undefined ? span.end : Math.min(span.end, span.start + column - 1);
  return {
    path,
    before: read.text.slice(0, at),
    after: read.text.slice(at),
    seenFrom: Math.max(1, line - NEAR_LINES),
    seenTo: line + NEAR_LINES / 2,
  };
}

/** Where an unsaved text begins in its file: at the top, unless its first lines stand elsewhere on disk. */
async function lineOf(root: string, path: string | undefined, prefix: string): Promise<number> {
  const read = path === undefined ? undefined : await readText(root, path);
  const head = sliceLines(prefix, lineSpans(prefix), 1, HEAD_LINES);
  if (read === undefined || !('text' in read)) return 1;
  const at = Math.max(0, read.text.indexOf(head));
  return lineSpans(read.text.slice(0, at)).length + 1;
}

/** All that may help at the cursor within the budget: what each token of it buys decides. */
export async function findContext(engine: Engine, cursor: Cursor, limit: number, maxTokens: number): Promise<Shown> {
  const disk = openDisk(engine.root);
  const at = surroundingsOf(cursor);
  const { expected, alike } = await expectNames(engine, at, disk.read);
  const worth = new Map<string, Worth>();
  const offers = new Map<number, Offered>();
  const offer = (row: ChunkRow, name: string, amount: number): Set<string> => {
    const known = offers.get(row.id) ?? { row, prior: { name, amount }, symbols: new Set<string>() };
    if (known.prior.amount < amount) known.prior = { name, amount };
    if (!at.isSeen(row)) offers.set(row.id, known);
    return known.symbols;
  };
  for (const { row, cosine, words } of alike) offer(row, 'continues alike', ALIKE_WORTH * Math.max(cosine, words / 2));
  for (const { name, probability, definers } of expected.slice(0, NAMES_BOUGHT_MAX)) {
    worth.set(name, { used: USE_SHARE * probability, defined: probability });
    for (const row of definers.slice(0, DEFINERS_OFFERED_MAX)) offer(row, '', 0).add(name);
  }
  for (const { name, row, amount } of definitionsNamed(engine, at)) {
    worth.set(name, { used: 0, defined: amount });
    offer(row, '', 0).add(name);
  }
  for (const { row, name, amount } of neighbours(engine, cursor)) offer(row, name, amount);
  const sources: (Source & { readonly row: ChunkRow; readonly startLine: number })[] = [];
  for (const { row, prior, symbols } of offers.values()) {
    const found = await disk.read(row);
    if (found === undefined) continue;
    sources.push({ row, prior, path: row.path, symbols: [...symbols], muted: markImports(found.lines), ...found });
  }
  const choices = choose(sources, worth, maxTokens);
  const pieces = choices.map(({ source, from, to, reasons }): Snippet => {
    const { row, lines, startLine } = sources[source]!;
    return snippetOf(row, { startLine: startLine + from, lines: lines.slice(from, to + 1) }, reasons);
  });
  return gather(pieces, limit, disk.vanished());
}

/** A chunk to choose from: what it is worth in itself, and the names whose definition in it is the one that is meant. */
type Offered = { readonly row: ChunkRow; prior: Reason; readonly symbols: Set<string> };

/** Pieces of one file together, the file whose pieces are worth most first, in the order of its lines. */
function gather(pieces: readonly Snippet[], limit: number, vanished: readonly string[]): Shown {
  const best = [...pieces].sort((a, b) => b.score - a.score || comparePlaces(a, b)).slice(0, limit);
  const worths = new Map<string, number>();
  for (const { path, score } of best) worths.set(path, (worths.get(path) ?? 0) + score);
  best.sort((a, b) => worths.get(b.path)! - worths.get(a.path)! || comparePlaces(a, b));
  const tokens = best.reduce((sum, { path, text }, at) => {
    const head = best[at - 1]?.path === path ? SNIPPET_NEXT_TOKENS : SNIPPET_HEAD_TOKENS;
    return sum + countTokens(text) + head;
  }, 0);
  return { snippets: best, tokens, overBudget: pieces.length - best.length, vanished };
}

function comparePlaces(a: Snippet, b: Snippet): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : a.startLine - b.startLine;
}

/** What expecting names needs to know of a cursor. */
export function surroundingsOf(cursor: Cursor): Surroundings {
  const near = tail(cursor.before, NEAR_LINES);
  return {
    path: cursor.path,
    near: tail(cursor.before, CURSOR_LINES),
    seen: `${cursor.before}\n${cursor.after}`,
    nearNames: namesUsed(near, cursor.before),
    isSeen: (row) => row.path === cursor.path || isSeen(row, cursor),
  };
}

type Named = { readonly row: ChunkRow; readonly name: string; readonly amount: number };

/** Definitions of names used near the cursor; the nearer the use, the more it counts. */
function definitionsNamed({ store }: Engine, { path, nearNames, isSeen }: Surroundings): Named[] {
  const defined = new Map<string, ChunkRow[]>();
  for (const row of store.definitionsOf([...nearNames.keys()], {})) {
    if (isSeen(row)) continue;
    for (const symbol of row.symbols)
      if (nearNames.has(symbol)) defined.set(symbol, [...(defined.get(symbol) ?? []), row]);
  }
  const language = path === undefined ? undefined : languageOf(path);
  return [...defined].flatMap(([name, rows]) => {
    const fitting = rows.filter((row) => row.kind === 'code' && (language === undefined || row.language === language));
    const candidates = fitting.length > 0 ? fitting : rows;
    if (candidates.length > DEFINITIONS_MAX) return [];
    const amount = (NAMED_WORTH * nearNames.get(name)!) / Math.sqrt(candidates.length);
    return candidates.map((row) => ({ row, name, amount }));
  });
}

/** Members beside the cursor and the test of this file. */
function neighbours({ store }: Engine, cursor: Cursor): Named[] {
  if (cursor.path === undefined) return [];
  const rows = store.chunkRowsOfFile(cursor.path);
  const here = rows.findIndex(({ startLine, endLine }) => startLine <= cursor.seenTo && cursor.seenTo <= endLine);
  const beside = rows.map((row, at) => ({
    row,
    name: 'same file',
    amount: NEIGHBOUR_WORTH / (1 + Math.abs(at - here) / 4),
  }));
  const stem = stemOf(cursor.path);
  if (stem.length < 3) return beside;
  const tests = store.selectFiles((file) => file.kind === 'tests' && stemOf(file.path).includes(stem));
  const ofTests = tests.slice(0, 2).flatMap((id) => store.chunkRowsOfFile(id).slice(0, 3));
  return [...beside, ...ofTests.map((row) => ({ row, name: 'test of this file', amount: TEST_WORTH }))];
}

/** Identifiers of the text near the cursor with a weight from 0 to 1: near uses first, then what the file imports. */
function namesUsed(near: string, before: string): Map<string, number> {
  const weights = new Map<string, number>();
  const found = [...near.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)].map(([name]) => name);
  found.reverse().forEach((name, distance) => {
    if (!isTelling(name) || weights.size >= NAMES_MAX) return;
    weights.set(name, Math.max(weights.get(name) ?? 0, 1 / (1 + distance / 60)));
  });
  for (const line of before.split('\n')) {
    if (!/^\s*(?:import|from|use|using|require|#include|alias|open|const .*require\()/.test(line)) continue;
    for (const [name] of line.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
      if (isTelling(name) && !weights.has(name)) weights.set(name, IMPORTED_WEIGHT);
    }
  }
  return weights;
}

const IMPORTED_WEIGHT = 0.35;

function isTelling(name: string): boolean {
  return name.length >= 3 && !isStopWord(name) && !KEYWORDS.has(name);
}

/** Words of many languages' own grammar: never the name of something in the repository. */
const KEYWORDS = new Set(
  `abstract and async await bool boolean break case catch char class const continue def default defer del do double elif else
  elsif end enum except export extends extern false final finally float fn for foreach from func function go if impl implements
  import in include int interface is lambda let long loop match module mut namespace new nil none not null object or override
  package pass private protected pub public raise require return self short static str string struct super switch this throw
  throws trait true try type typeof undefined union unsafe use using val var virtual void where while with yield None True False`.split(
    /\s+/,
  ),
);

function tail(text: string, count: number): string {
  const spans = lineSpans(text);
  return sliceLines(text, spans, Math.max(1, spans.length - count + 1), spans.length);
}

/** What the caller sends or has just read needs no showing: the lines near the cursor, or the whole unsaved file. */
function isSeen(row: ChunkRow, { path, seenFrom, seenTo }: Cursor): boolean {
  return row.startLine === 0 || (row.path === path && row.startLine <= seenTo && seenFrom <= row.endLine);
}

function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return splitIdentifier(name.slice(0, name.indexOf('.', 1) === -1 ? undefined : name.indexOf('.', 1)))
    .map(stem)
    .join('');
}
