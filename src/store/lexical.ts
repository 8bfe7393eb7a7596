/** The lexical retriever: BM25 over FTS5, where a word in a path or a symbol weighs more than one in a body. */
import type Database from 'better-sqlite3';
import type { Hit, Retriever, Scope } from '../types.ts';

export type LexicalQuestion = {
  /** Terms as tokens.ts makes them; a chunk needs one of them. */
  readonly terms: readonly string[];
  readonly weights?: ColumnWeights;
};

export type ColumnWeights = { readonly path: number; readonly symbols: number; readonly body: number };

/** A word in a name says what a chunk is about; one in a body may stand there by chance. */
export const COLUMN_WEIGHTS: ColumnWeights = { path: 4, symbols: 3, body: 1 };

/** Terms beyond these add time, not meaning. */
const TERMS_MAX = 64;

/**
 * Scoring is what takes time: about half a microsecond a matching chunk. Past this many, a chunk must hold one of the rarer
 * terms to be scored (with all of its terms). Below 20,000 chunks every match is scored; on 58,000, where 99 % of the first
 * ten stayed with half of this, the 95th percentile fell from 23 ms to 13.
 */
const SCORED_MAX = 20_000;

const RANKED = 'SELECT words.rowid AS chunkId, bm25(words, ?, ?, ?) AS cost FROM words';
const BEST = 'ORDER BY cost, words.rowid LIMIT ?';

/** `documentFrequency` tells in how many chunks each term occurs, of those that do. */
export function openLexical(
  database: Database.Database,
  documentFrequency: (terms: readonly string[]) => Map<string, number>,
): Retriever<LexicalQuestion> {
  const all = database.prepare<unknown[], Row>(`${RANKED} WHERE words MATCH ? ${BEST}`);
  // CROSS JOIN keeps the order: matches first, then whose file they are, so that only those that pass are scored.
  const some = database.prepare<unknown[], Row>(
    `${RANKED} CROSS JOIN chunks ON chunks.id = words.rowid
     WHERE words MATCH ? AND chunks.file_id IN (SELECT value FROM json_each(?)) ${BEST}`,
  );
  const countFiles = database.prepare<[], number>('SELECT count(*) FROM files').pluck();
  return {
    name: 'lexical',
    retrieve({ terms, weights = COLUMN_WEIGHTS }, limit: number, { fileIds }: Scope): Hit[] {
      const share = fileIds === undefined ? 1 : fileIds.length / Math.max(1, countFiles.get()!);
      const known = [...documentFrequency(cleanTerms(terms))];
      const { expression, times } = toExpression(known.map(([term, chunks]) => ({ term, chunks: chunks * share })));
      if (expression === '' || limit < 1) return [];
      const shared = [weights.path, weights.symbols, weights.body, expression];
      const rows =
        fileIds === undefined ? all.all(...shared, limit) : some.all(...shared, JSON.stringify(fileIds), limit);
      return rows.map(({ chunkId, cost }) => ({ chunkId, score: -cost / times }));
    },
  };
}

type Row = { readonly chunkId: number; readonly cost: number };
type Counted = { readonly term: string; readonly chunks: number };

function cleanTerms(terms: readonly string[]): string[] {
  const clean = new Set(terms.map((term) => term.replace(/["\0]/g, ' ').trim()));
  clean.delete('');
  return [...clean].slice(0, TERMS_MAX);
}

/**
 * Each term quoted, so that no text is ever read as FTS5's own syntax. BM25 adds up over all terms of the expression, so
 * where the common ones may not choose, every term is named twice, which doubles all scores alike.
 */
function toExpression(counted: readonly Counted[]): { expression: string; times: number } {
  const rareFirst = [...counted].sort((a, b) => a.chunks - b.chunks || (a.term < b.term ? -1 : 1));
  let sum = 0;
  const choosing = rareFirst.filter(({ chunks }, at) => {
    sum += chunks;
    return at === 0 || sum <= SCORED_MAX;
  });
  const rare = choosing.map(quoted).join(' OR ');
  const common = rareFirst.slice(choosing.length).map(quoted).join(' OR ');
  if (common === '') return { expression: rare, times: 1 };
  return { expression: `(${rare}) AND (${rare} OR ${common} OR ${common})`, times: 2 };
}

function quoted({ term }: Counted): string {
  return `"${term}"`;
}
