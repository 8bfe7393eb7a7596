/** The index's own words, by how they begin: for a question whose words it does not know. */
import type Database from 'better-sqlite3';

/** Two letters begin at most 1,600 terms of 74,000 (9,500 chunks), which take 2 ms; a larger index is not read to its end. */
const TERMS_MAX = 4_000;

/** `prefix` to the terms that begin with it and the number of chunks that have each. */
export function openVocabulary(database: Database.Database): (prefix: string) => Map<string, number> {
  const between = database.prepare<[string, string, number], { term: string; doc: number }>(
    'SELECT term, doc FROM vocabulary WHERE term >= ? AND term < ? LIMIT ?',
  );
  return (prefix) => {
    const rows = prefix === '' ? [] : between.all(prefix, `${prefix}\u{10ffff}`, TERMS_MAX);
    return new Map(rows.map(({ term, doc }) => [term, doc]));
  };
}
