/** Parameters that a comment documents and that the definition at it does not have. */
import type { Documented } from '../chunk/signatures.ts';

/** A parameter that a comment names. `line` counts from 0 within the comment. */
export type Named = { readonly name: string; readonly line: number };

/** A word of code; `$` may begin one in PHP and JavaScript. */
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/gu;
/** What a comment may be about that is not the code below it, or whose parameters are told elsewhere. */
const ELSEWHERE =
  /@(?:callback|typedef|overload|inheritdoc|function|method|name|event|macro)\b|\{@inherit|<inheritdoc/i;

const LINE_CHARS_MAX = 500;

/** Documented parameters that are nowhere in the definition; empty where it can take more than it names. */
export function findLostParameters(definition: Documented, language: string): Named[] {
  const { comment, head, body, isContainer } = definition;
  if (ELSEWHERE.test(comment) || takesMore(head, body, language)) return [];
  const named = readParameters(comment, language);
  if (named.length === 0 || (isContainer && !hasConstructor(body, language))) return [];
  const own = new Set((isContainer ? head + body : head).match(WORD)?.map(plain));
  const lost = named.filter(({ name }) => !own.has(plain(name)));
  return lost.filter(({ name }) => isContainer || !isUsed(name, body));
}

/** PHP's `$name` and Ruby's `name:` are the same name to their comments. */
function plain(name: string): string {
  return name.replace(/^\$/, '');
}

/** Rest and keyword parameters, patterns and `arguments`: the names are told only by the body, or by nobody. */
function takesMore(head: string, body: string, language: string): boolean {
  if (/\.\.\.|\bfunc_get_args\b/.test(head) || /\bfunc_get_args\b|__VA_ARGS__/.test(body)) return true;
  if (/[(,]\s*_\s*[,):]/.test(head)) return true; // the name may have been that of one that is not used
  if (language === 'python' || language === 'ruby') return /[(,]\s*\*{1,2}\w|[(,]\s*&|=\s*\{/.test(head);
  if (/script$/.test(language)) return /[(,]\s*[{[]/.test(head) || /\barguments\b/.test(body);
  return false;
}

/** A comment at a class documents its constructor, where that is there to be seen. */
function hasConstructor(body: string, language: string): boolean {
  return language === 'python' && /\bdef __init__\b/.test(body) && !/\*\*\w/.test(body);
}

/** Whether the body has the name as a variable: then it may be a parameter of an inner function, which the comment describes. */
function isUsed(name: string, body: string): boolean {
  const word = plain(name).replaceAll('$', '\\$');
  return new RegExp(`(?<![\\w.>@'"\`])\\$?${word}(?![\\w'"\`]|\\s*:(?!:)|\\s*=(?!=))`).test(body);
}

/** The parameters that a comment documents, in the ways of its language. */
export function readParameters(comment: string, language: string): Named[] {
  const lines = comment.split('\n').map((line) => line.slice(0, LINE_CHARS_MAX).trimEnd());
  const bare =
    language === 'python' ? lines : lines.map((line) => line.replace(/^\s*(?:\/\*\*?|\*\/|\*|\/\/[/!]?|--+|#+)/, ''));
  const tagged = bare.flatMap((text, line) => tagsOf(text, language).map((name) => ({ name, line })));
  return language === 'python' ? [...tagged, ...listed(bare)] : tagged;
}

function tagsOf(text: string, language: string): string[] {
  if (language === 'csharp') return [...text.matchAll(/<param\s+name="(\w+)"/g)].map(([, name]) => name!);
  if (language === 'python') return one(/^\s*:param\s+(?:[^:\n]*?[\s*])?\\?\*{0,2}(\w+)\s*:/.exec(text)?.[1]);
  if (language === 'swift') return one(/^\s*-\s+[Pp]arameter\s+(\w+)\s*:/.exec(text)?.[1]);
  const tag = /^\s*[@\\]param\b(\[(?:in|out|,|\s)+\])?\s*(.*)$/.exec(text);
  if (tag === null) return [];
  const rest = tag[2]!;
  if (language === 'php') return one(/^[^$]{0,80}?\$(\w+)/.exec(rest)?.[1]);
  if (language === 'ruby') return one(/^(?:\[[^\]]*\]\s+)?(\w+)\b/.exec(rest)?.[1]);
  const untyped = withoutType(rest);
  // A type without braces stands before the name in older comments: then nothing is certain.
  if (/script$/.test(language) && untyped === rest && /^[A-Z]\w*\s+\w+\s/.test(rest)) return [];
  return one(/^\[?\s*([A-Za-z_$][\w$]*)/.exec(untyped)?.[1]);
}

function one(name: string | undefined): string[] {
  return name === undefined ? [] : [name];
}

/** `{Type<{a: b}>} name` -> `name`; nothing where the braces go on over the next line. */
function withoutType(rest: string): string {
  if (!rest.startsWith('{')) return rest;
  let depth = 0;
  for (let at = 0; at < rest.length; at++) {
    if (rest[at] === '{') depth += 1;
    if (rest[at] === '}') depth -= 1;
    if (depth === 0) return rest.slice(at + 1).trimStart();
  }
  return '';
}

/** Google's `Args:` with indented names, and numpy's underlined `Parameters`. */
function listed(lines: readonly string[]): Named[] {
  const found: Named[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent] = /^(\s*)(?:Args|Arguments|Parameters)(?::\s*)?$/.exec(lines[at]!) ?? [];
    if (indent === undefined) continue;
    const isUnderlined = /^\s*-{3,}\s*$/.test(lines[at + 1] ?? '');
    if (!isUnderlined && !lines[at]!.trim().endsWith(':')) continue;
    found.push(...(isUnderlined ? underlined(lines, at + 2, indent.length) : indented(lines, at + 1, indent.length)));
  }
  return found;
}

function underlined(lines: readonly string[], from: number, indent: number): Named[] {
  const found: Named[] = [];
  for (let line = from; line < lines.length && !/^\s*-{3,}\s*$/.test(lines[line + 1] ?? ''); line++) {
    const names = /^(\s*)([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*)\s*:\s/.exec(`${lines[line]!} `);
    if (names !== null && names[1]!.length === indent)
      found.push(...names[2]!.split(', ').map((name) => ({ name, line })));
  }
  return found;
}

function indented(lines: readonly string[], from: number, outer: number): Named[] {
  const found: Named[] = [];
  const indent = (lines[from] ?? '').search(/\S/);
  for (let line = from; line < lines.length && indent > outer; line++) {
    const here = lines[line]!.search(/\S/);
    if (here >= 0 && here < indent) break;
    const name = /^\s*\*{0,2}([A-Za-z_]\w*)\s*(?:\([^)]*\))?:(?:\s|$)/.exec(lines[line]!)?.[1];
    if (here === indent && name !== undefined) found.push({ name, line });
  }
  return found;
}
