/**
 * A server that embeds texts, asked with patience: at most so many requests at once, questions before passages, again after
 * what passes by itself, and not before it wants to be asked again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DowserError } from '../errors.ts';
import type { Embedding, Side } from '../types.ts';
import { complaintIn, readAnswer } from './answer.ts';
import { DIMENSIONS_MAX, type RemoteManifest } from './manifest.ts';
import { type Answer, openPost, TooLarge } from './post.ts';
import { Turns } from './turns.ts';

/** Bounds of one call; tests have less of it. */
export type Patience = {
  /** A whole answer: 32 passages take 25 s where a processor reads 500 tokens a second. */
  readonly requestMs: number;
  /** Everything that one call does and waits for. */
  readonly callMs: number;
  readonly tries: number;
  /** Before the second try; doubled before each further one, and up to half of it more or less by chance. */
  readonly backoffMs: number;
};
export const PATIENCE: Patience = { requestMs: 60_000, callMs: 120_000, tries: 5, backoffMs: 500 };

/** A question is given up sooner: by then its answer has been given without. */
const QUESTION_TRIES = 2;

/** Requests under way at once: a modest bound, since what serves them may be one graphics card, or an account's quota. */
const REQUESTS_MAX = 4;

/** Longest number of JSON that a server was seen to write is 24 characters; with blanks and line ends around it. */
const NUMBER_BYTES_MAX = 40;
/** What else stands in an answer. */
const ENVELOPE_BYTES = 1 << 20;
const COMPLAINT_CHARS_MAX = 200;

/** What is asked at once. `task` is the server's name for it. */
export type Batch = {
  readonly texts: readonly string[];
  readonly task: string | undefined;
  readonly side: Side;
  /** As performance.now() counts: the end of all patience. */
  readonly untilMs: number;
};

/** The server can't take these texts, and would say so again. */
export type Refusal = { readonly refused: string };

type Asked = Pick<RemoteManifest, 'name' | 'url' | 'host' | 'model' | 'sendsDimensions' | 'keyVariable'> & {
  /** Undefined where it is yet to be learned. */
  readonly dimensions: number | undefined;
};

export class Server {
  readonly #asked: Asked;
  readonly #key: string | undefined;
  readonly #patience: Patience;
  readonly #post: ReturnType<typeof openPost>;
  readonly #turns = new Turns(REQUESTS_MAX);
  readonly #closing = new AbortController();
  /** The server asked not to be asked before. */
  #restUntilMs = 0;

  /** Sends nothing yet. Throws DowserError('bad_argument') for a key that can't be one. */
  constructor(asked: Asked, environment: NodeJS.ProcessEnv, patience: Patience) {
    this.#asked = asked;
    this.#patience = patience;
    const key = environment[asked.keyVariable]?.trim();
    if (key && !/^[\x21-\x7e]+$/.test(key))
      throw new DowserError(
        'bad_argument',
        `What ${asked.keyVariable} holds is no key: it has blanks or other letters.`,
      );
    this.#key = key || undefined;
    const url = new URL(asked.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/embeddings`;
    this.#post = openPost(url);
  }

  /** When patience with a call that begins now ends. */
  deadline(): number {
    return performance.now() + this.#patience.callMs;
  }

  /**
   * One embedding of each text, as the server makes them. Throws DowserError('model_failed') when it can't be reached or
   * answers wrongly, 'cancelled' after close().
   */
  async ask(batch: Batch): Promise<Embedding[] | Refusal> {
    const tries = batch.side === 'query' ? Math.min(QUESTION_TRIES, this.#patience.tries) : this.#patience.tries;
    for (let tried = 1; ; tried++) {
      await this.#rest(batch.untilMs);
      const result = await this.#try(batch);
      if (!('passing' in result)) return result;
      const { passing, waitMs } = result;
      if (waitMs !== undefined) this.#restUntilMs = Math.max(this.#restUntilMs, performance.now() + waitMs);
      if (tried === tries)
        throw this.#failed(`${passing}, ${tried} times`, 'See that the server runs and is not overloaded.');
      const backoffMs = this.#patience.backoffMs * 2 ** (tried - 1) * (0.5 + Math.random());
      if (performance.now() + backoffMs > batch.untilMs)
        throw this.#failed(passing, 'See that the server runs and is not overloaded.');
      await this.#sleep(backoffMs);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#post.close();
  }

  async #try(batch: Batch): Promise<Embedding[] | Refusal | { passing: string; waitMs?: number | undefined }> {
    const { dimensions = DIMENSIONS_MAX, model, sendsDimensions } = this.#asked;
    const body = JSON.stringify({
      model,
      input: batch.texts,
      ...(sendsDimensions && this.#asked.dimensions !== undefined && { dimensions }),
      ...(batch.task !== undefined && { task: batch.task }),
    });
    const bounds = {
      ms: Math.max(1, Math.min(this.#patience.requestMs, batch.untilMs - performance.now())),
      bytes: ENVELOPE_BYTES + batch.texts.length * dimensions * NUMBER_BYTES_MAX,
      signal: this.#closing.signal,
    };
    const headers = this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` };
    const leave = await this.#turns.take(batch.side === 'query');
    let answer: Answer;
    try {
      this.#closing.signal.throwIfAborted();
      answer = await this.#post.send(body, headers, bounds);
    } catch (error) {
      if (this.#closing.signal.aborted) throw closed();
      if (error instanceof TooLarge) throw this.#failed(`answered with ${error.message}`, IS_IT_ONE);
      return { passing: `can't be reached (${(error as Error).message})` };
    } finally {
      leave();
    }
    return answer.status === 200 ? this.#believe(answer.body, batch) : this.#weigh(answer);
  }

  #believe(body: string, { texts }: Batch): Embedding[] {
    try {
      return readAnswer(body, texts.length, this.#asked.dimensions);
    } catch (cause) {
      throw this.#failed(`answered with ${(cause as Error).message}`, IS_IT_ONE);
    }
  }

  /** What an answer that is no list of embeddings means. */
  #weigh({ status, headers, body }: Answer): Refusal | { passing: string; waitMs?: number | undefined } {
    const complaint = this.#clean(complaintIn(body));
    const said = complaint === '' ? `${status}` : `${status}: ${complaint}`;
    if (status >= 300 && status < 400)
      throw this.#failed(
        `sends elsewhere (${status})`,
        'Redirects are not followed: add the model with the address that it leads to.',
      );
    if (status === 401 || status === 403)
      throw this.#failed(
        this.#key === undefined ? `wants a key (${status})` : `does not take the key (${status})`,
        `Set ${this.#asked.keyVariable} in the environment that dowser runs in.`,
      );
    if (status === 400 || status === 413 || status === 422 || (status === 500 && TOO_LONG.test(complaint)))
      return { refused: said };
    if (status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505))
      return { passing: `answered ${said}`, waitMs: waitIn(headers['retry-after']) };
    throw this.#failed(
      `answered ${said}`,
      `See that it serves embeddings of "${this.#asked.model}" at ${this.#asked.url}.`,
    );
  }

  /** What the server says may have the key in it, and may be long. */
  #clean(text: string): string {
    const short = this.#key === undefined ? text : text.replaceAll(this.#key, '[key]');
    return short.slice(0, COMPLAINT_CHARS_MAX);
  }

  async #rest(untilMs: number): Promise<void> {
    const waitMs = this.#restUntilMs - performance.now();
    if (waitMs <= 0) return;
    if (this.#restUntilMs > untilMs)
      throw this.#failed(
        `wants no request for another ${Math.ceil(waitMs / 1_000)} s`,
        'It is asked again after that.',
      );
    await this.#sleep(waitMs);
    // Others waited as well.
    await this.#rest(untilMs);
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {
      throw closed();
    });
  }

  #failed(what: string, advice: string): DowserError {
    return new DowserError(
      'model_failed',
      `The server of ${this.#asked.name} at ${this.#asked.host} ${what}. ${advice}`,
    );
  }
}

const IS_IT_ONE =
  'See that it is a server of OpenAI-compatible embeddings, and that nothing in between changes its answers.';

/** llama-server answers 500 to a text that is longer than its batch. */
const TOO_LONG = /too (large|long)|exceed|context|batch size/i;

function closed(): DowserError {
  return new DowserError('cancelled', 'The model was closed.');
}

/** Milliseconds, of a header that holds seconds or a date. */
function waitIn(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
