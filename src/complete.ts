/** Trip three: a cursor becomes the context that finishing the code there needs. */
import { DowserError } from './errors.ts';
import { languageOf } from './languages.ts';
import { lineSpans, sliceLines } from './lines.ts';
import type { Engine } from './search.ts';
import { openDisk, type ProvenLines, type Shown } from './show.ts';
import { countMasks } from './source/mask.ts';
import { choose, type Choice, type Source, type Worth } from './rank/choose.ts';
import { countTokens, SNIPPET_HEAD_TOKENS, SNIPPET_NEXT_TOKENS } from './rank/budget.ts';
import { expectNames, type Clues, type Surroundings } from './expect.ts';
import { markImports } from './imports.ts';
import { confine } from './source/confine.ts';
import { readText } from './source/read.ts';
import { isStopWord, splitIdentifier, stem } from './tokens.ts';
import type { ChunkRow, CompleteRequest, Reason, Snippet } from './types.ts';

/** The code just before the cursor: what is being written. Beyond it, lines tell about other things. */
const NEAR_LINES = 40;
/** So many first lines tell where in its file a piece belongs. */
const HEAD_LINES = 3;
const NAMES_MAX = 40;
const TERMS_MAX = 24;
const CANDIDATES = 80;

/** What each kind of piece is worth: a definition that is used at the cursor can't be guessed, a neighbour can. */
const DEFINITION_WEIGHT = 1;
const ALIKE_WEIGHT = 0.6;
const USES_WEIGHT = 0.5;
const NEIGHBOUR_WEIGHT = 0.35;
const TEST_WEIGHT = 0.3;
const SAME_FOLDER_WEIGHT = 0.1;

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
  const { store } = engine;
  const vanished: string[] = [];
  const disk = openDisk(engine.root);
  const proven = new Map<number, ProvenLines | undefined>();
  const read = async (row: ChunkRow): Promise<ProvenLines | undefined> => {
    if (!proven.has(row.id)) {
      proven.set(row.id, await disk(row));
      if (proven.get(row.id) === undefined) vanished.push(row.path);
    }
    return proven.get(row.id);
  };
  const at = surroundingsOf(cursor);
  const { expected, alike } = await expectNames(engine, at, read);
  const worth = new Map<string, Worth>();
  const sources: { row: ChunkRow; prior: Reason }[] = [];
  const add = (row: ChunkRow, name: string, amount: number): void => {
    if (!at.isSeen(row)) sources.push({ row, prior: { name, amount } });
  };
  for (const { row, cosine } of alike) add(row, 'continues alike', ALIKE_WORTH * cosine);
  const likely = expected
    .map((one) => ({ ...one, probability: probabilityOf(one.clues) }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, NAMES_SHOWN_MAX);
  for (const { name, probability, definers } of likely) {
    worth.set(name, { used: probability, defined: probability });
    for (const row of definers.slice(0, DEFINERS_SHOWN_MAX)) add(row, 'same names', 0);
  }
  addDefinitions(engine, cursor, at.nearNames, (row, name, amount) => {
    worth.set(name, { used: 0, defined: amount });
    add(row, 'definition', 0);
  });
  addNeighbours(engine, cursor, add);
  const unique = new Map<number, { row: ChunkRow; prior: Reason }>();
  for (const source of sources) {
    const known = unique.get(source.row.id);
    if (known === undefined || known.prior.amount < source.prior.amount) unique.set(source.row.id, source);
  }
  const ready: (Source & { row: ChunkRow; startLine: number })[] = [];
  for (const { row, prior } of unique.values()) {
    const lines = await read(row);
    if (lines !== undefined) ready.push({ row, prior, path: row.path, symbols: row.symbols, muted: markImports(lines.lines), ...lines });
  }
  const choices = choose(ready, worth, maxTokens);
  return assemble(choices.slice(0, limit), ready, vanished);
}

function assemble(choices: readonly Choice[], ready: readonly (Source & { row: ChunkRow; startLine: number })[], vanished: readonly string[]): Shown {
  const snippets = choices.map(({ source, from, to, reasons }): Snippet => {
    const { row, lines, startLine } = ready[source]!;
    const text = lines.slice(from, to + 1).join('');
    return {
      path: row.path,
      startLine: startLine + from,
      endLine: startLine + to,
      language: row.language,
      symbols: row.symbols.filter((symbol) => text.includes(symbol)),
      text: text.replace(/\r?\n$/, ''),
      masked: countMasks(text),
      score: reasons.reduce((sum, { amount }) => sum + amount, 0),
      reasons,
    };
  });
  const values = new Map<string, number>();
  for (const { path, score } of snippets) values.set(path, (values.get(path) ?? 0) + score);
  snippets.sort(
    (a, b) =>
      values.get(b.path)! - values.get(a.path)! || (a.path < b.path ? -1 : a.path > b.path ? 1 : a.startLine - b.startLine),
  );
  let before = '';
  let tokens = 0;
  for (const { path, text } of snippets) {
    tokens += countTokens(`${text}\n`) + (path === before ? SNIPPET_NEXT_TOKENS : SNIPPET_HEAD_TOKENS);
    before = path;
  }
  return { snippets, tokens, overBudget: 0, vanished };
}

const ALIKE_WORTH = Number(process.env.ALIKE_WORTH ?? 0.05);
const NEAR_WORTH = Number(process.env.NEAR_WORTH ?? 0.3);
const NAMES_SHOWN_MAX = Number(process.env.NAMES ?? 120);
const DEFINERS_SHOWN_MAX = 2;

const W: Record<string, number> = {alike: 1.3, words: 3.53, imported: 0.76, folder: 0.16, member: 0.88, parts: 1.52, common: 2.26, ambiguous: 0.2, test: -1.27};
function probabilityOf(clues: Clues): number {
  let sum = -7.5;
  for (const [name, value] of Object.entries(clues)) sum += (W[name] ?? 0) * value;
  return 1 / (1 + Math.exp(-sum));
}

export function surroundingsOf(cursor: Cursor): Surroundings {
  const near = tail(cursor.before, NEAR_LINES);
  return {
    path: cursor.path,
    near,
    seen: `${cursor.before}\n${cursor.after}`,
    nearNames: namesUsed(near, cursor.before),
    isSeen: (row) => row.startLine === 0 || row.path === cursor.path,
  };
}

type Add = (row: ChunkRow, name: string, amount: number) => void;

/** Definitions of names used near the cursor; the nearer the use, the more it counts. */
function addDefinitions({ store }: Engine, cursor: Cursor, names: ReadonlyMap<string, number>, add: Add): void {
  const defined = new Map<string, ChunkRow[]>();
  for (const row of store.definitionsOf([...names.keys()], {})) {
    for (const symbol of row.symbols) if (names.has(symbol)) defined.set(symbol, [...(defined.get(symbol) ?? []), row]);
  }
  const language = cursor.path === undefined ? undefined : languageOf(cursor.path);
  for (const [name, rows] of defined) {
    const fitting = rows.filter((row) => row.kind === 'code' && (language === undefined || row.language === language));
    const candidates = fitting.length > 0 ? fitting : rows;
    if (candidates.length > DEFINITIONS_MAX) continue;
    for (const row of candidates) add(row, name, (NEAR_WORTH * names.get(name)!) / Math.sqrt(candidates.length));
  }
}

/** Members beside the cursor and the test of this file. */
function addNeighbours({ store }: Engine, cursor: Cursor, add: Add): void {
  if (cursor.path === undefined) return;
  const rows = store.chunkRowsOfFile(cursor.path);
  const here = rows.findIndex(({ startLine, endLine }) => startLine <= cursor.seenTo && cursor.seenTo <= endLine);
  rows.forEach((row, at) => {
    add(row, "same file", 0.05 * NEIGHBOUR_WEIGHT / (1 + Math.abs(at - here) / 4));
  });
  const stem = stemOf(cursor.path);
  if (stem.length < 3) return;
  const tests = store.selectFiles((file) => file.kind === 'tests' && stemOf(file.path).includes(stem));
  for (const id of tests.slice(0, 2))
    for (const row of store.chunkRowsOfFile(id).slice(0, 3)) add(row, "test of this file", 0.2 * TEST_WEIGHT);
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

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return splitIdentifier(name.slice(0, name.indexOf('.', 1) === -1 ? undefined : name.indexOf('.', 1)))
    .map(stem)
    .join('');
}
