/** Finds code that does the same as a given piece, or nearly: by meaning, words and structure, and says how far it is the same. */
import { DowserError } from './errors.ts';
import { hashText } from './hash.ts';
import { languageOf } from './languages.ts';
import { type LineSpan, lineSpans, sliceLines } from './lines.ts';
import { askSlow, embedQuery, withCosines } from './meaning.ts';
import { passageText } from './prepare.ts';
import type { Found } from './rank/evidence.ts';
import { sameWording, shapeOf, structureShared, weighRuns } from './rank/likeness.ts';
import { byScoreThenPlace } from './rank/rank.ts';
import { describe, type Engine, filesFor, rareTerms } from './search.ts';
import { confine } from './source/confine.ts';
import { readText, readUnmasked } from './source/read.ts';
import { terms } from './tokens.ts';
import type { ChunkRow, Filters, Likeness, Lines, Reason, Verdict } from './types.ts';

/** Rare words of the piece that the lexical retriever is asked for; common ones only cost time. */
const TERMS_MAX = 24;
const CANDIDATES = 120;

/** Lines around a place where no chunk of the index covers it. */
const AROUND_LINES = 15;

/** Candidates that are read and compared as text: of 318 clones one original was not among them. */
const COMPARED_MAX = 60;

/** Meaning leads; words and structure confirm it. Equal wording is certain. */
const MEANING_WEIGHT = 1;
const WORDS_WEIGHT = 0.35;
const STRUCTURE_WEIGHT = 0.8;
/** The cosine of code is higher within a language, whatever the code does: without this, twins in another one drown. */
const SAME_LANGUAGE_WEIGHT = -0.12;
const WORDING_BONUS: Readonly<Record<Verdict, number>> = { identical: 0.5, renamed: 0.25, 'same job': 0, related: 0 };
/** Share of structure: all 54 changed clones of 8 repositories have it, and of the five next best places 7 % and 14 % (halves). */
const SAME_JOB_MIN = 0.5;

/** A similarity of 1 is for what is identical alone. */
const NOT_IDENTICAL_MAX = 0.99;

/** The nearest chunks that tell in which language a piece is. */
const NEAREST_ASKED = 9;

/** Shorter texts (a closing brace, an import) are no copies of each other. */
const GROUPED_CHARS_MIN = 60;

/** A chunk like the piece. `similarity` is what minSimilarity is held against; `exact` its lexemes, '' where it was not compared. */
export type Alike = {
  readonly row: ChunkRow;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly similarity: number;
  readonly exact: string;
  readonly likeness: Likeness;
};

/** A piece of code to find the like of; `path` and lines when it lies in the repository. */
export type Piece = {
  readonly code: string;
  readonly path?: string;
  readonly startLine?: number;
  readonly endLine?: number;
};

/** The piece at a place: the chunk there, or the lines around it. Throws DowserError when the place does not exist. */
export async function pieceAt(engine: Engine, argument: string, line: number): Promise<Piece> {
  const path = confine(engine.root, argument);
  const read = await readText(engine.root, path);
  if (!('text' in read))
    throw new DowserError(
      'not_found',
      `${path} can't be read (${read.reason}). Give another path, or the code itself.`,
    );
  const spans = lineSpans(read.text);
  if (!Number.isInteger(line) || line < 1 || line > spans.length)
    throw new DowserError('bad_argument', `${path} has ${spans.length} lines; line ${line} does not exist.`);
  const row = engine.store.chunkRowsOfFile(path).find(({ startLine, endLine }) => startLine <= line && line <= endLine);
  const inPlace = row !== undefined && hashText(sliceLines(read.text, spans, row.startLine, row.endLine)) === row.hash;
  const startLine = inPlace ? row.startLine : Math.max(1, line - AROUND_LINES);
  const endLine = inPlace ? row.endLine : Math.min(spans.length, line + AROUND_LINES);
  return { code: sliceLines(read.text, spans, startLine, endLine), path, startLine, endLine };
}

/** Chunks like the piece, best first; scores are sums of the reasons named, `meaning` is the cosine. */
export async function findSimilar(
  engine: Engine,
  piece: Piece,
  filters: Filters,
  minSimilarity: number,
): Promise<Alike[]> {
  const fileIds = filesFor(engine.store, filters);
  const scope = fileIds === undefined ? {} : { fileIds };
  const all = new Set(terms(piece.code));
  const rare = rareTerms(engine.store, [...all], TERMS_MAX);
  const question = {
    text: piece.path === undefined ? piece.code : passageText(piece.path, piece.code),
    task: 'code2code',
  } as const;
  const [embedding, slow] = await Promise.all([
    embedQuery(engine.embedder, question),
    askSlow(engine, question, CANDIDATES, scope),
  ]);
  const lexical = engine.store.lexical.retrieve({ terms: rare }, CANDIDATES, scope);
  const vector = embedding === undefined ? [] : engine.store.vector.retrieve({ embedding }, CANDIDATES, scope);
  // A slow model names candidates; the bounds of the verdicts are those of the other one.
  const described = describe(engine.store, { lexical, vector, slow: slow?.hits ?? [] });
  const found = withCosines(engine.store, slow?.judge(described) ?? described, embedding);
  const wanted = { terms: rare, count: Math.min(all.size, TERMS_MAX) };
  const judged = found
    .filter(({ row }) => !overlaps(row, piece) && row.startLine > 0)
    .map((one) => judge(one, wanted))
    .sort(byScoreThenPlace);
  const compared = compareTexts(engine.root, piece, judged.slice(0, COMPARED_MAX));
  const alike = [...compared, ...judged.slice(COMPARED_MAX)].filter(({ similarity }) => similarity >= minSimilarity);
  return group(alike.sort(byScoreThenPlace));
}

/** What a like of the piece has: its rare terms, of `count` that it could share. */
type Wanted = { readonly terms: readonly string[]; readonly count: number };

function judge(one: Found, { terms, count }: Wanted): Alike {
  const body = new Set(one.words.body.split(' '));
  const shared = count === 0 ? 0 : terms.filter((term) => body.has(term)).length / count;
  const reasons: Reason[] = [{ name: 'meaning', amount: one.cosine * MEANING_WEIGHT }];
  if (shared > 0) reasons.push({ name: 'shared words', amount: shared * WORDS_WEIGHT });
  const similarity = one.cosine === 0 ? shared : one.cosine;
  return {
    row: one.row,
    score: total(reasons),
    reasons,
    similarity,
    exact: '',
    likeness: { verdict: 'related', also: [] },
  };
}

/** Adds what only the texts themselves tell. A chunk that is not on disk as it was indexed stays as it is: who shows it finds out. */
function compareTexts(root: string, { code, path = '' }: Piece, judged: readonly Alike[]): Alike[] {
  const read = openTexts(root);
  const language = path === '' ? commonLanguage(judged) : languageOf(path);
  const shapes = judged.map(({ row }) => {
    const text = read(row);
    return text === undefined ? undefined : shapeOf(text, row.language);
  });
  const piece = shapeOf(code, language);
  const weigh = weighRuns(shapes.filter((shape) => shape !== undefined));
  return judged.map((one, at) => {
    const shape = shapes[at];
    if (shape === undefined) return one;
    const compared = compareOne(one, sameWording(piece, shape), structureShared(piece, shape, weigh), shape.exact);
    if (one.row.language !== language || one.similarity === 0) return compared;
    const reasons = [...compared.reasons, { name: 'same language', amount: SAME_LANGUAGE_WEIGHT }];
    return { ...compared, reasons, score: total(reasons) };
  });
}

/** The language of code that came without a path: that of most of what is nearest to it. */
function commonLanguage(judged: readonly Alike[]): string {
  const counts = new Map<string, number>();
  for (const { row } of judged.slice(0, NEAREST_ASKED)) counts.set(row.language, (counts.get(row.language) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'text';
}

function compareOne(one: Alike, wording: Verdict | undefined, structure: number, exact: string): Alike {
  const reasons = [...one.reasons];
  if (structure > 0) reasons.push({ name: 'structure', amount: structure * STRUCTURE_WEIGHT });
  if (wording !== undefined) reasons.push({ name: wording, amount: WORDING_BONUS[wording] });
  const verdict = wording ?? (structure >= SAME_JOB_MIN ? 'same job' : 'related');
  const similarity = wording === 'identical' ? 1 : Math.min(NOT_IDENTICAL_MAX, Math.max(one.similarity, structure));
  return { ...one, reasons, score: total(reasons), similarity, exact, likeness: { verdict, also: [] } };
}

/** The lines of chunks as they are on disk, where they are still in place; secrets are not masked: for comparing only. */
function openTexts(root: string): (row: ChunkRow) => string | undefined {
  const files = new Map<string, { text: string; spans: LineSpan[] } | undefined>();
  return ({ path, startLine, endLine }) => {
    if (!files.has(path)) {
      const read = readUnmasked(root, path);
      files.set(path, 'text' in read ? { text: read.text, spans: lineSpans(read.text) } : undefined);
    }
    const file = files.get(path);
    return file && sliceLines(file.text, file.spans, startLine, endLine);
  };
}

/** One entry for all copies of the same code. */
function group(alike: readonly Alike[]): Alike[] {
  const byText = new Map<string, Lines[]>();
  return alike
    .map((one) => {
      const also = byText.get(one.exact);
      if (also !== undefined && one.exact.length >= GROUPED_CHARS_MIN) {
        const { path, startLine, endLine } = one.row;
        also.push({ path, startLine, endLine });
        return undefined;
      }
      const copies: Lines[] = [];
      byText.set(one.exact, copies);
      return { ...one, likeness: { ...one.likeness, also: copies } };
    })
    .filter((one) => one !== undefined);
}

function total(reasons: readonly Reason[]): number {
  return reasons.reduce((sum, { amount }) => sum + amount, 0);
}

function overlaps(row: ChunkRow, { path, startLine, endLine }: Piece): boolean {
  return (
    row.path === path &&
    startLine !== undefined &&
    endLine !== undefined &&
    row.startLine <= endLine &&
    startLine <= row.endLine
  );
}
