/** What prose names in code marks: symbols, calls, paths and flags, with the place of each. */
import { splitIdentifier } from '../tokens.ts';

export type Mention = {
  readonly what: 'symbol' | 'path' | 'flag';
  /** As compared: a symbol's last part, a path without what goes up, a flag with its dashes. */
  readonly name: string;
  /** Plain words in the parentheses of a call; empty otherwise. */
  readonly passed: readonly string[];
  readonly line: number;
  readonly text: string;
};

/** Prose about what was: it names what is gone on purpose. */
const DIARY =
  /change|history|news|release|migrat|upgrad|licen[cs]e|todo|roadmap|deprecat|(^|\/)(rfcs?|adrs?|seps?|peps?|keps?|blog|archive|proposals?)\/|[-_/]v\d/i;
const PAST =
  /\b(?:deprecat|remov|renam|replac|former|previous|legacy|obsolete|no longer|used to|was called|instead of|earlier|older|prior|planned|todo|historic|drop|moved|propos|version(?:changed|removed|added))/i;
/** An old name and its new one. */
const ARROW = /\s(?:->|=>|→)\s/;
const MARKS = /(`{1,2})(?!`)([^`\n]{2,160}?)\1(?!`)/g;
const HEADING =
  /^#{1,6}\s+(.+?)\s*#*$|^\.\. (?:[\w-]+:)?(?:function|method|class|data|attribute|autofunction|autoclass|automethod)::\s*(.+)$/;
/** What the prose's own examples define is theirs. */
const MAKES =
  /\b(?:def|class|function|func|fn|fun|struct|interface|type|const|let|var|val|module)\s+([\w$]+)|^[ \t>]*([\w$]+)\s*:?=(?!=)/gm;
/** Lines around a mention that may say that it is gone. */
const AROUND_LINES = 3;
/** What comes later in a line is no prose that a person wrote. */
const LINE_CHARS_MAX = 2_000;

export function isDiary(path: string): boolean {
  return DIARY.test(path);
}

/** Mentions of a text of prose; none in a log of changes, in fences, or where the words around speak of the past. */
export function readMentions(path: string, text: string): Mention[] {
  if (isDiary(path)) return [];
  const lines = text.split(/\r?\n/).map((line) => line.slice(0, LINE_CHARS_MAX));
  const found: Mention[] = [];
  const made = new Set([...text.matchAll(MAKES)].map(([, keyword, assigned]) => keyword ?? assigned));
  let fence = '';
  for (const [at, line] of lines.entries()) {
    const marker = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== '' ? marker?.startsWith(fence) : marker !== undefined) fence = fence === '' ? marker! : '';
    if (fence !== '' || marker !== undefined) continue;
    const heading = HEADING.exec(line);
    const written = [...line.matchAll(MARKS)].map(([, , inner]) => inner!);
    const [, markdown, directive] = heading ?? [];
    if (directive !== undefined) written.push(directive);
    if (markdown !== undefined && /^[\w.]+\(.*\)$/.test(markdown)) written.push(markdown);
    const mentions = written.flatMap((inner) => readMention(inner, at + 1, line));
    if (mentions.length > 0 && !speaksOfPast(lines, at)) found.push(...mentions.filter(({ name }) => !made.has(name)));
  }
  return found;
}

function speaksOfPast(lines: readonly string[], at: number): boolean {
  return (
    ARROW.test(lines[at]!) || PAST.test(lines.slice(Math.max(0, at - AROUND_LINES), at + AROUND_LINES + 1).join(' '))
  );
}

function readMention(inner: string, line: number, text: string): Mention[] {
  const written = inner.trim().replace(/^[~!]|\s*<[^<>]*>$/g, '');
  const flag = /^(--[a-z][a-z0-9]*(?:-[a-z0-9]+)+)(?:[= ].*)?$/.exec(written)?.[1];
  if (flag !== undefined) return [{ what: 'flag', name: flag, passed: [], line, text }];
  if (
    /^(?:\.{1,2}\/)*[\w@.-]+(?:\/[\w@.-]+)+\.[a-z]{1,5}$/i.test(written) &&
    !/^(?:www\.|[\w-]+\.(?:com|org|io|net|dev)\/)/.test(written)
  )
    return [{ what: 'path', name: written.replace(/^(?:\.{1,2}\/)+/, ''), passed: [], line, text }];
  const [, name, list] = /^(?:[\w$]+(?:\.|::|#|->))*([A-Za-z_$][\w$]*)(?:\((.*)\))?$/.exec(written) ?? [];
  if (name === undefined || splitIdentifier(name).length < 2 || name.startsWith('__')) return [];
  return [{ what: 'symbol', name, passed: wordsOf(list ?? ''), line, text }];
}

/** Arguments that are names alone, optional or with a default: `a`, `[b]`, `c=None`, `d: int`. */
function wordsOf(list: string): string[] {
  return list
    .split(',')
    .map((argument) => /^\s*\[?\s*\$?([a-z_]\w*)\s*(?:[=:].*)?\]?\s*$/i.exec(argument)?.[1])
    .filter((word): word is string => word !== undefined && word.length > 1);
}
