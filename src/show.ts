/** Ranked rows to snippets: each is read from disk now, proven to be what was indexed, and cut to the budget. */
import { hashText } from './hash.ts';
import { type LineSpan, lineSpans, sliceLines } from './lines.ts';
import { allowance, countTokens, SNIPPET_HEAD_TOKENS } from './rank/budget.ts';
import { excerpt } from './rank/snippet.ts';
import { countMasks } from './source/mask.ts';
import { readText } from './source/read.ts';
import type { ChunkRow, Likeness, Query, Reason, SkipReason, Snippet } from './types.ts';

export type Shown = {
  readonly snippets: readonly Snippet[];
  readonly tokens: number;
  /** Rows that the limit would have let through and the budget did not. */
  readonly overBudget: number;
  /** Rows whose lines are on disk no more, neither in place nor elsewhere in their file. */
  readonly vanished: readonly string[];
};

type Showable = {
  readonly row: ChunkRow;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly likeness?: Likeness;
};

/** Files are read once each for one answer. */
type Disk = Map<string, { readonly text: string; readonly spans: readonly LineSpan[] } | undefined>;

/** A snippet with less than this shows too little: a small budget is shared among fewer. */
const SNIPPET_TOKENS_MIN = 120;

/** Lines that a chunk is looked for above and below its place. What moved further, the next sweep finds. */
const SHIFT_LINES_MAX = 400;

/** Takes from `ranked`, best first, until `limit` snippets stand or the budget is spent. */
export async function show(
  root: string,
  ranked: readonly Showable[],
  query: Pick<Query, 'terms' | 'limit' | 'maxTokens'>,
): Promise<Shown> {
  const disk = openDisk(root);
  const snippets: Snippet[] = [];
  const shares = Math.max(1, Math.min(query.limit, Math.floor(query.maxTokens / SNIPPET_TOKENS_MIN)));
  let left = query.maxTokens;
  let overBudget = 0;
  for (const { row, score, reasons, likeness } of ranked) {
    if (snippets.length + overBudget >= query.limit) break;
    const place = await disk.read(row);
    if (place === undefined) continue;
    const share = allowance(snippets.length, shares, left) - SNIPPET_HEAD_TOKENS;
    const part = excerpt(place.lines, place.startLine, query.terms, share);
    if (part === undefined) {
      overBudget++;
      continue;
    }
    const snippet = snippetOf(row, part, reasons, score);
    left -= countTokens(part.lines.join('')) + SNIPPET_HEAD_TOKENS;
    snippets.push(likeness === undefined ? snippet : { ...snippet, likeness });
  }
  return { snippets, tokens: query.maxTokens - left, overBudget, vanished: disk.vanished() };
}

/** A chunk's lines as they are on disk now, each with its own line end, and the line where they begin. */
export type ProvenLines = { readonly startLine: number; readonly lines: readonly string[] };

/** What the caller sees of lines of a chunk. */
export function snippetOf(
  row: ChunkRow,
  { startLine, lines }: ProvenLines,
  reasons: readonly Reason[],
  score = reasons.reduce((sum, { amount }) => sum + amount, 0),
): Snippet {
  const text = lines.join('');
  return {
    path: row.path,
    startLine,
    endLine: startLine === 0 ? 0 : startLine + lines.length - 1,
    language: row.language,
    symbols: [...row.scope, ...row.symbols],
    text: text.replace(/\r?\n$/, ''),
    masked: countMasks(text),
    score,
    reasons,
  };
}

/** Chunks as the disk has them in the course of one answer; each file is read once. */
export type ProvenDisk = {
  /** Undefined for a chunk whose lines are there no more, neither in place nor elsewhere in their file. */
  read(row: ChunkRow): Promise<ProvenLines | undefined>;
  /** Paths of such chunks. */
  vanished(): readonly string[];
};

export function openDisk(root: string): ProvenDisk {
  const disk: Disk = new Map();
  const vanished = new Map<number, string>();
  return {
    async read(row) {
      const lines = await anchor(root, row, disk);
      if (lines === undefined) vanished.set(row.id, row.path);
      return lines;
    },
    vanished: () => [...vanished.values()],
  };
}

/** Where the chunk is now: in place, moved within the file, or nowhere. */
async function anchor(root: string, row: ChunkRow, disk: Disk): Promise<ProvenLines | undefined> {
  const file = await open(root, row.path, disk);
  if (file === undefined) return undefined;
  if (row.startLine === 0) return { startLine: 0, lines: [] };
  const count = row.endLine - row.startLine + 1;
  const found = findLines(file, row, count);
  if (found === undefined) return undefined;
  const lines = file.spans.slice(found - 1, found - 1 + count).map(({ start }, at) => {
    const next = file.spans[found - 1 + at + 1]?.start ?? file.text.length;
    return file.text.slice(start, next);
  });
  return { startLine: found, lines };
}

/** The line where the chunk begins now: its own one most often, else the nearest at which the same lines stand. */
function findLines(
  file: { text: string; spans: readonly LineSpan[] },
  row: ChunkRow,
  count: number,
): number | undefined {
  const standsAt = (line: number): boolean =>
    line >= 1 &&
    line + count - 1 <= file.spans.length &&
    hashText(sliceLines(file.text, file.spans, line, line + count - 1)) === row.hash;
  if (standsAt(row.startLine)) return row.startLine;
  for (let shift = 1; shift <= SHIFT_LINES_MAX; shift++) {
    if (standsAt(row.startLine - shift)) return row.startLine - shift;
    if (standsAt(row.startLine + shift)) return row.startLine + shift;
  }
  return undefined;
}

const NAME_ONLY: ReadonlySet<SkipReason> = new Set(['too_large', 'binary']);

async function open(
  root: string,
  path: string,
  disk: Disk,
): Promise<{ text: string; spans: readonly LineSpan[] } | undefined> {
  if (!disk.has(path)) {
    const read = await readText(root, path);
    // What is known by its name alone is shown by its name: it is enough that it is there.
    const text = 'text' in read ? read.text : NAME_ONLY.has(read.reason) ? '' : undefined;
    disk.set(path, text === undefined ? undefined : { text, spans: lineSpans(text) });
  }
  return disk.get(path);
}
