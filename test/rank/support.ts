/** Candidates for ranking, made by hand: what retrievers and the store would say of a chunk. */

import type { Found } from '../../src/rank/evidence.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { type Ranked, rank } from '../../src/rank/rank.ts';
import { terms } from '../../src/tokens.ts';
import type { Kind } from '../../src/types.ts';

type Parts = {
  readonly path: string;
  readonly body?: string;
  readonly symbols?: readonly string[];
  readonly scope?: readonly string[];
  readonly kind?: Kind;
  readonly line?: number;
  readonly lexical?: number;
  readonly cosine?: number;
  readonly pathCosine?: number;
  readonly fileLines?: number;
  readonly changedDay?: number;
};

/** One candidate; a file is told by its path, a chunk by its path and line. */
export function candidate(parts: Parts): Found {
  const { path, body = '', symbols = [], scope = [], kind = 'code', line = 1, lexical = 1, cosine = 0 } = parts;
  const { pathCosine = 0, fileLines = line + 9, changedDay = 0 } = parts;
  const row = {
    id: numberOf(`${path}:${line}`),
    fileId: numberOf(path),
    path,
    language: 'typescript',
    kind,
    startLine: line,
    endLine: line + 9,
    hash: `${path}:${line}`,
    symbols,
    scope,
    fileLines,
    changedDay,
  };
  const words = {
    path: terms(path).join(' '),
    symbols: terms([...scope, ...symbols].join(' ')).join(' '),
    body: terms(body).join(' '),
  };
  return { row, lexicalScore: lexical, cosine, pathCosine, slowCosine: 0, words };
}

export function rankAll(question: string, found: readonly Found[]): Ranked[] {
  return rank(parseQuery(question, {}, 10, 2_500), found, () => 1);
}

export function placesOf(ranked: readonly Ranked[]): string[] {
  return ranked.map(({ row }) => `${row.path}:${row.startLine}`);
}

function numberOf(name: string): number {
  let number = 0;
  for (const character of name) number = (number * 31 + character.codePointAt(0)!) % 1_000_003;
  return number;
}
