/** Finds code that does the same as a given piece, or nearly: by meaning first, shared words second, never the piece itself. */
import { DowserError } from './errors.ts';
import { hashText } from './hash.ts';
import { lineSpans, sliceLines } from './lines.ts';
import { embedQuery, withCosines } from './meaning.ts';
import { passageText } from './prepare.ts';
import type { Found } from './rank/evidence.ts';
import { byScoreThenPlace, type Ranked } from './rank/rank.ts';
import { describe, type Engine, filesFor, rareTerms } from './search.ts';
import { confine } from './source/confine.ts';
import { readText } from './source/read.ts';
import { terms } from './tokens.ts';
import type { ChunkRow, Embedding, Filters, Reason } from './types.ts';

/** Rare words of the piece that the lexical retriever is asked for; common ones only cost time. */
const TERMS_MAX = 24;
const CANDIDATES = 120;

/** Lines around a place where no chunk of the index covers it. */
const AROUND_LINES = 15;

/** Meaning leads; words confirm it. Equal text is certain. */
const MEANING_WEIGHT = 1;
const WORDS_WEIGHT = 0.35;
const IDENTICAL_BONUS = 0.5;

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
): Promise<Ranked[]> {
  const fileIds = filesFor(engine.store, filters);
  const scope = fileIds === undefined ? {} : { fileIds };
  const all = new Set(terms(piece.code));
  const rare = rareTerms(engine.store, [...all], TERMS_MAX);
  const embedding = await embedPiece(engine, piece);
  const lexical = engine.store.lexical.retrieve({ terms: rare }, CANDIDATES, scope);
  const vector = embedding === undefined ? [] : engine.store.vector.retrieve({ embedding }, CANDIDATES, scope);
  const found = withCosines(engine.store, describe(engine.store, lexical, vector), embedding);
  const wanted: Wanted = { terms: rare, count: Math.min(all.size, TERMS_MAX), hashes: hashesOf(piece.code) };
  return found
    .filter(({ row }) => !overlaps(row, piece) && row.startLine > 0)
    .map((one) => judge(one, wanted))
    .filter(({ similarity }) => similarity >= minSimilarity)
    .map(({ ranked }) => ranked)
    .sort(byScoreThenPlace);
}

/** The piece is code, so both sides of the comparison are passages of the code2code task. */
function embedPiece(engine: Engine, { code, path }: Piece): Promise<Embedding | undefined> {
  return embedQuery(engine.embedder, { text: path === undefined ? code : passageText(path, code), task: 'code2code' });
}

/** What a like of the piece has: its rare terms, of `count` that it could share, or its very text. */
type Wanted = { readonly terms: readonly string[]; readonly count: number; readonly hashes: readonly string[] };

/** Of the text, and of the text without the blank lines around it, which no chunk has. */
function hashesOf(code: string): string[] {
  const firstLine = code.lastIndexOf('\n', code.search(/\S/)) + 1;
  return [hashText(code), hashText(code.slice(firstLine).trimEnd())];
}

function judge(one: Found, { terms, count, hashes }: Wanted): { ranked: Ranked; similarity: number } {
  const body = new Set(one.words.body.split(' '));
  const shared = count === 0 ? 0 : terms.filter((term) => body.has(term)).length / count;
  const reasons: Reason[] = [{ name: 'meaning', amount: one.cosine * MEANING_WEIGHT }];
  if (shared > 0) reasons.push({ name: 'shared words', amount: shared * WORDS_WEIGHT });
  const isIdentical = hashes.includes(one.row.hash);
  if (isIdentical) reasons.push({ name: 'identical', amount: IDENTICAL_BONUS });
  const score = reasons.reduce((sum, { amount }) => sum + amount, 0);
  const similarity = isIdentical ? 1 : one.cosine === 0 ? shared : one.cosine;
  return { ranked: { row: one.row, score, reasons, held: shared, cosine: one.cosine, pathCosine: 0 }, similarity };
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
