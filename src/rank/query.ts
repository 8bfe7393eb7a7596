/** Raw text and filters to a Query: what kind of question it is decides how evidence is weighed. */
import { QUERY_CHARS_MAX } from '../config.ts';
import { splitIdentifier, tellingTerms } from '../tokens.ts';
import type { Filters, Query, QueryKind, Task } from '../types.ts';

/** More terms than this add time, not meaning (a pasted stack trace). The first ones are kept. */
const TERMS_MAX = 48;
const NAMES_MAX = 16;

/** Parses a question. Never throws; an empty text gives a query without terms. */
export function parseQuery(text: string, filters: Filters, limit: number, maxTokens: number): Query {
  const cut = text.slice(0, QUERY_CHARS_MAX).trim();
  const kind = kindOfQuestion(cut);
  const task: Task = kind === 'code' ? 'code2code' : 'nl2code';
  return {
    text: cut,
    kind,
    task,
    terms: [...new Set(tellingTerms(cut))].slice(0, TERMS_MAX),
    names: namesIn(cut, kind),
    filters,
    limit,
    maxTokens,
  };
}

const QUESTION_START = /^(?:how|what|where|why|when|which|who|does|do|is|are|can|should|explain|describe|find|show)\b/i;
const ERROR_LINE =
  /(?:\b\w*(?:Error|Exception|Panic)\b\s*[:(]|Traceback|^\s+at .+:\d+|panicked at|\bFATAL\b|\bSIGSEGV\b|error\[E?\d+\])/m;
const CODE_SHAPE =
  /[{};]\s*(?:\n|$)|=>|\bdef \w+\(|\bfunction\s*\w*\(|\w\([^)]*\)\s*[{:]|^\s*(?:import|from|#include|use|package) /m;
const IDENTIFIER = /^[\p{L}_$@#][\p{L}\p{N}_$]*(?:(?:\.|::|#|->|\\|\/)[\p{L}\p{N}_$]+)*[!?]?(?:\(\))?$/u;
const KEYWORD_BEFORE_NAME =
  /^(?:class|struct|enum|interface|trait|function|func|fn|def|type|module|object|method)\s+(?=\S+$)/;

function kindOfQuestion(text: string): QueryKind {
  const bare = text.replace(KEYWORD_BEFORE_NAME, '');
  if (!/\s/.test(bare)) {
    if (/\/|\\/.test(bare) || /^[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{1,4}|config|json)$/.test(bare)) return 'path';
    if (IDENTIFIER.test(bare)) return 'symbol';
  }
  if (ERROR_LINE.test(text)) return 'error';
  if (text.includes('\n') ? CODE_SHAPE.test(text) : CODE_SHAPE.test(text) && /[(){}=;]/.test(text)) return 'code';
  if (QUESTION_START.test(text) || text.endsWith('?')) return 'question';
  return 'keywords';
}

/** Identifiers as written: all of a symbol query, and in a sentence those that only code would write (`HandlerStack`). */
function namesIn(text: string, kind: QueryKind): string[] {
  const words = text.match(/[\p{L}_$][\p{L}\p{N}_$]*[!?]?/gu) ?? [];
  const names = kind === 'symbol' ? words.filter((word) => text.includes(word)) : words.filter(looksWrittenByCode);
  return [...new Set(names)].slice(0, NAMES_MAX);
}

function looksWrittenByCode(word: string): boolean {
  if (word.length < 3) return false;
  return /_|\$|\p{Ll}\p{Lu}|\p{L}\p{N}/u.test(word) || (/^\p{Lu}/u.test(word) && splitIdentifier(word).length > 1);
}
