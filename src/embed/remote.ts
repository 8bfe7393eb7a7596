/**
 * A model on a server, as an Embedder. What is sent, to the host that the user consented to and to no other: texts of
 * chunks with their paths, and questions, each after the model's prefix; the caller has masked secrets in them. With them
 * go the model's name, the key from the environment, and one text that is always the same, by whose embedding the model
 * is known again.
 */
import { DowserError } from '../errors.ts';
import { log } from '../log.ts';
import type { Embedding, Side, Task } from '../types.ts';
import type { OpenEmbedder } from './embedder.ts';
import { identify } from './identity.ts';
import type { RemoteManifest } from './manifest.ts';
import { similarity, unitLength } from './pooling.ts';
import { PATIENCE, type Patience, Server } from './server.ts';
import { prefixFor, SIDES, TASKS } from './tasks.ts';

/** Texts in one request, with the probe: TEI takes 32 unless it is told otherwise. */
const TEXTS_MAX = 31;
/** Characters in one request: some 20,000 tokens. */
const REQUEST_CHARS_MAX = 64_000;
/** What is longer is cut before it is sent: more characters a token than any code has on average. */
const CHARS_PER_TOKEN = 4;
/** A text that is refused is tried again, half as long, down to this length. */
const CUT_CHARS_MIN = 200;

/** In every request, at its end: rows that are shifted show here, too. Unlike any code. */
export const PROBE_TEXT = 'Two herons stood at the edge of the frozen lake and waited for evening.';
/** So much of its embedding is kept: enough to tell models apart. */
export const PROBE_VALUES = 64;
/**
 * Least cosine of what the probe gives to what it gave when the model was added. Halves in other company stay at 0.9998, the
 * worst rounding that is in use (dynamic int8) was measured at 0.95; other texts and other models lie well below 0.9.
 */
const PROBE_COSINE_MIN = 0.9;

export type RemoteOptions = {
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly patience?: Patience | undefined;
};

/** Sends nothing before the first text. `dimensions` is one of the model's sizes. */
export function openRemote(
  manifest: RemoteManifest,
  dimensions: number,
  { environment = process.env, patience = PATIENCE }: RemoteOptions = {},
): OpenEmbedder {
  const server = new Server(manifest, environment, patience);
  let closed = false;

  /** Embeddings of these texts, or why the server does not take them. */
  async function ask(texts: readonly string[], work: Work): Promise<Embedding[] | { readonly refused: string }> {
    const answer = await server.ask({ ...work, texts: [...texts, PROBE_TEXT] });
    if ('refused' in answer) return answer;
    checkProbe(manifest, work.task, answer.pop()!);
    return answer;
  }

  /** What is refused together may be taken one by one, what is refused alone may be taken shorter. */
  async function embedAll(texts: readonly string[], work: Work): Promise<Embedding[]> {
    const answer = await ask(texts, work);
    if (!('refused' in answer)) return answer;
    // A server that takes nothing at all need not be asked about each text.
    const alone = await ask([], work);
    if ('refused' in alone) throw refusedAll(manifest, alone.refused);
    return texts.length === 1 ? [await embedCut(texts[0]!, answer.refused, work)] : embedParts(texts, work);
  }

  async function embedParts(texts: readonly string[], work: Work): Promise<Embedding[]> {
    const half = Math.ceil(texts.length / 2);
    const parts = [texts.slice(0, half), texts.slice(half)];
    const embedded: Embedding[] = [];
    for (const part of parts) {
      const answer = await ask(part, work);
      if (!('refused' in answer)) embedded.push(...answer);
      else if (part.length > 1) embedded.push(...(await embedParts(part, work)));
      else embedded.push(await embedCut(part[0]!, answer.refused, work));
    }
    return embedded;
  }

  async function embedCut(text: string, refused: string, work: Work): Promise<Embedding> {
    for (let chars = text.length >> 1; chars >= CUT_CHARS_MIN; chars >>= 1) {
      const answer = await ask([wellFormed(text.slice(0, chars))], work);
      if (!('refused' in answer)) return answer[0]!;
    }
    // One text must not keep all others from being read: it is found by its words alone.
    log.warn(`${manifest.host} takes other texts, but not one of ${text.length} characters`, { refused });
    return new Float32Array(manifest.dimensions);
  }

  return {
    id: identify(manifest, dimensions),
    name: manifest.name,
    dimensions,
    runtime: 'remote',
    maxTokens: manifest.maxTokens,
    shared: undefined,
    async embed(texts, task, side) {
      if (closed) throw new Error('embed() after close()');
      const prefix = prefixFor(manifest, task, side);
      const inputs = texts.map((text) => prepared(prefix + text, manifest.maxTokens));
      const work: Work = { task: manifest.tasks?.[task][side], side, untilMs: server.deadline() };
      // Servers refuse a text of nothing; a model that knows no word of a text gives zeros.
      const embeddings = inputs.map((): Embedding => new Float32Array(dimensions));
      const some = [...inputs.keys()].filter((at) => inputs[at]!.trim() !== '');
      await Promise.all(
        [...batches(inputs, some)].map(async (batch) => {
          const made = await embedAll(
            batch.map((at) => inputs[at]!),
            work,
          );
          for (const [row, at] of batch.entries()) embeddings[at] = unitLength(made[row]!.subarray(0, dimensions));
        }),
      );
      return embeddings;
    },
    async close() {
      closed = true;
      server.close();
    },
  };
}

type Work = { readonly task: string | undefined; readonly side: Side; readonly untilMs: number };

/** What a model on a server is, as far as its own answers tell: asked with the probe alone, once for each task it names. A person waits. */
export async function probeServer(
  asked: ConstructorParameters<typeof Server>[0] & Pick<RemoteManifest, 'tasks'>,
  {
    environment = process.env,
    patience = PATIENCE,
    signal,
  }: RemoteOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<Pick<RemoteManifest, 'dimensions' | 'probes'>> {
  const server = new Server(asked, environment, patience);
  const stop = (): void => server.close();
  signal?.addEventListener('abort', stop);
  const probes: Record<string, number[]> = {};
  let { dimensions } = asked;
  try {
    for (const task of tasksOf(asked)) {
      const answer = await server.ask({ texts: [PROBE_TEXT], task, side: 'query', untilMs: server.deadline() });
      if ('refused' in answer) throw refusedAll(asked, answer.refused);
      const [embedding] = answer;
      dimensions ??= embedding!.length;
      if (embedding!.length !== dimensions || embedding!.every((value) => value === 0))
        throw failed(asked, 'gives embeddings of several sizes, or none', 'See that it serves a model of embeddings.');
      const start = [...unitLength(embedding!).subarray(0, PROBE_VALUES)];
      probes[task ?? ''] = start.map((value) => Number(value.toFixed(5)));
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    server.close();
  }
  return { dimensions: dimensions!, probes };
}

/** The server's names of tasks, each once; undefined alone where it has none. */
function tasksOf({ tasks }: Pick<RemoteManifest, 'tasks'>): readonly (string | undefined)[] {
  if (tasks === undefined) return [undefined];
  return [...new Set(TASKS.flatMap((task: Task) => SIDES.map((side) => tasks[task][side])))];
}

function checkProbe(manifest: RemoteManifest, task: string | undefined, embedding: Embedding): void {
  const known = manifest.probes[task ?? ''];
  if (known !== undefined && similarity(known, embedding.subarray(0, known.length)) >= PROBE_COSINE_MIN) return;
  const what = 'answers with another model than the one that was added, or mixes up its rows';
  throw failed(manifest, what, `If it is meant to: dowser models remove ${manifest.name}, and add it again.`);
}

/** What a text of a task is to the server. */
function prepared(text: string, maxTokens: number): string {
  return wellFormed(text.slice(0, maxTokens * CHARS_PER_TOKEN));
}

/** Half a character, as a cut leaves it, is an error to some servers. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** Batches in order: of like kind as they come, since the server itself puts together what it runs together. */
function* batches(texts: readonly string[], indexes: readonly number[]): Generator<readonly number[]> {
  let batch: number[] = [];
  let chars = 0;
  for (const index of indexes) {
    const more = texts[index]!.length;
    if (batch.length > 0 && (batch.length === TEXTS_MAX || chars + more > REQUEST_CHARS_MAX)) {
      yield batch;
      batch = [];
      chars = 0;
    }
    batch.push(index);
    chars += more;
  }
  if (batch.length > 0) yield batch;
}

type Named = Pick<RemoteManifest, 'name' | 'host' | 'model'>;

function refusedAll(manifest: Named, refused: string): DowserError {
  return failed(manifest, `refuses every text (${refused})`, `See that it serves embeddings of "${manifest.model}".`);
}

function failed({ name, host }: Named, what: string, advice: string): DowserError {
  return new DowserError('model_failed', `The server of ${name} at ${host} ${what}. ${advice}`);
}
