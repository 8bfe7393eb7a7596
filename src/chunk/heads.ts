/** Definitions told by their first lines alone, for texts that a grammar does not understand. */
import type { Definition } from './labels.ts';
import type { Lines } from './lines.ts';
import { splitName } from './names.ts';

/** A longer line is no head that a person wrote; what is read of a line stays bounded. */
const HEAD_CHARS_MAX = 300;
/** A definition reaches to the next line that is not further in; a search beyond this is not worth it. */
const REACH_LINES_MAX = 5_000;

const MODIFIERS = String.raw`(?:(?:@[\w.]+(?:\([^()]*\))?|pub\([^()]*\)|(?:private|protected)\[\w+\]|extern\s+"[^"]*"|[a-z]+|non-sealed)\s+){0,8}?`;
const GENERICS = String.raw`(?:<[^<>]*(?:<[^<>]*>[^<>]*)*>\s*)?`;
const RECEIVER = String.raw`(?:\([^()]*\)\s*)?(?:[\w$]+(?:<[^<>()]*>)?\??[.:]+)*`;
const NAME = String.raw`${GENERICS}((?:${RECEIVER})[\p{L}_$][\p{L}\p{N}_$]*[?!']?)`;
/** What follows a name that is being defined, and rarely a word of prose. */
const FOLLOW = String.raw`(?=\s*(?:[<({\[:=;,@/#]|$|(?:extends|implements|permits|where|with|do|is|internal|private|protected|public|constructor|final|struct|interface|func|map)\b))`;

/** Words that a definition's name comes after, by language. */
const KEYWORDS: Readonly<Record<string, string>> = {
  csharp: 'class|struct|interface|enum|record|namespace',
  elixir: 'def|defp|defmacro|defmacrop|defguard|defguardp|defdelegate|defmodule|defprotocol',
  go: 'func|type',
  java: 'class|interface|enum|record|@interface',
  javascript: 'class|function',
  kotlin: 'class|interface|object|typealias|fun',
  lua: 'function',
  php: 'class|interface|trait|enum|function',
  python: 'class|def',
  ruby: 'class|module|def',
  rust: 'fn|struct|enum|union|trait|type|mod|macro_rules!',
  scala: 'class|trait|object|enum|def',
  swift: 'class|struct|enum|protocol|actor|func|typealias',
  typescript: 'class|interface|enum|namespace|function|type',
  zig: 'fn',
};

const C_HEADS: readonly RegExp[] = [
  /^\s*(?:typedef\s+)?(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+([A-Za-z_]\w*(?:::\w+)*)\s*(?:<[^;{}]*>\s*)?(?:final\s*)?(?:\{|:(?!:)|$)/,
  /^\s*#\s*define\s+(\w+)\(/,
  /^\s*using\s+(\w+)\s*=/,
  // A function begins at the margin, has a type, and does not end there as its declaration does.
  /^(?!(?:else|return|case|goto|typedef|using|namespace|new|delete|throw|class|struct|enum|union)\b)[A-Za-z_][\w:<>,*& ]*[\s*&]((?:\w+::)*~?[A-Za-z_]\w*)\s*\([^;]*$/,
];

/** Definitions that have a form of their own. */
const OTHERS: Readonly<Record<string, readonly RegExp[]>> = {
  bash: [/^\s*function\s+([\w:.-]+)/, /^\s*([\w:.-]+)\s*\(\)\s*(?:[{(]|$)/],
  c: C_HEADS,
  cpp: C_HEADS,
  haskell: [/^(?:data|newtype|class)\s+(?:[^=]*=>\s*)?([A-Z][\w']*)/, /^([a-z_][\w']*)\s*::/],
  javascript: [/^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*(?:async\b|function\b|class\b|\()/],
  lua: [/^\s*(?:local\s+)?([\w.]+)\s*=\s*function\b/],
  typescript: [/^(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*=\s*(?:async\b|function\b|class\b|\()/],
  zig: [/^\s*(?:pub\s+)?const\s+(\w+)\s*=\s*(?:extern\s+|packed\s+)?(?:struct|enum|union|opaque|error)\b/],
};

const heads = new Map<string, readonly RegExp[]>();

/** The definitions that a text's lines seem to begin, in order; lines to skip begin none. */
export function readHeads(language: string, lines: Lines, skip = (_row: number): boolean => false): Definition[] {
  const patterns = headsOf(language);
  const definitions: Definition[] = [];
  if (patterns.length === 0) return definitions;
  for (let row = 0; row < lines.count; row++) {
    if (lines.indents[row]! < 0 || skip(row)) continue;
    const start = lines.starts[row]!;
    const text = lines.text.slice(start, Math.min(lines.ends[row]!, start + HEAD_CHARS_MAX));
    const written = firstMatch(patterns, text);
    if (written === undefined) continue;
    const { name, owners } = splitName(written);
    if (name !== undefined) definitions.push({ name, owners, row, last: reachOf(lines, row) });
  }
  return definitions;
}

function headsOf(language: string): readonly RegExp[] {
  let patterns = heads.get(language);
  if (patterns === undefined) {
    const words = KEYWORDS[language];
    // Most lines have no such word, which is seen soonest by looking for it first.
    const head = `^(?=.*?(?:${words})\\s)\\s*${MODIFIERS}(?:${words})\\s+${NAME}${FOLLOW}`;
    const keyword = words === undefined ? [] : [new RegExp(head, 'u')];
    patterns = [...keyword, ...(OTHERS[language] ?? [])];
    heads.set(language, patterns);
  }
  return patterns;
}

function firstMatch(patterns: readonly RegExp[], text: string): string | undefined {
  for (const pattern of patterns) {
    const name = pattern.exec(text)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}

/** The last of the lines after a head that are further in than it. */
function reachOf({ indents, count }: Lines, head: number): number {
  let last = head;
  for (let row = head + 1; row < Math.min(count, head + REACH_LINES_MAX); row++) {
    if (indents[row]! < 0) continue;
    if (indents[row]! <= indents[head]!) break;
    last = row;
  }
  return last;
}
