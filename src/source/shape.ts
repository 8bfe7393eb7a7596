/** Tells files that people wrote from files that tools made, by their name, head and line lengths. */
import type { Kind } from '../types.ts';

/** What package managers write to remember versions. */
const LOCK_NAMES =
  /(^|\/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|go\.sum|Package\.resolved|packages\.lock\.json|gradle\.lockfile|[^/]+\.lock|\.terraform\.lock\.hcl|\.pnp\.[cm]?js)$/;

/** Such marks stand at the top; further down they are somebody's words about them. */
const HEAD_LINES = 20;
/** A head longer than this is not twenty lines of comment. */
const HEAD_CHARS = 4_000;

/** Starts of lines that are comments in one language or another. */
const COMMENT_START = /^\s*(\/\/|\/\*|\*|#|--|;|%|<!--|\{-|\(\*|"""|'''|REM\b|dnl\b|@rem\b)/i;
const BLOCK_OPENS = /\/\*|<!--|\{-|\(\*/g;
const BLOCK_CLOSES = /\*\/|-->|-\}|\*\)/g;
/** Each as a statement about this file. Marks in quotes are mentions. */
const MADE_MARKS: readonly RegExp[] = [
  /(?<![\w`'"])@generated(?![\w`'"-])/,
  /(?<![\w`'"])DO NOT EDIT(?![\w`'"])/,
  /^\W*(Code |([Tt]his )?([Ff]ile|[Cc]ode) (is|was) |[Aa]uto(matically)?[- ]?)+generated (by|from|with|using)\b/,
  /<auto-?generated/i,
];

/** Files that minifiers name so. */
const MINIFIED_NAME = /[.-]min\.([cm]?js|css|html?)$/;
/** Smaller ones cost nothing to index. */
const MINIFIED_CHARS_MIN = 2_000;
/** Hand-written lines of code end well before this. */
const LONG_LINE_CHARS = 500;
/** Share of a file in long lines from which it counts as minified. */
const LONG_SHARE_MIN = 0.9;
/** A file with this much in ordinary lines beyond a licence head was written by hand, whatever data it carries along. */
const ORDINARY_CHARS_MIN = 4_000;

/** True for lock files, and for texts whose head says that a tool made them. Prose is never taken for it: a made manual is still read. */
export function isGenerated(path: string, text: string, kind: Kind): boolean {
  if (LOCK_NAMES.test(path)) return true;
  return kind !== 'docs' && saysItIsMade(text);
}

/** True when nearly all of a text lies in lines too long for a person to have written. Prose may have a line a paragraph. */
export function isMinified(path: string, text: string, kind: Kind): boolean {
  if (kind === 'docs' || text.length < MINIFIED_CHARS_MIN) return false;
  if (MINIFIED_NAME.test(path)) return true;
  let long = 0;
  for (let start = 0, end: number; start < text.length; start = end + 1) {
    end = text.indexOf('\n', start);
    if (end === -1) end = text.length;
    if (end - start > LONG_LINE_CHARS) long += end - start;
  }
  return long > text.length * LONG_SHARE_MIN && text.length - long < ORDINARY_CHARS_MIN;
}

function saysItIsMade(text: string): boolean {
  let inBlock = false;
  for (const line of text.slice(0, HEAD_CHARS).split(/\r\n|\r|\n/, HEAD_LINES)) {
    const isComment = inBlock || COMMENT_START.test(line);
    if (isComment && MADE_MARKS.some((mark) => mark.test(line))) return true;
    const opened = line.match(BLOCK_OPENS)?.length ?? 0;
    const closed = line.match(BLOCK_CLOSES)?.length ?? 0;
    if (opened !== closed) inBlock = opened > closed;
  }
  return false;
}
