/**
 * Embeddings from a server that speaks the API of OpenAI's `/v1/embeddings`, as llama-server, TEI, vLLM, Ollama and hosted
 * models do. What leaves this machine: the texts to embed (chunks of code with their paths, secrets masked, and
 * questions), two texts of dowser's own by which the model is known again, the model's name, and the key; to the one host
 * that was named when the model was added, and nowhere else.
 */
import { DowserError } from '../errors.ts';
import { log } from '../log.ts';
import type { Embedding, Side, Task } from '../types.ts';
import { addressOf } from './address.ts';
import type { Probe, RemoteManifest } from './manifest.ts';
import { similarity, unitLength } from './pooling.ts';
import { post, type Reply, TextsRefused } from './post.ts';
import { prefixFor, SIDES, TASKS } from './tasks.ts';
import { cut } from './tokenizer.ts';

/** Texts of one request, with the probes the largest batch that TEI takes as it comes. */
const TEXTS_MAX = 30;
/** Characters of one request, so that a slow server answers before its time is up. */
const REQUEST_CHARS_MAX = 48_000;
/** Requests under way at once: one to compute, one to be there when it is done. */
const REQUESTS_MAX = 2;
/** A text is cut where this many characters a token reach the model's limit: code has 2.5 to 4, and many servers refuse what is too long. */
const CHARS_PER_TOKEN = 2.5;

/** A text that the server refuses by itself is tried again, half as long, down to this length. */
const CUT_CHARS_MIN = 200;

/**
 * Around the texts of every request, so that rows which are shifted show, too: nothing of anybody's code, and unlike any.
 * Their embeddings are compared with those that they had when the model was added.
 */
export const PROBES = {
  first: 'Bread needs flour, water, salt and a night of rest.',
  last: 'Two herons stood at the edge of the frozen lake and waited for evening.',
};
/** So many of their first numbers are kept: enough to tell models apart. */
const PROBE_VALUES = 64;
/** What else a model is measured with: of other kinds than the probes, and than each other. */
const OTHERS = ['function add(a, b) { return a + b; }', 'where is a lease renewed', 'x'];
/**
 * Least cosine of a probe's embedding to the one it had: halfway from the nearest of the others to itself, since of some
 * models all embeddings are near each other; and this, at least. Halves in other company stay at 0.9998, the worst rounding
 * in use (dynamic int8) at 0.95.
 */
const COSINE_MIN = 0.9;
/** Nearer to each other than rounding is to itself: such a server does not tell texts apart, as with the wrong pooling. */
const OTHERS_COSINE_MAX = 0.9995;

export type RemoteOptions = {
  /** Where the key is looked up: in the variable that the manifest names. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Before the second attempt at a request, in milliseconds; each further one waits twice as long. */
  readonly pauseMs?: number;
  /** Longest silence of the server, in milliseconds. */
  readonly silenceMs?: number;
};

export type Measured = { readonly dimensions: number; readonly probes: RemoteManifest['probes'] };

export type RemoteModel = {
  /** One embedding per text, of unit length, cut to the size asked for; zeros for a text of nothing. */
  embed(texts: readonly string[], task: Task, side: Side): Promise<Embedding[]>;
  /** What the server's answers tell of the model: asks once, or once for each name of a task, with texts of dowser's own. */
  measure(): Promise<Measured>;
  close(): void;
};

/**
 * Nothing is sent before the first text. Throws DowserError('bad_argument') where the manifest's address is not one that
 * texts may go to. embed() throws DowserError('model_failed') that says what to do.
 */
export function openRemote(manifest: RemoteManifest, dimensions: number, options: RemoteOptions = {}): RemoteModel {
  const abort = new AbortController();
  const { ask, askInParts } = openAsking(manifest, abort.signal, options);
  const { tasks } = manifest;
  return {
    async embed(texts, task, side) {
      const prefix = tasks === undefined ? prefixFor(manifest, task, side) : '';
      const charsMax = Math.floor(manifest.maxTokens * CHARS_PER_TOKEN);
      const taskName = tasks?.[task][side];
      const inputs = texts.map((text, at) => ({ at, text: wellFormed(cut(`${prefix}${text}`, charsMax)) }));
      const embeddings: Embedding[] = texts.map(() => new Float32Array(dimensions));
      const batches = batchesOf(inputs.filter(({ text }) => text.trim() !== ''));
      const next = batches.values();
      const work = async (): Promise<void> => {
        for (const batch of next) {
          const made = await askInParts(
            batch.map(({ text }) => text),
            taskName,
          );
          for (const [at, one] of batch.entries()) embeddings[one.at] = unitLength(made[at]!.subarray(0, dimensions));
        }
      };
      await Promise.all(Array.from({ length: REQUESTS_MAX }, work));
      return embeddings;
    },
    async measure() {
      const names = tasks === undefined ? [undefined] : TASKS.flatMap((task) => SIDES.map((side) => tasks[task][side]));
      const probes: Record<string, Probe> = {};
      let dimensions: number | undefined;
      for (const taskName of new Set(names)) {
        const embeddings = await ask([PROBES.first, ...OTHERS, PROBES.last], taskName, dimensions);
        dimensions = embeddings[0]!.length;
        probes[taskName ?? ''] = probeOf(manifest, embeddings);
      }
      return { dimensions: dimensions!, probes };
    },
    close: () => abort.abort(),
  };
}

/** What the model is known by. Throws DowserError('model_failed') where it does not tell texts apart. */
function probeOf({ name, host }: RemoteManifest, embeddings: readonly Embedding[]): Probe {
  const starts = embeddings.map((one) =>
    [...unitLength(one.subarray(0, PROBE_VALUES))].map((value) => Number(value.toFixed(5))),
  );
  const [first, last] = [starts[0]!, starts.at(-1)!];
  const cosines = [first, last].flatMap((probe) =>
    starts.filter((other) => other !== probe).map((other) => similarity(probe, other)),
  );
  const nearest = Math.max(...cosines);
  if (nearest <= OTHERS_COSINE_MAX) return { first, last, cosineMin: Math.max(COSINE_MIN, (1 + nearest) / 2) };
  const message = `${name} at ${host} gives different texts the same embedding. See that it runs as a model of embeddings, with the pooling it was trained with.`;
  throw new DowserError('model_failed', message);
}

/** The two ways to ask: for texts as they are, and for what the server does not take as it is. */
function openAsking(manifest: RemoteManifest, signal: AbortSignal, options: RemoteOptions) {
  const address = addressOf(manifest);
  const { name, model, keyVariable } = manifest;
  const key = (options.environment ?? process.env)[keyVariable];
  const rest = { untilMs: 0 };

  /** Embeddings as the server gives them, of `size` numbers each if that is known. */
  function ask(texts: readonly string[], taskName: string | undefined, size?: number): Promise<Embedding[]> {
    const body = { model, input: texts, encoding_format: 'float', ...(taskName && { task: taskName }) };
    const request = { address, name, key, keyVariable, body: JSON.stringify(body), signal, rest };
    return post(request, (reply) => embeddingsOf(reply, texts.length, name, size), options);
  }

  /** The same between the probes, from the model that was added. */
  async function askKnown(texts: readonly string[], taskName: string | undefined): Promise<Embedding[]> {
    const known = manifest.probes[taskName ?? ''];
    const embeddings = await ask([PROBES.first, ...texts, PROBES.last], taskName, manifest.dimensions);
    const isKnown = (start: readonly number[], one: Embedding): boolean => similarity(start, one) >= known!.cosineMin;
    if (known !== undefined && isKnown(known.first, embeddings[0]!) && isKnown(known.last, embeddings.at(-1)!))
      return embeddings.slice(1, -1);
    const message = `${name} at ${manifest.host} is another model than the one that was added, or mixes up what it answers. If that is meant: dowser models remove ${name}, and add it again.`;
    throw new DowserError('model_failed', message);
  }

  /** What is refused together may be taken in parts, what is refused by itself may be taken shorter. */
  async function askInParts(texts: readonly string[], taskName: string | undefined): Promise<Embedding[]> {
    try {
      return await askKnown(texts, taskName);
    } catch (error) {
      if (!(error instanceof TextsRefused)) throw error;
      if (texts.length === 1) return [await askShorter(texts[0]!, taskName)];
    }
    const half = texts.length >> 1;
    const first = await askInParts(texts.slice(0, half), taskName);
    return [...first, ...(await askInParts(texts.slice(half), taskName))];
  }

  /** Once more as it is, first: what a server refuses by mistake must not be cut, or without its embedding, for good. */
  async function askShorter(text: string, taskName: string | undefined): Promise<Embedding> {
    // A server that refuses everything is not asked in ever smaller pieces.
    await ask([PROBES.last], taskName);
    for (let part = text; ; part = cut(part, part.length >> 1)) {
      try {
        return (await askKnown([part], taskName))[0]!;
      } catch (error) {
        if (!(error instanceof TextsRefused)) throw error;
        if (part.length >> 1 >= CUT_CHARS_MIN) continue;
        // One text must not keep all others from being read: it is found by its words.
        const why = error.message;
        log.warn(`one text of ${text.length} characters is refused, and known by its words alone`, { why });
        return new Float32Array(manifest.dimensions);
      }
    }
  }

  return { ask, askInParts };
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

/** Half a character, as no file has but a question may, makes servers refuse all texts of a request. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** What the answer holds, in the order of the texts. Throws an Error where it is not whole, which another attempt may mend. */
function embeddingsOf({ text, refusal }: Reply, count: number, name: string, size: number | undefined): Embedding[] {
  if (refusal !== undefined) throw refusal;
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
