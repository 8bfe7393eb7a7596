/** Which copies `dowser dupes` reports: those planted in a copy of a repository, and how many of all groups are copies by another measure. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { findDuplicates } from '../../src/dupes.ts';
import type { DuplicateGroup, Lines } from '../../src/types.ts';
import { CHANGES, type Change, cloneOf, functionsIn, type Piece } from './clones.ts';
import { shuffled } from './cuts.ts';
import { groups, mean, percentile } from './metrics.ts';
import { rootOf, type Spec, withIndex } from './semble.ts';

const PLANTED_PER_REPOSITORY = 10;
/** What dupes reports by default: a clone of which less is left, comments and blank lines apart, is none. */
const MIN_LINES = 6;
const SEED = 20_261_123;
/** Pairs of functions that have nothing to do with each other: what the measure says of them is chance. */
const RANDOM_PAIRS = 60;
/** Of the measure, at least this, however little random pairs have in common. */
const RATIO_MIN = 0.6;
/** Longer texts are compared by their beginnings. */
const TOKENS_MAX = 1_500;

export type Planted = {
  readonly repo: string;
  readonly language: string;
  readonly change: Change;
  readonly piece: Piece;
  /** Similarity of the group that has both; undefined where none has. */
  readonly found: number | undefined;
};
export type Reported = {
  readonly repo: string;
  readonly similarity: number;
  readonly isPlanted: boolean;
  readonly isRight: boolean;
  readonly group: DuplicateGroup;
};
export type DuplicatesRun = {
  readonly planted: Planted[];
  readonly reported: Reported[];
  readonly ms: number;
  readonly bound: number;
};

/** Plants clones in files of their own, in a copy of the repository, and judges every group that is reported. */
export async function runDuplicates(corpora: string, spec: Spec): Promise<DuplicatesRun> {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-duplicates-'));
  const root = join(folder, 'copy');
  cpSync(rootOf(corpora, spec), root, { recursive: true, filter: (path) => !/[\\/]\.git$/.test(path) });
  try {
    const copy: Spec = { name: 'copy', language: spec.language, pinned: true };
    const run = await withIndex(folder, copy, 'none', async (engine, { index }) => {
      const paths = [...engine.store.files()].filter(([, { kind, depth }]) => kind === 'code' && depth === 'full');
      const pieces: Piece[] = [];
      for (const [path] of shuffled(paths.sort(), SEED))
        pieces.push(...shuffled(await functionsIn(root, path), SEED).slice(0, 3));
      const seeds = await plant(root, pieces);
      await index.sync();
      const startedMs = performance.now();
      const { groups: found } = await findDuplicates(engine, {});
      const ms = performance.now() - startedMs;
      const bound = Math.max(RATIO_MIN, chanceOf(pieces));
      const planted = seeds.map(({ piece, change, path }): Planted => {
        const group = found.find(
          ({ places }) => places.some((one) => one.path === path) && places.some((one) => isAt(one, piece)),
        );
        return { repo: spec.name, language: piece.language, change, piece, found: group?.similarity };
      });
      const reported = found.map((group): Reported => {
        const isPlanted = group.places.some(({ path }) => path.startsWith('planted/'));
        return { repo: spec.name, similarity: group.similarity, isPlanted, isRight: isCopy(root, group, bound), group };
      });
      return { planted, reported, ms, bound };
    });
    return run ?? { planted: [], reported: [], ms: 0, bound: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function plant(root: string, pieces: readonly Piece[]) {
  const seeds: { piece: Piece; change: Change; path: string }[] = [];
  mkdirSync(join(root, 'planted'));
  for (const [at, piece] of pieces.entries()) {
    if (seeds.length >= PLANTED_PER_REPOSITORY) break;
    const change = CHANGES[seeds.length % CHANGES.length]!;
    const clone = await cloneOf(piece, change, SEED + at);
    if (clone === undefined || clone.text.split('\n').length < MIN_LINES) continue;
    const path = `planted/clone${at}${extname(piece.path)}`;
    writeFileSync(join(root, path), `${piece.language === 'php' ? '<?php\n' : ''}${clone.text}\n`);
    seeds.push({ piece, change, path });
  }
  return seeds;
}

function isAt(place: Lines, piece: Piece): boolean {
  const common = Math.min(place.endLine, piece.endLine) - Math.max(place.startLine, piece.startLine) + 1;
  return place.path === piece.path && common * 2 >= piece.endLine - piece.startLine + 1;
}

/** Every place is as near to the first as no two functions are by chance. */
function isCopy(root: string, { places }: DuplicateGroup, bound: number): boolean {
  const [first, ...rest] = places.map(({ path, startLine, endLine }) => {
    return plainTokens(
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .slice(startLine - 1, endLine)
        .join('\n'),
    );
  });
  return rest.every((one) => ratio(first!, one) >= bound);
}

/** What 99 of 100 pairs of different functions of a repository do not reach. */
function chanceOf(pieces: readonly Piece[]): number {
  const others = shuffled(pieces, SEED + 1);
  const ratios = pieces.slice(0, RANDOM_PAIRS).flatMap((piece, at) => {
    const other = others[at]!;
    return other.name === piece.name ? [] : [ratio(plainTokens(piece.text), plainTokens(other.text))];
  });
  return ratios.length === 0 ? 0 : percentile(ratios, 0.99);
}

/** Words and signs, comments out as far as a line shows them; all names and all numbers are one, keywords are names like others. */
function plainTokens(text: string): string[] {
  const code = text.replace(
    /\/\*[\s\S]*?\*\/|"""[\s\S]*?"""|^\s*(?:#(?!include|define|if|end|else)|\/\/|--|\*).*$/gm,
    '',
  );
  const tokens = code.match(/"[^"\n]*"|[\p{L}_][\p{L}\p{N}_]*|\d+|\S/gu) ?? [];
  return tokens.slice(0, TOKENS_MAX).map((token) =>
    token
      .replace(/^[\p{L}_].*/u, 'n')
      .replace(/^\d+/, '0')
      .replace(/^".*/s, '"'),
  );
}

/** Twice the longest common subsequence over both lengths, 0 to 1. */
function ratio(one: readonly string[], other: readonly string[]): number {
  let before = new Uint16Array(other.length + 1);
  for (const token of one) {
    const row = new Uint16Array(other.length + 1);
    for (let at = 0; at < other.length; at++)
      row[at + 1] = token === other[at] ? before[at]! + 1 : Math.max(row[at]!, before[at + 1]!);
    before = row;
  }
  return (2 * before[other.length]!) / Math.max(1, one.length + other.length);
}

export function duplicatesReport(runs: readonly DuplicatesRun[]): string {
  const planted = runs.flatMap((run) => run.planted);
  const reported = runs.flatMap((run) => run.reported);
  const found = (rows: readonly Planted[], least = 0): string =>
    mean(rows.map((one) => Number((one.found ?? -1) >= least))).toFixed(3);
  const right = (rows: readonly Reported[]): number => mean(rows.map(({ isRight }) => Number(isRight)));
  const lines = [
    '| least similarity | planted found | groups | right | right, planted ones left out | right, mean over repositories |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  for (const least of [0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]) {
    const seen = reported.filter(({ similarity }) => similarity >= least);
    const natural = seen.filter(({ isPlanted }) => !isPlanted);
    const byRepository = mean([...groups(seen, ({ repo }) => repo).values()].map(right));
    const cells = [right(seen), right(natural), byRepository].map((cell) => cell.toFixed(3));
    lines.push(`| ${least} | ${found(planted, least)} | ${seen.length} | ${cells.join(' | ')} |`);
  }
  for (const key of ['change', 'language'] as const) {
    lines.push('', `| ${key} | planted | found |`, '| --- | --- | --- |');
    for (const [name, rows] of [...groups(planted, (one) => one[key])].sort())
      lines.push(`| ${name} | ${rows.length} | ${found(rows)} |`);
  }
  const seconds = runs.map((run) => run.ms / 1_000);
  lines.push(
    '',
    `a repository p50 ${percentile(seconds, 0.5).toFixed(1)} s, longest ${Math.max(...seconds).toFixed(1)} s`,
  );
  return `${lines.join('\n')}\n`;
}
