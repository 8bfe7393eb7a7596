/** A text as lines, and where it may be cut when nothing but its lines is known. Never fails. */
import { lineSpans } from '../lines.ts';

/** The lines of a text (see ../lines.ts), as cutting needs them. */
export type Lines = {
  readonly text: string;
  readonly count: number;
  /** Offset of each line's first character, and one entry more: the text's length. */
  readonly starts: Uint32Array;
  /** Offset behind each line's last character, its line end left out. */
  readonly ends: Uint32Array;
  /** Characters of white space in front, -1 for a blank line. */
  readonly indents: Int16Array;
};

/** How bad it is to cut in front of each line: 0 is between two definitions, see cut.ts for the scale. */
export type CutWeights = Float32Array;

/** A level of indentation weighs as much as being inside a statement does. */
const INDENT_WEIGHT = 2;
const INDENT_LEVELS_MAX = 8;
const TAB_COLUMNS = 4;
/** No blank line in front. */
const TIGHT_WEIGHT = 1;
/** The line before opens what this line goes on with. */
const OPENER_WEIGHT = 4;
/** This line closes or continues what the lines before it began. */
const CLOSER_WEIGHT = 6;

const INDENT_MAX = 2_000;
const CONTINUES =
  /^(?:[)\]}{>,.:?]|&&|\|\||=>|->|(?:end|else|elif|elsif|except|finally|catch|rescue|ensure|then|do|done|fi|esac|extends|implements|with|where|until)\b)/;

export function splitLines(text: string): Lines {
  const spans = lineSpans(text);
  const count = spans.length;
  const starts = new Uint32Array(count + 1).fill(text.length);
  const ends = new Uint32Array(count);
  const indents = new Int16Array(count);
  spans.forEach(({ start, end }, line) => {
    starts[line] = start;
    ends[line] = end;
    indents[line] = indentOf(text, start, end);
  });
  return { text, count, starts, ends, indents };
}

/** What a line's look says about cutting in front of it; the syntax, where it is known, adds to this. */
export function weighLooks(lines: Lines): CutWeights {
  const weights = new Float32Array(lines.count);
  let before = -1;
  for (let line = 0; line < lines.count; line++) {
    const indent = lines.indents[line]!;
    if (indent < 0) continue;
    if (before === line - 1) weights[line]! += TIGHT_WEIGHT;
    if (before >= 0 && lines.indents[before]! < indent) weights[line]! += OPENER_WEIGHT;
    const first = lines.starts[line]! + indent;
    if (CONTINUES.test(lines.text.slice(first, Math.min(lines.ends[line]!, first + 12))))
      weights[line]! += CLOSER_WEIGHT;
    before = line;
  }
  return weights;
}

/** Cut weights of a text without known syntax: indentation stands for nesting. */
export function weighLines(lines: Lines): CutWeights {
  const weights = weighLooks(lines);
  for (let line = 0; line < lines.count; line++) {
    const indent = lines.indents[line]!;
    if (indent <= 0) continue;
    const tabs = lines.text.charCodeAt(lines.starts[line]!) === 9;
    const levels = tabs ? indent : Math.ceil(indent / TAB_COLUMNS);
    weights[line]! += INDENT_WEIGHT * Math.min(levels, INDENT_LEVELS_MAX);
  }
  return weights;
}

/** Characters of white space in front of a line's text; -1 when there is nothing else. */
function indentOf(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at += 1;
  return at === end ? -1 : Math.min(at - start, INDENT_MAX);
}

/** White space as /\s/ has it. */
function isBlank(code: number): boolean {
  if (code < 128) return code === 32 || (code >= 9 && code <= 13);
  return /\s/.test(String.fromCharCode(code));
}
