/** What the model says of a question's candidates: the cosine of each chunk, and of its path alone. */
import { log } from './log.ts';
import type { Found } from './rank/evidence.ts';
import type { Embeddings } from './store/embeddings.ts';
import type { Store } from './store/store.ts';
import type { Embedder, Embedding, Hit, Query, Scope } from './types.ts';

/** Paths whose embeddings are kept from one question to the next: 4 MB at 256 dimensions. */
const PATHS_KEPT = 4_096;

/** Embedding of a question; undefined without a model, when it knows no word of it, or when it fails. */
export async function embedQuery(
  embedder: Embedder | undefined,
  { text, task }: Pick<Query, 'text' | 'task'>,
): Promise<Embedding | undefined> {
  if (embedder === undefined || text === '') return undefined;
  try {
    const [embedding] = await embedder.embed([text], task, 'query');
    return embedding?.some((value) => value !== 0) ? embedding : undefined;
  } catch (error) {
    log.warn('the model failed on a question; words alone', {
      message: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}

/** What only another retriever found has a cosine as well: all are judged by the same measure. */
export function withCosines(
  embeddings: Pick<Embeddings, 'embeddingsOf'>,
  found: readonly Found[],
  embedding: Embedding | undefined,
  which: 'cosine' | 'slowCosine' = 'cosine',
): Found[] {
  if (embedding === undefined) return [...found];
  const others = embeddings.embeddingsOf(found.filter((one) => one[which] === 0).map(({ row }) => row.id));
  return found.map((one) => {
    const other = others.get(one.row.id);
    return other === undefined ? one : { ...one, [which]: dot(embedding, other) };
  });
}

/** What answers need of a slow model. */
export interface SlowModel {
  readonly name: string;
  /** Embedding of a question; undefined when it is not there in time, or knows no word of it. Never rejects. */
  embed(question: Pick<Query, 'text' | 'task'>): Promise<Embedding | undefined>;
  /** Chunks that it would have been asked about, had it read them: they come next. */
  want(chunkIds: readonly number[]): void;
}

/** What a slow model says of a question: what is nearest, and of what others found, how near. */
export type SlowAnswer = { readonly hits: readonly Hit[]; judge(found: readonly Found[]): Found[] };

/** Of a question's candidates so many are read next, best first: what the same question, or the one after, is likely to meet. */
const WANTED_MAX = 40;

/** Undefined without a slow model. One that has read nothing yet keeps no question waiting. */
export async function askSlow(
  { slow, store }: { readonly slow?: SlowModel | undefined; readonly store: Store },
  question: Pick<Query, 'text' | 'task'>,
  limit: number,
  scope: Scope,
): Promise<SlowAnswer | undefined> {
  const embeddings = store.slow;
  if (slow === undefined || embeddings === undefined) return undefined;
  const embedding = embeddings.isEmpty() ? undefined : await slow.embed(question);
  const hits = embedding === undefined ? [] : embeddings.vector.retrieve({ embedding }, limit, scope);
  const cosines = new Map(hits.map(({ chunkId, score }) => [chunkId, score]));
  return {
    hits,
    judge(found) {
      const listed = found.map((one) => ({ ...one, slowCosine: cosines.get(one.row.id) ?? 0 }));
      const judged = withCosines(embeddings, listed, embedding, 'slowCosine');
      const unread = judged.filter(({ row, slowCosine }) => slowCosine === 0 && row.startLine > 0);
      slow.want(unread.slice(0, WANTED_MAX).map(({ row }) => row.id));
      return judged;
    },
  };
}

/** A path says in a few words what a file is for, and `auth/` is near "login" though they share no word. */
export async function withPathCosines(
  embedder: Embedder | undefined,
  found: readonly Found[],
  embedding: Embedding | undefined,
): Promise<Found[]> {
  if (embedder === undefined || embedding === undefined) return [...found];
  const paths = await embedPaths(embedder, new Set(found.map(({ row }) => row.path)));
  return found.map((one) => ({ ...one, pathCosine: dot(embedding, paths.get(one.row.path)!) }));
}

const kept = new WeakMap<Embedder, Map<string, Embedding>>();

async function embedPaths(embedder: Embedder, paths: ReadonlySet<string>): Promise<ReadonlyMap<string, Embedding>> {
  let known = kept.get(embedder);
  // All are forgotten at once: the next questions ask for most of the same ones again.
  if (known === undefined || known.size + paths.size > PATHS_KEPT) {
    known = new Map();
    kept.set(embedder, known);
  }
  const unknown = [...paths].filter((path) => !known.has(path));
  const embeddings = unknown.length === 0 ? [] : await embedder.embed(unknown, 'nl2code', 'passage');
  for (const [at, path] of unknown.entries()) known.set(path, embeddings[at]!);
  return known;
}

/** Cosine of two embeddings, which are of unit length. */
function dot(one: Embedding, other: Embedding): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i]! * other[i]!;
  return sum;
}
