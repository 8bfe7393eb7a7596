/** Which names of the repository the code at a cursor will use next: each with a probability, and the rows that speak for it. */
import { fitsImport, type Import, importsOf } from './imports.ts';
import { languageOf } from './languages.ts';
import { embedQuery } from './meaning.ts';
import { passageText } from './prepare.ts';
import { describe, type Engine, rareTerms } from './search.ts';
import type { ProvenLines } from './show.ts';
import { splitIdentifier, stem, tellingTerms } from './tokens.ts';
import type { ChunkRow } from './types.ts';

export type Surroundings = {
  readonly path: string | undefined;
  /** The code just before the cursor. */
  readonly near: string;
  /** All that the caller sees of the file. */
  readonly seen: string;
  /** Names near the cursor, 0 to 1, the nearer the more. */
  readonly nearNames: ReadonlyMap<string, number>;
  isSeen(row: ChunkRow): boolean;
};

export type Expectation = {
  readonly name: string;
  readonly clues: Clues;
  /** Rows that define it, likeliest first. */
  readonly definers: readonly ChunkRow[];
};

export type Alike = { readonly row: ChunkRow; readonly cosine: number; readonly lexical: number; readonly lines: ProvenLines };

export type Clues = {
  /** Used in code that is like the code near the cursor: by meaning, by words. */
  readonly alike: number;
  readonly words: number;
  readonly imported: number;
  readonly folder: number;
  readonly member: number;
  readonly parts: number;
  readonly common: number;
  readonly ambiguous: number;
  readonly test: number;
};

export const CLUE_NAMES = ['alike', 'words', 'imported', 'folder', 'member', 'parts', 'common', 'ambiguous', 'test'] as const;

const CANDIDATES = 80;
const ALIKE_MAX = 40;
const TERMS_MAX = 24;
const FOLDER_FILES_MAX = 40;
const IMPORTED_FILES_MAX = 16;

export async function expectNames(
  engine: Engine,
  at: Surroundings,
  read: (row: ChunkRow) => Promise<ProvenLines | undefined>,
): Promise<{ expected: Expectation[]; alike: Alike[] }> {
  const { store } = engine;
  const alike = await findAlike(engine, at, read);
  const seenNames = new Set(at.seen.match(NAME));
  const imports = importsOf(at.seen);
  const folder = folderOf(at.path ?? '');
  const files = [...store.files()];
  const importFit = new Map<string, number>();
  for (const [path] of files) {
    const fit = fitOf(imports, path);
    if (fit > 0) importFit.set(path, fit);
  }
  const importedPaths = [...importFit].sort((a, b) => b[1] - a[1]).slice(0, IMPORTED_FILES_MAX);
  const folderPaths = at.path === undefined ? [] : files.filter(([path]) => folderOf(path) === folder && path !== at.path).slice(0, FOLDER_FILES_MAX);
  const language = at.path === undefined ? undefined : languageOf(at.path);

  const rows = new Map<number, ChunkRow>();
  const addRows = (more: readonly ChunkRow[]): void => {
    for (const row of more) if (!at.isSeen(row)) rows.set(row.id, row);
  };
  addRows(alike.map(({ row }) => row));
  for (const [path] of importedPaths) addRows(store.chunkRowsOfFile(path));
  for (const [path] of folderPaths) addRows(store.chunkRowsOfFile(path));
  const nearDefiners = store.definitionsOf([...at.nearNames.keys()], {}).filter((row) => row.kind !== 'docs');
  const definersFiles = new Set(nearDefiners.map(({ path }) => path));
  for (const path of [...definersFiles].slice(0, 12)) addRows(store.chunkRowsOfFile(path));

  // Names that alike code uses, as written there.
  const usedV = new Map<string, number>();
  const usedL = new Map<string, number>();
  const top = Math.max(1e-9, ...alike.map(({ cosine }) => cosine));
  const topL = Math.max(1e-9, ...alike.map(({ lexical }) => lexical));
  const wv = alike.map(({ cosine }) => Math.exp((cosine - top) / 0.06));
  const sumV = wv.reduce((a, b) => a + b, 1e-9);
  const sumL = alike.reduce((a, { lexical }) => a + (lexical / topL) ** 2, 1e-9);
  alike.forEach(({ lines, lexical }, i) => {
    for (const name of new Set(lines.lines.join('').match(NAME))) {
      if (seenNames.has(name)) continue;
      usedV.set(name, (usedV.get(name) ?? 0) + wv[i]! / sumV);
      usedL.set(name, (usedL.get(name) ?? 0) + (lexical / topL) ** 2 / sumL);
    }
  });
  const definers = new Map<string, ChunkRow[]>();
  const define = (row: ChunkRow): void => {
    for (const symbol of row.symbols) {
      if (seenNames.has(symbol) || !WHOLE_NAME.test(symbol)) continue;
      const known = definers.get(symbol);
      if (known === undefined) definers.set(symbol, [row]);
      else known.push(row);
    }
  };
  for (const row of rows.values()) if (row.kind === 'code' || row.kind === 'tests') define(row);
  const unknown = [...usedV.keys()].filter((name) => !definers.has(name));
  const byUse = unknown.sort((a, b) => Math.max(usedV.get(b)!, usedL.get(b)!) - Math.max(usedV.get(a)!, usedL.get(a)!)).slice(0, 150);
  const wanted = new Set(byUse);
  for (const row of store.definitionsOf(byUse, {})) {
    if (at.isSeen(row) || row.kind === 'docs') continue;
    for (const symbol of row.symbols) if (wanted.has(symbol)) definers.set(symbol, [...(definers.get(symbol) ?? []), row]);
  }
  const nearStems = new Map<string, number>();
  for (const [name, weight] of at.nearNames)
    for (const part of splitIdentifier(name)) {
      const s = stem(part);
      if (s.length > 2) nearStems.set(s, Math.max(nearStems.get(s) ?? 0, weight));
    }
  const chunks = Math.log(1 + store.chunkCount());
  const expected: Expectation[] = [];
  for (const [name, defining] of definers) {
    const parts = splitIdentifier(name).map(stem).filter((part) => part.length > 1);
    const term = parts.length > 1 ? name.replaceAll('_', '').toLowerCase() : (parts[0] ?? '');
    const frequency = store.documentFrequency([term]).get(term) ?? 0;
    const unique = new Set(defining.map(({ id }) => id)).size;
    const fits = defining.map((row) => importFit.get(row.path) ?? 0);
    const sameLanguage = defining.some((row) => language === undefined || row.language === language);
    if (!sameLanguage) continue;
    expected.push({
      name,
      definers: defining,
      clues: {
        alike: Math.sqrt(usedV.get(name) ?? 0),
        words: Math.sqrt(usedL.get(name) ?? 0),
        imported: Math.max(...fits),
        folder: Number(defining.some((row) => folderOf(row.path) === folder)),
        member: Math.max(0, ...defining.map((row) => Math.max(0, ...row.scope.map((s) => at.nearNames.get(s) ?? 0)))),
        parts: parts.length === 0 ? 0 : parts.reduce((sum, part) => sum + (nearStems.get(part) ?? 0), 0) / parts.length,
        common: Math.log(1 + frequency) / chunks,
        ambiguous: Math.log(unique),
        test: Number(defining.every(({ kind }) => kind === 'tests')),
      },
    });
  }
  return { expected, alike };
}

const WHOLE_NAME = /^[\p{L}_$][\p{L}\p{N}_$]{2,}[!?]?$/u;
const NAME = /[\p{L}_$][\p{L}\p{N}_$]{2,}[!?]?/gu;

async function findAlike(
  engine: Engine,
  at: Surroundings,
  read: (row: ChunkRow) => Promise<ProvenLines | undefined>,
): Promise<Alike[]> {
  const { store } = engine;
  const text = at.near.trim() === '' || at.path === undefined ? at.near.trim() : passageText(at.path, at.near);
  const embedding = await embedQuery(engine.embedder, { text: text || (at.path ?? ''), task: 'code2completion' });
  const vector = embedding === undefined ? [] : store.vector.retrieve({ embedding }, CANDIDATES, {});
  const lexical = store.lexical.retrieve({ terms: rareTerms(store, tellingTerms(at.near), TERMS_MAX) }, CANDIDATES, {});
  const found = describe(store, lexical, vector).filter(({ row }) => !at.isSeen(row) && (row.kind === 'code' || row.kind === 'tests'));
  const top = Math.max(1e-9, ...found.map(({ lexicalScore }) => lexicalScore));
  const score = (one: (typeof found)[number]): number => one.cosine + (0.5 * one.lexicalScore) / top;
  const best = found.sort((a, b) => score(b) - score(a)).slice(0, ALIKE_MAX);
  const alike: Alike[] = [];
  for (const { row, cosine, lexicalScore } of best) {
    const lines = await read(row);
    if (lines !== undefined) alike.push({ row, cosine, lexical: lexicalScore, lines });
  }
  return alike;
}

function fitOf(imports: readonly Import[], path: string): number {
  let best = 0;
  for (const one of imports) best = Math.max(best, fitsImport(one, path));
  return best;
}

export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
