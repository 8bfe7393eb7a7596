/** Raw text and filters to a Query: what kind of question it is decides how evidence is weighed. */
import { QUERY_CHARS_MAX } from '../config.ts';
import { languageOf } from '../languages.ts';
import { splitIdentifier, tellingTerms, terms } from '../tokens.ts';
import type { Filters, Place, Query, QueryKind, Task } from '../types.ts';

/** More terms than this add time, not meaning (a pasted stack trace). The first ones are kept. */
const TERMS_MAX = 48;
const NAMES_MAX = 16;
const PLACES_MAX = 16;

/** Parses a question. Never throws; an empty text gives a query without terms. */
export function parseQuery(text: string, filters: Filters, limit: number, maxTokens: number): Query {
  const cut = text.slice(0, QUERY_CHARS_MAX).trim();
  const name = cut.replace(KEYWORD_BEFORE_NAME, '');
  const kind = kindOfQuestion(cut, name);
  // In a name every word counts: `obj.method` asks for `method`.
  const words = kind === 'symbol' || kind === 'path' ? terms(name) : tellingTerms(cut);
  const task: Task = kind === 'code' ? 'code2code' : 'nl2code';
  return {
    text: cut,
    kind,
    task,
    terms: [...new Set(words)].slice(0, TERMS_MAX),
    names: namesIn(kind === 'symbol' ? name : cut, kind),
    places: kind === 'error' || kind === 'path' ? placesIn(cut) : [],
    filters,
    limit,
    maxTokens,
  };
}

const QUESTION_START = /^(?:how|what|where|why|when|which|who|does|do|is|are|can|should|explain|describe|find|show)\b/i;
const ERROR_LINE =
  /(?:\b\w*(?:Error|Exception|Panic)\b\s*[:(]|^(?:error|fatal|panic)\b[^\n:]{0,20}:|\bE[A-Z]{4,}:|Traceback|^\s*at .+:\d+|panicked at|\bFATAL\b|\bSIGSEGV\b)/m;
const CODE_SHAPE =
  /[{};]\s*(?:\n|$)|=>|\bdef \w+\(|\bfunction\s*\w*\(|\w\([^)\n]{0,200}\)\s*[{:]|^[ \t]*(?:import .*['"{;*.]|from \S+ import |#include\s*[<"]|use [\w\\:]+[;{]|package [\w.]+;?$)/m;
const IDENTIFIER = /^[\p{L}_$@#][\p{L}\p{N}_$]*(?:(?:\.|::|#|->|\\)[\p{L}\p{N}_$]+)*[!?]?(?:\(\)|\/\d)?$/u;
const KEYWORD_BEFORE_NAME =
  /^(?:class|struct|enum|interface|trait|function|func|fn|def|type|module|object|method)\s+(?=\S+$)/;

function kindOfQuestion(text: string, name: string): QueryKind {
  // `user.go` is a file and `app.get` is not: the extension tells.
  const place = name.replace(/(?::\d+){1,2}$/, '');
  const isFile = !/\s/.test(name) && place.includes('.') && languageOf(place) !== 'text';
  if (IDENTIFIER.test(name) && !isFile) return 'symbol';
  if (isFile || /^\S*[/\\]\S*$/.test(name)) return 'path';
  if (ERROR_LINE.test(text)) return 'error';
  if (CODE_SHAPE.test(text) && /[\n(){}=;]/.test(text)) return 'code';
  if (QUESTION_START.test(text) || text.endsWith('?')) return 'question';
  return 'keywords';
}

/** Identifiers as written: all of a symbol query, and in a sentence those that only code would write (`HandlerStack`). */
function namesIn(text: string, kind: QueryKind): string[] {
  const words = text.match(/[\p{L}_$][\p{L}\p{N}_$]*[!?]?/gu) ?? [];
  return [...new Set(kind === 'symbol' ? words : words.filter(looksWrittenByCode))].slice(0, NAMES_MAX);
}

/** `src/user.go:12`, `(User.java:12)`, `"app.py", line 12`, `at C:\\app\\main.js:12:5`. */
const PLACE = /([\p{L}\p{N}_@~+./\\-]*[\p{L}\p{N}_+-]\.[A-Za-z]\w{0,5})["']?(?:,? line |[:(])(\d{1,7})/gu;

function placesIn(text: string): Place[] {
  const places = new Map<string, Place>();
  for (const [, path, line] of text.matchAll(PLACE)) {
    const place = { path: path!.replaceAll('\\', '/').replace(/^(?:\.?\/)+/, ''), line: Number(line) };
    places.set(`${place.path}:${place.line}`, place);
  }
  return [...places.values()].slice(0, PLACES_MAX);
}

/** Whether the file at `path` (from the root) is the one that a place names: either may be the end of the other. */
export function isNamed(place: Place, path: string): boolean {
  return place.path === path || place.path.endsWith(`/${path}`) || path.endsWith(`/${place.path}`);
}

function looksWrittenByCode(word: string): boolean {
  if (word.length < 3) return false;
  return /_|\$|\p{Ll}\p{Lu}|\p{L}\p{N}/u.test(word) || (/^\p{Lu}/u.test(word) && splitIdentifier(word).length > 1);
}
