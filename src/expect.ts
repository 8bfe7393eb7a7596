/** Which names of the repository the code at a cursor will need next, each with a probability and the rows that define it. */
import type { Surroundings } from './cursor.ts';
import { importFitter, importsOf } from './imports.ts';
import { languageOf } from './languages.ts';
import { askSlow, embedQuery } from './meaning.ts';
import { passageText } from './prepare.ts';
import { describe, type Engine, rareTerms } from './search.ts';
import type { ProvenLines } from './show.ts';
import { namesIn, splitIdentifier, stem, tellingTerms } from './tokens.ts';
import type { ChunkRow } from './types.ts';

/** Code that goes on the way the code at the cursor begins, or has its rare words. */
export type Alike = {
  readonly row: ChunkRow;
  readonly cosine: number;
  /** 0 to 1, the most alike by words. */
  readonly words: number;
  readonly lines: ProvenLines;
};

export type Expectation = {
  readonly name: string;
  /** That the code to come uses the name, 0 to 1. */
  readonly probability: number;
  readonly clues: Clues;
  /** Rows that define it; the ones in imported files first, then those in this folder. */
  readonly definers: readonly ChunkRow[];
};

/** What speaks for a name. */
export type Clues = Readonly<Record<ClueName, number>>;
export type ClueName =
  | 'alike' // used in code of like meaning: square root of its share among that code
  | 'words' // used in code with the same rare words: likewise
  | 'imported' // defined in a file that is imported here: how well it fits the import
  | 'member' // defined in something that is named near the cursor
  | 'parts' // has words that are near the cursor
  | 'common' // used all over the repository: log of its chunks, 1 for all
  | 'test'; // defined in tests only

/**
 * Logistic weights, learned from the odd half of the repositories of test/eval/complete.ts (whose labels are what really was
 * there) and checked on the other; test/eval/results.md has both halves' weights side by side.
 */
const WEIGHTS: Clues = {
  alike: 1.9,
  words: 4.9,
  imported: 0.4,
  member: 0.8,
  parts: 1.2,
  common: 1.3,
  test: -1.1,
};
const OFFSET = -7.4;
export const CLUE_NAMES = Object.keys(WEIGHTS) as readonly ClueName[];

/** Chunks that each retriever brings, and those of them that are read. */
const CANDIDATES = 80;
const ALIKE_MAX = 40;
/** Rare terms that the lexical retriever is asked for; 24 found the same and took longer. */
const TERMS_MAX = 16;
/**
 * Chunks that have one of them, all together: scoring takes a microsecond each. On the odd half of test/eval/complete.ts 500
 * cover 0.697 of the names within 2,000 tokens, 2,000 cover 0.679, all of them 0.682.
 */
const TERM_CHUNKS_MAX = 500;
/** A cosine so far below the best one's counts a third of it. */
const COSINE_STEP = 0.06;
const FOLDER_FILES_MAX = 24;
const IMPORTED_FILES_MAX = 16;
/** Files that define what is named near the cursor: their members come next. */
const NAMED_FILES_MAX = 12;
/** Names in alike code that no file so far defines are looked up, the most used first. */
const LOOKED_UP_MAX = 100;
/** Names that no alike code uses, of which it is looked up how common they are: each look-up takes 10 us. */
const UNUSED_LOOKED_UP_MAX = 100;
/** Of a name that more rows define, these will do. */
const DEFINERS_MAX = 6;
/** Rows read of those that define one name near the cursor: enough to know how many are of the cursor's language. */
const NAMED_MAX = 8;

const WHOLE_NAME = /^[\p{L}_$][\p{L}\p{N}_$]{2,}[!?]?$/u;

/** Reads a row's lines from the disk; undefined when they are there no more. */
type Read = (row: ChunkRow) => Promise<ProvenLines | undefined>;

/** Names that the caller does not see yet, likeliest first; the code that they were learned from; and rows that define what is named near the cursor. */
export async function expectNames(
  engine: Engine,
  at: Surroundings,
  read: Read,
): Promise<{ expected: Expectation[]; alike: Alike[]; named: ChunkRow[] }> {
  const alike = await findAlike(engine, at, read);
  const named = engine.store.definitionsOf([...at.nearNames.keys()], {}, NAMED_MAX);
  const seen = new Set(namesIn(at.seen));
  const uses = countUses(alike, seen);
  const fitOf = importFitter(importsOf(at.seen));
  const definers = findDefiners(engine, at, seen, uses, fitOf, [alike.map(({ row }) => row), named]);
  const weigh = clueReader(engine, at, uses, fitOf, [...definers.keys()]);
  const folder = folderOf(at.path ?? '');
  const expected = [...definers].map(([name, rows]): Expectation => {
    const clues = weigh(name, rows);
    const near = rows.map((row) => ({ row, nearness: 2 * fitOf(row.path) + Number(folderOf(row.path) === folder) }));
    near.sort((a, b) => b.nearness - a.nearness || a.row.id - b.row.id);
    return { name, clues, definers: near.map(({ row }) => row), probability: probabilityOf(clues) };
  });
  expected.sort((a, b) => b.probability - a.probability || (a.name < b.name ? -1 : 1));
  return { expected, alike, named };
}

function probabilityOf(clues: Clues): number {
  let sum = OFFSET;
  for (const name of CLUE_NAMES) sum += WEIGHTS[name] * clues[name];
  return 1 / (1 + Math.exp(-sum));
}

async function findAlike(engine: Engine, at: Surroundings, read: Read): Promise<Alike[]> {
  const { store } = engine;
  const near = at.near.trim();
  // An empty file has nothing but its path to tell what belongs there.
  const text = at.path === undefined ? near : near === '' ? at.path : passageText(at.path, at.near);
  const terms = rareTerms(store, tellingTerms(near === '' ? (at.path ?? '') : near), TERMS_MAX, TERM_CHUNKS_MAX);
  const question = { text, task: 'code2completion' } as const;
  const [embedding, slow] = await Promise.all([
    embedQuery(engine.embedder, question),
    askSlow(engine, question, CANDIDATES, {}),
  ]);
  const vector = embedding === undefined ? [] : store.vector.retrieve({ embedding }, CANDIDATES, {});
  const lexical = store.lexical.retrieve({ terms }, CANDIDATES, {});
  const described = describe(store, { lexical, vector, slow: slow?.hits ?? [] });
  const found = (slow?.judge(described) ?? described).filter(
    ({ row }) => !at.isSeen(row) && (row.kind === 'code' || row.kind === 'tests'),
  );
  const top = Math.max(1e-9, ...found.map(({ lexicalScore }) => lexicalScore));
  const judged = found.map(({ row, cosine, lexicalScore }) => ({ row, cosine, words: lexicalScore / top }));
  const likeness = (one: { cosine: number; words: number }): number => one.cosine + one.words / 2;
  judged.sort((a, b) => likeness(b) - likeness(a) || a.row.id - b.row.id);
  const alike: Alike[] = [];
  for (const one of judged.slice(0, ALIKE_MAX)) {
    const lines = await read(one.row);
    if (lines !== undefined) alike.push({ ...one, lines });
  }
  return alike;
}

/** What share of the alike code uses each name that is not seen yet; code that is more alike counts more. */
type Uses = { readonly byMeaning: ReadonlyMap<string, number>; readonly byWords: ReadonlyMap<string, number> };

function countUses(alike: readonly Alike[], seen: ReadonlySet<string>): Uses {
  const best = Math.max(0, ...alike.map(({ cosine }) => cosine));
  const meanings = alike.map(({ cosine }) => Math.exp((cosine - best) / COSINE_STEP));
  const words = alike.map((one) => one.words ** 2);
  const [allMeanings, allWords] = [sumOf(meanings), sumOf(words)];
  const byMeaning = new Map<string, number>();
  const byWords = new Map<string, number>();
  for (const [at, { lines }] of alike.entries()) {
    for (const name of new Set(namesIn(lines.lines.join('')))) {
      if (seen.has(name)) continue;
      byMeaning.set(name, (byMeaning.get(name) ?? 0) + meanings[at]! / allMeanings);
      byWords.set(name, (byWords.get(name) ?? 0) + words[at]! / allWords);
    }
  }
  return { byMeaning, byWords };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 1e-9);
}

/** Rows that define each name that may come: in imported files, in this folder, beside what is named here, or used by alike code. */
function findDefiners(
  { store }: Engine,
  at: Surroundings,
  seen: ReadonlySet<string>,
  uses: Uses,
  fitOf: (path: string) => number,
  [alike, named]: readonly [alike: readonly ChunkRow[], named: readonly ChunkRow[]],
): Map<string, ChunkRow[]> {
  const language = at.path === undefined ? undefined : languageOf(at.path);
  const definers = new Map<string, Map<number, ChunkRow>>();
  const add = (rows: readonly ChunkRow[], wanted?: ReadonlySet<string>): void => {
    for (const row of rows) {
      const isCode = row.kind === 'code' || row.kind === 'tests';
      if (!isCode || at.isSeen(row) || (language !== undefined && familyOf(row.language) !== familyOf(language)))
        continue;
      for (const symbol of row.symbols) {
        if (seen.has(symbol) || !(wanted?.has(symbol) ?? WHOLE_NAME.test(symbol))) continue;
        definers.set(symbol, (definers.get(symbol) ?? new Map()).set(row.id, row));
      }
    }
  };
  add(alike);
  const files = new Set([...filesOfNamed(named, at.nearNames)].slice(0, NAMED_FILES_MAX));
  for (const id of filesAround(store, at.path, fitOf)) files.add(id);
  for (const id of files) add(store.chunkRowsOfFile(id));
  const use = (name: string): number => uses.byMeaning.get(name)! + uses.byWords.get(name)!;
  const unknown = [...uses.byMeaning.keys()].filter((name) => !definers.has(name));
  const lookedUp = unknown.sort((a, b) => use(b) - use(a) || (a < b ? -1 : 1)).slice(0, LOOKED_UP_MAX);
  add(store.definitionsOf(lookedUp, {}, DEFINERS_MAX), new Set(lookedUp));
  return new Map([...definers].map(([name, rows]) => [name, [...rows.values()]]));
}

/** Files that define names near the cursor, a few of each name, the nearest name first. */
function filesOfNamed(named: readonly ChunkRow[], nearNames: ReadonlyMap<string, number>): Set<number> {
  const counts = new Map<string, number>();
  const files = new Set<number>();
  for (const { kind, symbols, fileId } of named) {
    const name = symbols.find((symbol) => nearNames.has(symbol)) ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (kind === 'code' && counts.get(name)! <= DEFINERS_MAX) files.add(fileId);
  }
  return files;
}

/** C and C++ share their headers. */
function familyOf(language: string): string {
  return language === 'c' ? 'cpp' : language;
}

/** Ids of files that are imported, best fits first, and of those beside the file. */
function filesAround(store: Engine['store'], path: string | undefined, fitOf: (path: string) => number): number[] {
  const folder = folderOf(path ?? '');
  const imported: { id: number; fit: number }[] = [];
  const beside: number[] = [];
  store.selectFiles((file) => {
    const fit = fitOf(file.path);
    if (fit > 0) imported.push({ id: file.id, fit });
    else if (path !== undefined && beside.length < FOLDER_FILES_MAX && folderOf(file.path) === folder)
      beside.push(file.id);
    return false;
  });
  imported.sort((a, b) => b.fit - a.fit || a.id - b.id);
  return [...imported.slice(0, IMPORTED_FILES_MAX).map(({ id }) => id), ...beside];
}

function clueReader(
  { store }: Engine,
  at: Surroundings,
  uses: Uses,
  fitOf: (path: string) => number,
  names: readonly string[],
) {
  const nearParts = new Map<string, number>();
  for (const [name, weight] of at.nearNames)
    for (const part of partsOf(name))
      if (part.length > 2) nearParts.set(part, Math.max(nearParts.get(part) ?? 0, weight));
  const logChunks = Math.log(2 + store.chunkCount());
  const used = names.filter((name) => uses.byMeaning.has(name));
  const unused = names.filter((name) => !uses.byMeaning.has(name)).slice(0, UNUSED_LOOKED_UP_MAX);
  const partsOfName = new Map(names.map((name) => [name, partsOf(name)]));
  const frequencies = store.documentFrequency([...used, ...unused].map((name) => termOf(name, partsOfName.get(name)!)));
  return (name: string, rows: readonly ChunkRow[]): Clues => {
    const parts = partsOfName.get(name)!;
    const owners = rows.flatMap(({ scope }) => scope);
    return {
      alike: Math.sqrt(uses.byMeaning.get(name) ?? 0),
      words: Math.sqrt(uses.byWords.get(name) ?? 0),
      imported: Math.max(...rows.map(({ path }) => fitOf(path))),
      member: Math.max(0, ...owners.map((owner) => at.nearNames.get(owner) ?? 0)),
      parts: sumOf(parts.map((part) => nearParts.get(part) ?? 0)) / Math.max(1, parts.length),
      common: Math.log(1 + (frequencies.get(termOf(name, parts)) ?? 0)) / logChunks,
      test: Number(rows.every(({ kind }) => kind === 'tests')),
    };
  };
}

function partsOf(name: string): string[] {
  return splitIdentifier(name)
    .map(stem)
    .filter((part) => part.length > 1);
}

/** The name as one search term (tokens.ts). */
function termOf(name: string, parts: readonly string[]): string {
  return parts.length > 1 ? name.replaceAll('_', '').toLowerCase() : (parts[0] ?? '');
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
