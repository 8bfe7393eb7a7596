/** What the model says of a question's candidates: the cosine of each chunk, and of its path alone. */
import { taskOf } from './embed/tasks.ts';
import { DowserError } from './errors.ts';
import { log } from './log.ts';
import { forgetWhenIdle } from './memory.ts';
import type { Found } from './rank/evidence.ts';
import type { Embeddings } from './store/embeddings.ts';
import type { Store } from './store/store.ts';
import type { Embedder, Embedding, Hit, Kind, Query, Scope } from './types.ts';

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
    // A question that is under way when all is closed is nobody's any more.
    if (error instanceof DowserError && error.code === 'cancelled') return undefined;
    log.warn('the model failed on a question, which is answered without it', {
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
  isAsked: (one: Found) => boolean = () => true,
): Found[] {
  if (embedding === undefined) return [...found];
  const unknown = found.filter((one) => one[which] === 0 && isAsked(one));
  const others = embeddings.embeddingsOf(unknown.map(({ row }) => row.id));
  return found.map((one) => {
    const other = others.get(one.row.id);
    return other === undefined ? one : { ...one, [which]: dot(embedding, other) };
  });
}

/** What answers need of a slow model. */
export interface SlowModel {
  readonly name: string;
  /** It has read prose by another task than code (embed/tasks.ts). */
  readonly hasLanes: boolean;
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
  const lanes = embeddings.isEmpty() ? [] : await lanesOf(slow, store, question, scope);
  const hits = lanes
    .flatMap((lane) => embeddings.vector.retrieve(lane, limit, lane.scope))
    .sort((a, b) => b.score - a.score || a.chunkId - b.chunkId)
    .slice(0, limit);
  const cosines = new Map(hits.map(({ chunkId, score }) => [chunkId, score]));
  return {
    hits,
    judge(found) {
      let judged = found.map((one) => ({ ...one, slowCosine: cosines.get(one.row.id) ?? 0 }));
      for (const { embedding, kinds } of lanes)
        judged = withCosines(
          embeddings,
          judged,
          embedding,
          'slowCosine',
          ({ row }) => kinds === undefined || kinds(row.kind),
        );
      const unread = judged.filter(({ row, slowCosine }) => slowCosine === 0 && row.startLine > 0);
      slow.want(unread.slice(0, WANTED_MAX).map(({ row }) => row.id));
      return judged;
    },
  };
}

/** A way of asking, and which chunks are asked so; all of them when `kinds` is undefined. */
type Lane = { readonly embedding: Embedding; readonly scope: Scope; readonly kinds?: (kind: Kind) => boolean };

async function lanesOf(
  slow: SlowModel,
  store: Store,
  { text, task }: Pick<Query, 'text' | 'task'>,
  scope: Scope,
): Promise<Lane[]> {
  const proseTask = taskOf('docs', task);
  if (!slow.hasLanes || proseTask === task) {
    const embedding = await slow.embed({ text, task });
    return embedding === undefined ? [] : [{ embedding, scope }];
  }
  const within = scope.fileIds && new Set(scope.fileIds);
  const filesOf = (kinds: (kind: Kind) => boolean): number[] =>
    store.selectFiles(({ id, kind }) => kinds(kind) && (within?.has(id) ?? true));
  const isProse = (kind: Kind): boolean => kind === 'docs';
  const ways = [
    { task, kinds: (kind: Kind): boolean => !isProse(kind) },
    { task: proseTask, kinds: isProse },
  ];
  const lanes = await Promise.all(
    ways.map(async ({ task, kinds }): Promise<Lane[]> => {
      const fileIds = filesOf(kinds);
      const embedding = fileIds.length === 0 ? undefined : await slow.embed({ text, task });
      return embedding === undefined ? [] : [{ embedding, scope: { fileIds }, kinds }];
    }),
  );
  return lanes.flat();
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

let kept = new WeakMap<Embedder, Map<string, Embedding>>();
forgetWhenIdle(() => {
  kept = new WeakMap();
});

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
