/** Code as a row of lexemes, for any language without a parser: comments and white space out, so that two pieces can be compared. */

/** What a lexeme is once its very words don't matter: any name, number or string is like any other. */
export type Lexeme = {
  readonly text: string;
  /** 'N' a name, '0' a number, 'S' a string, a keyword or sign as it is; the words that languages have for one thing are one. */
  readonly shape: string;
  /** Counting from 0, within the text. */
  readonly line: number;
};

type Marks = 'slashes' | 'hash' | 'dashes' | 'both' | 'semicolon';

/** How the languages that don't do it as C does begin their comments. */
const MARKS: ReadonlyMap<string, Marks> = new Map([
  ...listed(
    'hash',
    'python ruby bash elixir fish r perl yaml toml nim crystal julia makefile cmake dockerfile awk tcl',
  ),
  ...listed('dashes', 'haskell lua sql elm purescript ada vhdl'),
  ...listed('both', 'php terraform nix powershell'),
  ...listed('semicolon', 'clojure lisp assembly ini'),
]);

const COMMENTS: Readonly<Record<Marks, string>> = {
  slashes: String.raw`//.*|/\*[^]*?(?:\*/|$)`,
  hash: '#.*',
  dashes: String.raw`--\[\[[^]*?(?:\]\]|$)|--.*|\{-[^]*?(?:-\}|$)|/\*[^]*?(?:\*/|$)`,
  both: String.raw`//.*|/\*[^]*?(?:\*/|$)|#(?!\[).*`,
  semicolon: ';.*',
};

/** In these a single quote holds one character, or begins a lifetime or a type variable. */
const ONE_CHARACTER = new Set('rust haskell scala c cpp java csharp go kotlin swift zig d ocaml'.split(' '));

const LONG_STRINGS = `"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)`;
const STRINGS = String.raw`"(?:\\[^]|[^"\\\n])*"?|\x60(?:\\[^]|[^\x60\\])*\x60`;
const NUMBERS = String.raw`\d[\p{L}\p{N}_]*(?:\.\d[\p{L}\p{N}_]*)?`;
const NAMES = String.raw`[\p{L}_$][\p{L}\p{M}\p{N}_$]*`;
const SIGNS = String.raw`===|!==|<=>|=>|->|<-|::|:=|[=!<>]=|&&|\|\||\+\+|--|\S`;

/** Words that mean the same in one language or another; what only declares (types, visibility) tells nothing and is left out. */
const KEYWORDS: ReadonlyMap<string, string> = new Map([
  ...same('fn', 'fn func fun function def defp sub proc lambda'),
  ...same('else', 'else elif elsif elseif otherwise'),
  ...same('nil', 'nil null None nullptr undefined Nothing NULL'),
  ...same('for', 'for foreach'),
  ...same('switch', 'switch match case when select cond'),
  ...same('throw', 'throw raise panic'),
  ...same('catch', 'catch except rescue'),
  ...same('finally', 'finally ensure defer'),
  ...same('true', 'true True'),
  ...same('false', 'false False'),
  ...same('self', 'self this'),
  ...same('&&', 'and'),
  ...same('||', 'or'),
  ...same('!', 'not'),
  ...'if unless while until loop return break continue next default try new yield await async in is do end then where with class struct enum trait impl interface import delete typeof instanceof goto switch'
    .split(' ')
    .map((word) => [word, word] as const),
  ...same('==', '==='),
  ...same('!=', '!=='),
]);

/** Of no weight: separators, and words in front of what they declare. */
const LEFT_OUT = new Set(
  '; let const var val auto local final public private protected internal static readonly mut my override export pub inline'.split(
    ' ',
  ),
);

const PATTERNS = new Map<string, RegExp>();

/** The lexemes of a text in order. Never throws: what no rule knows is a sign of one character. */
export function lex(text: string, language: string): Lexeme[] {
  const found: Lexeme[] = [];
  let line = 0;
  let counted = 0;
  for (const match of text.matchAll(patternFor(language))) {
    const [written] = match;
    const { comment, string, number, name } = match.groups!;
    if (comment !== undefined || LEFT_OUT.has(written)) continue;
    if (string !== undefined && isDocumentation(text, match.index, written)) continue;
    for (; counted < match.index; counted++) if (text.charCodeAt(counted) === 10) line++;
    const shape =
      KEYWORDS.get(written) ??
      (name !== undefined ? 'N' : number !== undefined ? '0' : string !== undefined ? 'S' : written);
    found.push({ text: written, shape, line });
  }
  return found;
}

/** A long string that stands on lines of its own is a comment of Python or Elixir. */
function isDocumentation(text: string, start: number, written: string): boolean {
  if (!/^(?:"""|''')/.test(written)) return false;
  const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  return /^\s*(?:@\w+\s*)?[rRuUbB]?$/.test(before);
}

function patternFor(language: string): RegExp {
  const marks = MARKS.get(language) ?? 'slashes';
  const one = ONE_CHARACTER.has(language);
  const key = `${marks} ${one}`;
  let pattern = PATTERNS.get(key);
  if (pattern === undefined) {
    const quotes = one ? String.raw`'(?:\\[^'\n]+|[^'\\\n])'` : String.raw`'(?:\\[^]|[^'\\\n])*'`;
    const parts = [
      `(?<comment>${COMMENTS[marks]})`,
      `(?<string>${LONG_STRINGS}|${STRINGS}|${quotes})`,
      `(?<number>${NUMBERS})`,
      `(?<name>${NAMES})`,
      SIGNS,
    ];
    pattern = new RegExp(parts.join('|'), 'gu');
    PATTERNS.set(key, pattern);
  }
  return pattern;
}

function listed(marks: Marks, languages: string): [string, Marks][] {
  return languages.split(' ').map((language) => [language, marks]);
}

function same(meaning: string, words: string): [string, string][] {
  return words.split(' ').map((word) => [word, meaning]);
}
