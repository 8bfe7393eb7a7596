/** How far two pieces of code are written alike, whatever their names are: runs of lexemes compared. Pure. */
import type { Verdict } from '../types.ts';
import { type Lexeme, lex } from './lexemes.ts';

/** A piece of code, ready to be compared. */
export type Shape = {
  readonly count: number;
  /** All lexemes as written, and by their shapes, each between blanks. */
  readonly exact: string;
  readonly plain: string;
  /** How often each run of RUN lexemes occurs, by its hash. */
  readonly runs: ReadonlyMap<number, number>;
};

/** Lexemes of a run: five tell little without their names, but hold through most rewriting; rare ones weigh more. */
const RUN = 5;

/** Shorter pieces are alike by chance. */
const LEXEMES_MIN = 20;
/** So many different runs are no table or list, of which any two are alike. */
const RUNS_MIN = 12;
/** Of two pieces of different size the smaller one is to be at least this share of what was asked for. */
const PART_MIN = 0.5;

export function shapeOf(text: string, language: string): Shape {
  return shapeOfLexemes(lex(text, language));
}

export function shapeOfLexemes(lexemes: readonly Lexeme[]): Shape {
  const shapes = lexemes.map(({ shape }) => shape);
  const codes = shapes.map(codeOf);
  const runs = new Map<number, number>();
  for (let at = 0; at + RUN <= codes.length; at++) {
    let run = 0;
    for (let i = 0; i < RUN; i++) run = Math.imul(run ^ codes[at + i]!, 0x9e3779b1) ^ (run >>> 15);
    runs.set(run, (runs.get(run) ?? 0) + 1);
  }
  const exact = ` ${lexemes.map(({ text }) => text).join(' ')} `;
  return { count: lexemes.length, exact, plain: ` ${shapes.join(' ')} `, runs };
}

/** A number for a shape: most are one or two characters. */
function codeOf(shape: string): number {
  let code = 0;
  for (let at = 0; at < shape.length; at++) code = Math.imul(code, 31) + shape.charCodeAt(at);
  return code | 0;
}

/** What a run of lexemes tells: the fewer of the shapes have it, the more. */
export function weighRuns(shapes: readonly Shape[]): (run: number) => number {
  const counts = new Map<number, number>();
  for (const { runs } of shapes) for (const run of runs.keys()) counts.set(run, (counts.get(run) ?? 0) + 1);
  return (run) => Math.log((shapes.length + 1) / ((counts.get(run) ?? 0) + 0.5));
}

/** Share of the piece's structure that the other one has, or of the other's where that is a good part of the piece; 0 to 1. */
export function structureShared(piece: Shape, other: Shape, weigh: (run: number) => number): number {
  const size = (shape: Shape): number => [...shape.runs].reduce((sum, [run, count]) => sum + count * weigh(run), 0);
  let common = 0;
  for (const [run, count] of piece.runs) common += Math.min(count, other.runs.get(run) ?? 0) * weigh(run);
  const asked = size(piece);
  const rest = size(other);
  if (asked === 0 || rest === 0) return 0;
  const ofPiece = common / asked;
  return other.count >= LEXEMES_MIN && rest < asked
    ? Math.max(ofPiece, (common / rest) * (0.5 + rest / asked / 2))
    : ofPiece;
}

/** 'identical' or 'renamed' where the smaller of the two stands as a whole in the other; undefined where the wording is no proof. */
export function sameWording(piece: Shape, other: Shape): Verdict | undefined {
  const [small, large] = piece.count <= other.count ? [piece, other] : [other, piece];
  if (small.count < LEXEMES_MIN || small.count < piece.count * PART_MIN)
    return piece.exact === other.exact ? 'identical' : undefined;
  if (large.exact.includes(small.exact)) return 'identical';
  if (small.runs.size >= RUNS_MIN && large.plain.includes(small.plain)) return 'renamed';
  return undefined;
}
