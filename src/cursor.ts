/** The place where code is being written: what stands around it, which names are in use there, and what its writer sees. */
import { DowserError } from './errors.ts';
import { markImports } from './imports.ts';
import { lineSpans, sliceLines } from './lines.ts';
import type { Engine } from './search.ts';
import { confine } from './source/confine.ts';
import { readText } from './source/read.ts';
import { isStopWord, namesIn } from './tokens.ts';
import type { ChunkRow, CompleteRequest } from './types.ts';

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

/** The code around a cursor. `seenFrom` to `seenTo` are lines of `path` that the caller has before it. */
export type Cursor = {
  readonly path: string | undefined;
  readonly before: string;
  readonly after: string;
  readonly seenFrom: number;
  readonly seenTo: number;
  /** True when `before` and `after` are the whole file. */
  readonly isWhole: boolean;
};

/** Where the request points, as text. Throws DowserError when it points nowhere. */
export async function cursorOf(engine: Engine, request: CompleteRequest): Promise<Cursor> {
  const path = request.path === undefined ? undefined : confine(engine.root, request.path);
  if (request.prefix !== undefined) {
    const { prefix, suffix = '' } = request;
    const seenFrom = await lineOf(engine.root, path, prefix);
    const seenTo = seenFrom + lineSpans(prefix).length + lineSpans(suffix).length;
    return { path, before: prefix, after: suffix, seenFrom, seenTo, isWhole: false };
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
    isWhole: true,
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

/** What is known of the place where code is being written. */
export type Surroundings = {
  readonly path: string | undefined;
  /** The code just before the cursor. */
  readonly near: string;
  /** All of the file that the caller has before it. */
  readonly seen: string;
  /** Names near the cursor, 0 to 1: the nearer, the more they count. */
  readonly nearNames: ReadonlyMap<string, number>;
  isSeen(row: ChunkRow): boolean;
};

/** What expecting names needs to know of a cursor. */
export function surroundingsOf(cursor: Cursor): Surroundings {
  const near = tail(cursor.before, NEAR_LINES);
  return {
    path: cursor.path,
    near: tail(cursor.before, CURSOR_LINES),
    seen: `${cursor.before}\n${cursor.after}`,
    nearNames: namesUsed(near, cursor.before),
    isSeen: (row) => isSeen(row, cursor) || (cursor.isWhole && row.path === cursor.path),
  };
}

/** Identifiers of the text near the cursor with a weight from 0 to 1: near uses first, then what the file imports. */
function namesUsed(near: string, before: string): Map<string, number> {
  const weights = new Map<string, number>();
  const found = namesIn(near);
  found.reverse().forEach((name, distance) => {
    if (!isTelling(name) || weights.size >= NAMES_MAX) return;
    weights.set(name, Math.max(weights.get(name) ?? 0, 1 / (1 + distance / 60)));
  });
  const lines = before.split('\n');
  const isImport = markImports(lines);
  for (const [at, line] of lines.entries()) {
    if (isImport[at] === 0) continue;
    for (const name of namesIn(line)) {
      if (isTelling(name) && !weights.has(name)) weights.set(name, IMPORTED_WEIGHT);
    }
  }
  return weights;
}

/** A name that is only imported may not be needed here: at 0.35 it took 3 of 100 names covered at 500 tokens. */
const IMPORTED_WEIGHT = 0.2;

function isTelling(name: string): boolean {
  return !isStopWord(name) && !KEYWORDS.has(name);
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
export function isSeen(row: ChunkRow, { path, seenFrom, seenTo }: Cursor): boolean {
  return row.startLine === 0 || (row.path === path && row.startLine <= seenTo && seenFrom <= row.endLine);
}
