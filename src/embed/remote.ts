/**
 * Embeddings from a server that speaks the API of OpenAI's `/v1/embeddings`, as llama-server, TEI, vLLM, Ollama and hosted
 * models do. What leaves this machine: the texts to embed (chunks of code with their paths, secrets masked, and
 * questions), a text of dowser's own, the model's name, and the key; to the one host that was named when the model was added, and nowhere else.
 */
import { DowserError } from '../errors.ts';
import { log } from '../log.ts';
import type { Embedding, Side, Task } from '../types.ts';
import { addressOf } from './address.ts';
import type { RemoteManifest } from './manifest.ts';
import { unitLength } from './pooling.ts';
import { post, type Reply } from './post.ts';
import { prefixFor, SIDES, TASKS } from './tasks.ts';
import { cut } from './tokenizer.ts';

/** Texts of one request, beside the probe: TEI takes 32 as it comes. */
const TEXTS_MAX = 31;
/** Characters of one request, so that a slow server answers before its time is up. */
const REQUEST_CHARS_MAX = 48_000;
/** Requests under way at once: one to compute, one to be there when it is done. */
const REQUESTS_MAX = 2;
/** A text is cut where this many characters a token reach the model's limit: code has 2.5 to 4, and many servers refuse what is too long. */
const CHARS_PER_TOKEN = 2.5;

/** A text that is refused is tried again, half as long, down to this length. */
const CUT_CHARS_MIN = 200;
/**
 * Goes with every request, at its end: by its embedding the model is known again, and rows that were shifted show. Unlike
 * any code, and nothing of anybody's.
 */
export const PROBE_TEXT = 'Two herons stood at the edge of the frozen lake and waited for evening.';
/** So much of its embedding is kept: enough to tell models apart. */
const PROBE_VALUES = 64;
/** Least cosine to what it was: int8 in other company was measured at 0.987 (test/eval/results.md); other texts and models lie well below. */
const PROBE_COSINE_MIN = 0.9;

export type RemoteOptions = {
  /** Where the key is looked up: in the variable that the manifest names. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Before the second attempt at a request, in milliseconds; each further one waits twice as long. */
  readonly pauseMs?: number;
  /** Longest silence of the server, in milliseconds. */
  readonly silenceMs?: number;
};

export type RemoteModel = {
  /** One embedding per text, of unit length, cut to the size asked for; zeros for a text of nothing. */
  embed(texts: readonly string[], task: Task, side: Side): Promise<Embedding[]>;
  /** The size of the server's embeddings, and by what they are known again: asks once for each task, with a text of dowser's own. */
  measure(): Promise<Pick<RemoteManifest, 'dimensions' | 'probes'>>;
  close(): void;
};

/**
 * Nothing is sent before the first text. Throws DowserError('bad_argument') where the manifest's address is not one that
 * texts may go to. embed() throws DowserError('model_failed') that says what to do.
 */
export function openRemote(manifest: RemoteManifest, dimensions: number, options: RemoteOptions = {}): RemoteModel {
  const address = addressOf(manifest);
  const { name, tasks, model, keyVariable } = manifest;
  const key = (options.environment ?? process.env)[keyVariable];
  const abort = new AbortController();

  /** Embeddings as the server gives them, of `size` numbers each if that is known. */
  async function ask(texts: readonly string[], taskName: string | undefined, size?: number): Promise<Embedding[]> {
    const body = { model, input: texts, encoding_format: 'float', ...(taskName && { task: taskName }) };
    const request = { address, name, key, keyVariable, body: JSON.stringify(body), signal: abort.signal };
    return post(request, (reply) => embeddingsOf(reply, texts.length, name, size), options);
  }

  /** The same of a model that is known again. */
  async function askKnown(texts: readonly string[], taskName: string | undefined): Promise<Embedding[]> {
    const embeddings = await ask([...texts, PROBE_TEXT], taskName, manifest.dimensions);
    checkProbe(manifest, taskName, embeddings.pop()!);
    return embeddings;
  }

  /** What is refused together may be taken apart, what is refused alone may be taken shorter. */
  async function askParts(texts: readonly string[], taskName: string | undefined): Promise<Embedding[]> {
    try {
      return await askKnown(texts, taskName);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // A server that takes nothing at all need not be asked about each text.
      await askKnown([], taskName);
      if (texts.length === 1) return [await askShorter(texts[0]!, taskName)];
      const half = texts.length >> 1;
      return [...(await askParts(texts.slice(0, half), taskName)), ...(await askParts(texts.slice(half), taskName))];
    }
  }

  /** Once more as it is: what a server refuses once by mistake must not be without its embedding for good. */
  async function askShorter(text: string, taskName: string | undefined): Promise<Embedding> {
    for (let part = text; ; part = cut(part, part.length >> 1)) {
      try {
        return (await askKnown([part], taskName))[0]!;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (part.length >> 1 >= CUT_CHARS_MIN) continue;
        // One text must not keep all others from being read: it is found by its words alone.
        log.warn(`${address.host} takes other texts, but not one of ${text.length} characters`, {
          message: error.message,
        });
        return new Float32Array(manifest.dimensions);
      }
    }
  }

  return {
    async embed(texts, task, side) {
      const prefix = tasks === undefined ? prefixFor(manifest, task, side) : '';
      const charsMax = Math.floor(manifest.maxTokens * CHARS_PER_TOKEN);
      const inputs = texts.map((text, at) => ({ at, text: cut(`${prefix}${text}`, charsMax) }));
      const embeddings: Embedding[] = texts.map(() => new Float32Array(dimensions));
      const batches = batchesOf(inputs.filter(({ text }) => text.trim() !== ''));
      const next = batches.values();
      const work = async (): Promise<void> => {
        for (const batch of next) {
          const made = await askParts(
            batch.map(({ text }) => text),
            tasks?.[task][side],
          );
          for (const [at, one] of batch.entries()) embeddings[one.at] = unitLength(made[at]!.subarray(0, dimensions));
        }
      };
      await Promise.all(Array.from({ length: REQUESTS_MAX }, work));
      return embeddings;
    },
    async measure() {
      const names = tasks === undefined ? [undefined] : TASKS.flatMap((task) => SIDES.map((side) => tasks[task][side]));
      const probes: Record<string, readonly number[]> = {};
      let size: number | undefined;
      for (const taskName of new Set(names)) {
        const [embedding] = await ask([PROBE_TEXT], taskName, size);
        size = embedding!.length;
        probes[taskName ?? ''] = [...unitLength(embedding!).subarray(0, PROBE_VALUES)].map((value) =>
          Number(value.toFixed(5)),
        );
      }
      return { dimensions: size!, probes };
    },
    close: () => abort.abort(),
  };
}

type Input = { readonly at: number; readonly text: string };

function batchesOf(inputs: readonly Input[]): Input[][] {
  const batches: Input[][] = [];
  let chars = 0;
  for (const input of inputs) {
    const last = batches.at(-1);
    chars += input.text.length;
    if (last !== undefined && last.length < TEXTS_MAX && chars <= REQUEST_CHARS_MAX) last.push(input);
    else {
      batches.push([input]);
      chars = input.text.length;
    }
  }
  return batches;
}

function checkProbe({ name, host, probes }: RemoteManifest, taskName: string | undefined, embedding: Embedding): void {
  const known = probes[taskName ?? ''];
  if (known === undefined) return;
  const now = unitLength(embedding.subarray(0, known.length));
  const cosine = unitLength(known).reduce((sum, value, at) => sum + value * now[at]!, 0);
  if (cosine >= PROBE_COSINE_MIN) return;
  throw new DowserError(
    'model_failed',
    `The server of ${name} at ${host} answers with another model than the one that was added, or mixes up its rows. If it is meant to: dowser models remove ${name}, and add it again.`,
  );
}

/** These texts are refused; others may be taken. */
class Refused extends DowserError {}
/** Statuses that say so: too much, too long, or in some way not to its liking. */
const REFUSALS = [400, 413, 422];

/** What the answer holds, in the order of the texts. Throws an Error where it is not whole, which another attempt may mend. */
function embeddingsOf(
  { status, text, refusal }: Reply,
  count: number,
  name: string,
  size: number | undefined,
): Embedding[] {
  if (refusal !== undefined) throw REFUSALS.includes(status) ? new Refused(refusal.code, refusal.message) : refusal;
  const { data } = JSON.parse(text) as { readonly data?: unknown };
  if (!Array.isArray(data) || data.length !== count)
    throw new Error(`it has ${Array.isArray(data) ? data.length : 'no'} embeddings for ${count} texts`);
  const embeddings: Embedding[] = [];
  for (const one of data as readonly { readonly index?: unknown; readonly embedding?: unknown }[]) {
    const at = one?.index;
    if (typeof at !== 'number' || !Number.isInteger(at) || at < 0 || at >= count || embeddings[at] !== undefined)
      throw new Error('its embeddings are not numbered as the texts were');
    const values = one.embedding;
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'number' && Number.isFinite(value)))
      throw new Error('an embedding is not a list of numbers');
    if (size !== undefined && values.length !== size)
      throw new DowserError(
        'model_failed',
        `${name} gives embeddings of ${values.length} dimensions, and its model.json says ${size}. Another model may run there: remove it and add it again.`,
      );
    const embedding = Float32Array.from(values as number[]);
    const isOne = embedding.every(Number.isFinite) && embedding.some((value) => value !== 0);
    if (!isOne) throw new Error('an embedding is all zeros, or out of all bounds');
    embeddings[at] = embedding;
  }
  return embeddings;
}
