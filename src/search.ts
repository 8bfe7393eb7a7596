/** Trip two: a question becomes ranked, proven snippets. */
import picomatch from 'picomatch';
import { DowserError } from './errors.ts';
import { resolveLanguage } from './languages.ts';
import { askSlow, embedQuery, type SlowModel, withCosines, withPathCosines } from './meaning.ts';
import { judge } from './rank/confidence.ts';
import type { Found } from './rank/evidence.ts';
import { fuse } from './rank/fuse.ts';
import { isNamed, parseQuery } from './rank/query.ts';
import { type Ranked, rank } from './rank/rank.ts';
import { show } from './show.ts';
import { explain, mend } from './spelling.ts';
import type { Store } from './store/store.ts';
import type { ChunkRow, Embedder, Filters, Hit, Place, Query } from './types.ts';

/** Chunks that each retriever may bring: past these, nothing rises to the top ten any more. */
const LEXICAL_CANDIDATES = 160;
const VECTOR_CANDIDATES = 120;

/**
 * Chunks that are ranked, the best of both lists fused. Each one's words are read, so they are most of what a question costs:
 * all (280 at most) give NDCG@10 0.900 at 8.0 ms, 200 0.899, 150 0.898 at 6.1 ms, 120 0.897 at 5.5 ms (33 repositories).
 */
const CANDIDATES_MAX = 200;

/** What the three questions need. */
export type Engine = {
  readonly root: string;
  readonly store: Store;
  /** Undefined when no model is at hand: words alone then. */
  readonly embedder: Embedder | undefined;
  /** A slow model beside it, which has read the code as far as it got. */
  readonly slow?: SlowModel | undefined;
};

/** File ids that the filters leave, or undefined when there is nothing to filter. Refuses what can't be a filter. */
export function filesFor(store: Store, filters: Filters): readonly number[] | undefined {
  const { paths = [], languages = [], kind } = filters;
  if (paths.length === 0 && languages.length === 0 && kind === undefined) return undefined;
  const ids = new Set(
    languages.map((name) => {
      const id = resolveLanguage(name);
      if (id === undefined)
        throw new DowserError(
          'bad_argument',
          `Unknown language '${name}'. Use names such as typescript, python, go, cpp.`,
        );
      return id;
    }),
  );
  const wanted = pathTest(paths);
  return store.selectFiles(
    (file) =>
      (kind === undefined || file.kind === kind) && (ids.size === 0 || ids.has(file.language)) && wanted(file.path),
  );
}

/** Longer globs, or ones with more stars, are no place in a repository, and can take for ever to compare. */
const GLOB_CHARS_MAX = 1_000;
const GLOB_STARS_MAX = 12;

/** A path passes when one of the globs fits (or there are only exclusions) and no exclusion does; a bare folder means all below it. */
export function pathTest(globs: readonly string[]): (path: string) => boolean {
  const compile = (glob: string) => {
    if (glob.length > GLOB_CHARS_MAX || glob.split(/\*+/).length > GLOB_STARS_MAX + 1)
      throw new DowserError(
        'bad_argument',
        `A glob in 'paths' has over ${GLOB_CHARS_MAX} characters or ${GLOB_STARS_MAX} stars. Name a folder or a file instead.`,
      );
    const plain = glob.replace(/^\.?\//, '').replace(/\/$/, '');
    // `app/(shop)` is a folder of that name, never a pattern.
    const open = plain === '' ? '**' : plain.replace(/[()]/g, '\\$&');
    const fits = picomatch([open, `${open}/**`, ...(open.includes('/') ? [] : [`**/${open}`, `**/${open}/**`])], {
      dot: true,
    });
    // So is `app/[slug]/page.tsx`, where it is there.
    return (path: string) => fits(path) || path === plain || path.startsWith(`${plain}/`);
  };
  const include = globs.filter((glob) => !glob.startsWith('!')).map(compile);
  const exclude = globs.filter((glob) => glob.startsWith('!')).map((glob) => compile(glob.slice(1)));
  return (path) => (include.length === 0 || include.some((fits) => fits(path))) && !exclude.some((fits) => fits(path));
}

/** Everything found for a query, ranked. `only` restricts to one kind of evidence, for ablations. */
export async function findRanked(
  engine: Engine,
  query: Query,
  only: 'lexical' | 'vector' | 'both' = 'both',
): Promise<Ranked[]> {
  const { found, rarity } = await findCandidates(engine, query, only);
  return rank(query, found, rarity);
}

/** Candidates of both retrievers with the columns that ranking reads. */
export async function findCandidates(
  engine: Engine,
  query: Query,
  only: 'lexical' | 'vector' | 'both' = 'both',
): Promise<{ found: Found[]; rarity: (term: string) => number; lexical: Hit[]; vector: Hit[]; slow: readonly Hit[] }> {
  const { store } = engine;
  const fileIds = filesFor(store, query.filters);
  const scope = fileIds === undefined ? {} : { fileIds };
  const lexical = only === 'vector' ? [] : store.lexical.retrieve({ terms: query.terms }, LEXICAL_CANDIDATES, scope);
  const [embedding, slow] =
    only === 'lexical'
      ? []
      : await Promise.all([embedQuery(engine.embedder, query), askSlow(engine, query, VECTOR_CANDIDATES, scope)]);
  const vector = embedding === undefined ? [] : store.vector.retrieve({ embedding }, VECTOR_CANDIDATES, scope);
  const named =
    only === 'vector' ? [] : [...store.definitionsOf(query.names, scope), ...chunksAt(store, query.places, fileIds)];
  const others = named.map(({ id }) => id);
  const described = describe(store, { lexical, vector, slow: slow?.hits ?? [] }, others);
  const judged = withCosines(store, slow?.judge(described) ?? described, embedding);
  const found = await withPathCosines(engine.embedder, judged, embedding);
  return { found, rarity: rarityIn(store, query.terms), lexical, vector, slow: slow?.hits ?? [] };
}

/** A name alone (`User.java`) may be that of many files; one that more have tells nothing. */
const FILES_NAMED_MAX = 24;

/** The chunks that a stack trace points into. */
function chunksAt(store: Store, places: readonly Place[], fileIds: readonly number[] | undefined): ChunkRow[] {
  if (places.length === 0) return [];
  const asked = fileIds && new Set(fileIds);
  const files = store.selectFiles(({ path }) => places.some((place) => isNamed(place, path)));
  return files
    .filter((id) => asked?.has(id) ?? true)
    .slice(0, FILES_NAMED_MAX)
    .flatMap((id) => store.chunkRowsOfFile(id))
    .filter((row) =>
      places.some((place) => isNamed(place, row.path) && row.startLine <= place.line && place.line <= row.endLine),
    );
}

/** What each retriever found; `slow` by the embeddings of a slow model. */
export type HitLists = {
  readonly lexical: readonly Hit[];
  readonly vector: readonly Hit[];
  readonly slow?: readonly Hit[];
};

/** Joins what the lists found with the light columns; each chunk once. */
export function describe(
  store: Store,
  { lexical, vector, slow = [] }: HitLists,
  others: readonly number[] = [],
): Found[] {
  const lexicalScores = new Map(lexical.map(({ chunkId, score }) => [chunkId, score]));
  const cosines = new Map(vector.map(({ chunkId, score }) => [chunkId, score]));
  const lists = [lexical, vector, slow].map((hits) => ({ hits, weight: 1 }));
  const fused = fuse(lists).slice(0, CANDIDATES_MAX);
  const ids = [...new Set([...fused.map(({ chunkId }) => chunkId), ...others])];
  const words = store.wordsOf(ids);
  return store.chunkRows(ids).map((row) => ({
    row,
    lexicalScore: lexicalScores.get(row.id) ?? 0,
    cosine: cosines.get(row.id) ?? 0,
    pathCosine: 0,
    slowCosine: 0,
    words: words.get(row.id) ?? { path: '', symbols: '', body: '' },
  }));
}

/** Inverse document frequency over chunks, as BM25 has it: a term in few chunks tells much. */
export function rarityIn(store: Store, terms: readonly string[]): (term: string) => number {
  const chunks = store.chunkCount();
  const frequency = store.documentFrequency(terms);
  return (term) => {
    const count = frequency.get(term) ?? 0;
    return Math.log(1 + (chunks - count + 0.5) / (count + 0.5));
  };
}

/** More different words than any honest piece of code has: each costs a look-up of a tenth of a millisecond. */
const TERMS_LOOKED_UP_MAX = 1_000;

/**
 * The rarest of these terms that the index knows, `count` at most, and in `chunksMax` chunks all together (but one term at
 * least): a word that it does not know finds nothing, a common one only costs time.
 */
export function rareTerms(
  store: Store,
  terms: readonly string[],
  count: number,
  chunksMax = Number.POSITIVE_INFINITY,
): string[] {
  const frequency = store.documentFrequency([...new Set(terms)].slice(0, TERMS_LOOKED_UP_MAX));
  const rareFirst = [...frequency].sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
  let chunks = 0;
  const telling = rareFirst.filter(([, own], at) => {
    chunks += own;
    return at === 0 || chunks <= chunksMax;
  });
  return telling.slice(0, count).map(([term]) => term);
}

/** Answers a query: what to show, and whether it is more than weak evidence. */
export async function search(engine: Engine, text: string, filters: Filters, limit: number, maxTokens: number) {
  const asked = parseQuery(text, filters, limit, maxTokens);
  if (asked.terms.length === 0) {
    throw new DowserError(
      'bad_argument',
      'The query has no word to search for. Give words, a question, a symbol or an error message.',
    );
  }
  const { query, read } = mend(engine.store, asked);
  const { found, rarity } = await findCandidates(engine, query);
  const ranked = rank(query, found, rarity);
  const shown = await show(engine.root, ranked, query);
  const notes = explain(asked.text, read);
  // Judged by the question as it was asked: a word that is not here stays one, however it was read.
  return { query, shown, found: ranked.length, ...judge(asked, ranked, rarity), notes };
}
