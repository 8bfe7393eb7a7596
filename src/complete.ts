/** Trip three: a cursor becomes the context that finishing the code there needs. */
import { type Cursor, isSeen, surroundingsOf } from './cursor.ts';
import { expectNames } from './expect.ts';
import { markImports } from './imports.ts';
import { languageOf } from './languages.ts';
import { countTokens, SNIPPET_HEAD_TOKENS, SNIPPET_NEXT_TOKENS } from './rank/budget.ts';
import { choose, type Source, type Worth } from './rank/choose.ts';
import type { Engine } from './search.ts';
import { openDisk, type Shown, snippetOf } from './show.ts';
import { splitIdentifier, stem } from './tokens.ts';
import type { ChunkRow, Reason, Snippet } from './types.ts';

/** Names that are bought, the likeliest; and how many of the rows that define one are offered. */
const NAMES_BOUGHT_MAX = 120;
const DEFINERS_OFFERED_MAX = 1;

/**
 * What a piece is worth beside the names on it, in names that are sure to be needed: code that goes on alike (times its cosine),
 * the definition of what is named at the cursor, members beside it, its test. Chosen on the odd half of test/eval/complete.ts
 * as the most that costs no more than a hundredth of the names covered.
 */
const ALIKE_WORTH = 0.05;
const NAMED_WORTH = 0.2;
const NEIGHBOUR_WORTH = 0.02;
const TEST_WORTH = 0.06;
/** What the file that is being edited defines, its editor knows more often than not. */
const SAME_FILE_SHARE = 0.2;
/** A use shows a name less well than its definition does. */
const USE_SHARE = 0.9;

/** A name that this many chunks define (`get`, `init`) tells nothing of which one is meant. */
const DEFINITIONS_MAX = 6;
/** Enough to know whether that many are of the cursor's language. */
const DEFINITIONS_READ_MAX = 20;

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
    if (!isSeen(row, cursor)) offers.set(row.id, known);
    return known.symbols;
  };
  for (const { row, cosine, words } of alike) offer(row, 'continues alike', ALIKE_WORTH * Math.max(cosine, words / 2));
  for (const { name, probability, definers } of expected.slice(0, NAMES_BOUGHT_MAX)) {
    worth.set(name, { used: USE_SHARE * probability, defined: probability });
    for (const row of definers.slice(0, DEFINERS_OFFERED_MAX)) offer(row, '', 0).add(name);
  }
  for (const { name, row, amount } of definitionsNamed(engine, cursor, at.nearNames)) {
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

/** Pieces of one file together, the file of the best piece first, in the order of its lines. */
function gather(pieces: readonly Snippet[], limit: number, vanished: readonly string[]): Shown {
  const best = [...pieces].sort((a, b) => b.score - a.score || comparePlaces(a, b)).slice(0, limit);
  const worths = new Map<string, number>();
  for (const { path, score } of best) worths.set(path, Math.max(worths.get(path) ?? 0, score));
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

type Named = { readonly row: ChunkRow; readonly name: string; readonly amount: number };

/** Definitions of names used near the cursor; the nearer the use, the more it counts. */
function definitionsNamed({ store }: Engine, cursor: Cursor, nearNames: ReadonlyMap<string, number>): Named[] {
  const defined = new Map<string, ChunkRow[]>();
  for (const row of store.definitionsOf([...nearNames.keys()], {}, DEFINITIONS_READ_MAX)) {
    if (isSeen(row, cursor)) continue;
    for (const symbol of row.symbols)
      if (nearNames.has(symbol)) defined.set(symbol, [...(defined.get(symbol) ?? []), row]);
  }
  const language = cursor.path === undefined ? undefined : languageOf(cursor.path);
  return [...defined].flatMap(([name, rows]) => {
    const fitting = rows.filter((row) => row.kind === 'code' && (language === undefined || row.language === language));
    const candidates = fitting.length > 0 ? fitting : rows;
    if (candidates.length > DEFINITIONS_MAX) return [];
    const amount = (NAMED_WORTH * nearNames.get(name)!) / Math.sqrt(candidates.length);
    return candidates.map((row) => ({
      row,
      name,
      amount: row.path === cursor.path ? amount * SAME_FILE_SHARE : amount,
    }));
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

function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return splitIdentifier(name.slice(0, name.indexOf('.', 1) === -1 ? undefined : name.indexOf('.', 1)))
    .map(stem)
    .join('');
}
