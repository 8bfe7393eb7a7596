/**
 * Embeddings from a server that speaks the API of OpenAI's `/v1/embeddings`, as llama-server, TEI, vLLM, Ollama and hosted
 * models do. What leaves this machine: the texts to embed (chunks of code with their paths, secrets masked, and
 * questions), the model's name, and the key; to the one host that was named when the model was added, and nowhere else.
 */
import { DowserError } from '../errors.ts';
import type { Embedding, Side, Task } from '../types.ts';
import type { RemoteManifest } from './manifest.ts';
import { unitLength } from './pooling.ts';
import { post, type Reply } from './post.ts';
import { prefixFor } from './tasks.ts';
import { cut } from './tokenizer.ts';

/** Texts of one request: the largest batch that TEI takes as it comes. */
const TEXTS_MAX = 32;
/** Characters of one request, so that a slow server answers before its time is up. */
const REQUEST_CHARS_MAX = 48_000;
/** Requests under way at once: one to compute, one to be there when it is done. */
const REQUESTS_MAX = 2;
/** A text is cut where this many characters a token reach the model's limit: code has 2.5 to 4, and many servers refuse what is too long. */
const CHARS_PER_TOKEN = 2.5;

/** Sent to learn how a server answers: nothing of anybody's code. */
const SAMPLE = 'function add(a, b) { return a + b; }';

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
  /** The size of the server's embeddings: asks once, with a text of dowser's own. */
  measure(): Promise<number>;
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
  async function ask(texts: readonly string[], task: Task, side: Side, size?: number): Promise<Embedding[]> {
    const body = { model, input: texts, encoding_format: 'float', ...(tasks && { task: tasks[task][side] }) };
    const request = { address, name, key, keyVariable, body: JSON.stringify(body), signal: abort.signal };
    try {
      return await post(request, (reply) => embeddingsOf(reply, texts.length, name, size), options);
    } catch (error) {
      if (!(error instanceof TooLarge) || texts.length === 1) throw error;
      const half = texts.length >> 1;
      const first = await ask(texts.slice(0, half), task, side, size);
      return [...first, ...(await ask(texts.slice(half), task, side, size))];
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
          const made = await ask(
            batch.map(({ text }) => text),
            task,
            side,
            manifest.dimensions,
          );
          for (const [at, one] of batch.entries()) embeddings[one.at] = unitLength(made[at]!.subarray(0, dimensions));
        }
      };
      await Promise.all(Array.from({ length: REQUESTS_MAX }, work));
      return embeddings;
    },
    async measure() {
      const [embedding] = await ask([SAMPLE], 'nl2code', 'passage');
      return embedding!.length;
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

/** Networks of one's own: there, texts may go without TLS. */
const PRIVATE_HOST =
  /^(?:localhost|[\w-]+|[\w.-]+\.(?:local|internal|lan|localhost)|127\.[\d.]+|10\.[\d.]+|192\.168\.[\d.]+|172\.(?:1[6-9]|2\d|3[01])\.[\d.]+|\[::1\]|\[f[cd][0-9a-f:]+\])$/;

/** The address that texts are sent to. Throws DowserError('bad_argument') for one that they must not be sent to. */
export function addressOf({ url, host }: Pick<RemoteManifest, 'url' | 'host'>): URL {
  const refuse = (why: string): DowserError => new DowserError('bad_argument', `Texts can't be sent there: ${why}.`);
  if (!URL.canParse(url)) throw refuse('the address is not a URL such as http://localhost:8080/v1');
  const address = new URL(url);
  if (!/^https?:$/.test(address.protocol)) throw refuse('the address begins with neither https:// nor http://');
  if (address.username !== '' || address.password !== '')
    throw refuse('the address holds a name or a password; a key comes from the environment');
  if (address.search !== '' || address.hash !== '') throw refuse('the address has a ? or a #');
  if (address.protocol === 'http:' && !PRIVATE_HOST.test(address.hostname))
    throw refuse(`${address.hostname} is not on this machine or a private network, and http:// is open to all between`);
  if (address.host !== host) throw refuse(`the address is on ${address.host}, and consent was given to ${host}`);
  address.pathname = `${address.pathname.replace(/\/+$/, '')}/embeddings`;
  return address;
}

/** Refused as too much at once. */
class TooLarge extends DowserError {}

/** What the answer holds, in the order of the texts. Throws an Error where it is not whole, which another attempt may mend. */
function embeddingsOf(
  { status, text, refusal }: Reply,
  count: number,
  name: string,
  size: number | undefined,
): Embedding[] {
  if (refusal !== undefined) throw status === 413 ? new TooLarge(refusal.code, refusal.message) : refusal;
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
