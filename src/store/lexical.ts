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

const RANKED = 'SELECT words.rowid AS chunkId, bm25(words, ?, ?, ?) AS cost FROM words';
const BEST = 'ORDER BY cost, words.rowid LIMIT ?';

export function openLexical(database: Database.Database): Retriever<LexicalQuestion> {
  const all = database.prepare<unknown[], Row>(`${RANKED} WHERE words MATCH ? ${BEST}`);
  // CROSS JOIN keeps the order: matches first, then whose file they are, so that only those that pass are scored.
  const some = database.prepare<unknown[], Row>(
    `${RANKED} CROSS JOIN chunks ON chunks.id = words.rowid
     WHERE words MATCH ? AND chunks.file_id IN (SELECT value FROM json_each(?)) ${BEST}`,
  );
  return {
    name: 'lexical',
    retrieve({ terms, weights = COLUMN_WEIGHTS }, limit: number, { fileIds }: Scope): Hit[] {
      const expression = toExpression(terms);
      if (expression === '' || limit < 1) return [];
      const shared = [weights.path, weights.symbols, weights.body, expression];
      const rows =
        fileIds === undefined ? all.all(...shared, limit) : some.all(...shared, JSON.stringify(fileIds), limit);
      return rows.map(({ chunkId, cost }) => ({ chunkId, score: -cost }));
    },
  };
}

type Row = { readonly chunkId: number; readonly cost: number };

/** Each term quoted, so that no text is ever read as FTS5's own syntax. */
function toExpression(terms: readonly string[]): string {
  const known = new Set(terms.map((term) => term.replaceAll('\0', ' ').replaceAll('"', ' ').trim()));
  known.delete('');
  return [...known]
    .slice(0, TERMS_MAX)
    .map((term) => `"${term}"`)
    .join(' OR ');
}
