/** One request to a server of embeddings: tried again where that may help, with patience that ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DowserError } from '../errors.ts';
import { send } from '../http.ts';

/** Attempts at one request. */
const TRIES_MAX = 6;
/** Where nobody listens, more of them only keep the user waiting; whoever reads code behind the answers comes back by itself. */
const TRIES_MAX_UNREACHABLE = 2;
const UNREACHABLE = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'];
/** Before the second one; each further one waits twice as long, less up to half of that: eight servers do not come back together. */
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 30_000;
/** Longest rest that a server is left alone for because it asks for it, and longest wait for one request in all. */
const REST_MS_MAX = 3_600_000;
const PATIENCE_MS = 180_000;
/** A processor computes a batch for a while before it answers. */
const SILENCE_MS_MAX = 60_000;
/** 32 embeddings of 8,192 numbers are 6 MB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Too many texts, one that is too long, or one that a server can't read: fewer or shorter ones may do. */
const REFUSED_TEXTS = [400, 413, 422];
/** llama-server answers 500 to a text that is longer than its batch. */
const TOO_LONG = /too (large|long)|exceed|context|batch size/i;
/** What Ollama answers for a model that it takes for one of texts. */
const NOT_IMPLEMENTED = 501;
/** Of what a server says why it refuses, so much is told. */
const REASON_CHARS_MAX = 300;

export type Request = {
  readonly address: URL;
  /** Of the model, for messages. */
  readonly name: string;
  readonly key: string | undefined;
  readonly keyVariable: string;
  readonly body: string;
  readonly signal: AbortSignal;
  /** Of all requests to the server: it asked to be left alone until then, as performance.now() counts. */
  readonly rest: { untilMs: number };
};

/** Refused for what the texts are: others may be taken. */
export class TextsRefused extends DowserError {}

/** `refusal` where the server refuses for good: no other attempt will do better. */
export type Reply = { readonly text: string; readonly refusal: DowserError | undefined };

type Patience = { readonly pauseMs?: number; readonly silenceMs?: number };

/**
 * What `read` makes of the answer. Another attempt is made when the server is busy or failing (408, 429, 5xx), can't be
 * reached, or answers with what `read` throws a plain Error at. Throws what `read` throws as DowserError,
 * DowserError('cancelled') once the signal is aborted, and DowserError('model_failed') at the end of patience.
 */
export async function post<Result>(
  request: Request,
  read: (reply: Reply) => Result,
  { pauseMs = PAUSE_MS, silenceMs = SILENCE_MS_MAX }: Patience = {},
): Promise<Result> {
  const { name, address, signal } = request;
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    await waitForRest(request, deadlineMs);
    const waitMs = Math.min(PAUSE_MS_MAX, pauseMs * 2 ** (tries - 1)) * (1 - Math.random() / 2);
    let why: string;
    let triesMax = TRIES_MAX;
    try {
      return read(await once(request, silenceMs));
    } catch (error) {
      if (signal.aborted) throw new DowserError('cancelled', 'The model is closed.');
      if (!(error instanceof Error) || error instanceof DowserError) throw error;
      why = error.message;
      if (UNREACHABLE.includes(String((error as NodeJS.ErrnoException).code))) triesMax = TRIES_MAX_UNREACHABLE;
      if (error instanceof Busy)
        request.rest.untilMs = Math.max(request.rest.untilMs, performance.now() + error.waitMs);
    }
    if (tries >= triesMax || performance.now() + waitMs > deadlineMs) {
      const message = `${name} at ${address.host} can't be asked: ${why}. Tried ${tries} times; see whether the server runs and what its log says.`;
      throw new DowserError('model_failed', message);
    }
    await sleep(waitMs, undefined, { signal }).catch(() => {});
  }
}

/** Nobody asks while the server wants to be left alone; who would have to wait for too long is told at once. */
async function waitForRest({ name, address, rest, signal }: Request, deadlineMs: number): Promise<void> {
  for (;;) {
    const waitMs = rest.untilMs - performance.now();
    if (waitMs <= 0) return;
    if (rest.untilMs > deadlineMs) {
      const seconds = Math.ceil(waitMs / 1_000);
      const message = `${name} at ${address.host} can't be asked: it wants no request for another ${seconds} s. It is asked again after that.`;
      throw new DowserError('model_failed', message);
    }
    await sleep(waitMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new DowserError('cancelled', 'The model is closed.');
  }
}

/** The server says that it is busy, and perhaps for how long. */
class Busy extends Error {
  readonly waitMs: number;

  constructor(status: number, retryAfter: string | undefined) {
    super(`it answers ${status}`);
    const seconds = Number(retryAfter);
    const asked =
      retryAfter === undefined ? 0 : Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(retryAfter) - Date.now();
    this.waitMs = Math.max(0, Math.min(REST_MS_MAX, asked || 0));
  }
}

async function once({ address, key, body, signal, name, keyVariable }: Request, silenceMs: number): Promise<Reply> {
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
  };
  // Without TLS, a proxy would read what only the host may: such hosts are near, and are reached without one.
  const isDirect = address.protocol === 'http:';
  const answer = await send(address, { method: 'POST', headers, body, silenceMsMax: silenceMs, isDirect, signal });
  try {
    const status = answer.statusCode ?? 0;
    const parts: Buffer[] = [];
    let bytes = 0;
    const timeIsUp = AbortSignal.timeout(2 * silenceMs);
    for await (const part of answer as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error('its answer does not end');
      if (timeIsUp.aborted) throw new Error('its answer comes too slowly');
      parts.push(part);
    }
    const text = Buffer.concat(parts).toString('utf8');
    const isTooLong = status === 500 && TOO_LONG.test(text);
    if (!isTooLong && (status === 408 || status === 429 || (status >= 500 && status !== NOT_IMPLEMENTED)))
      throw new Busy(status, answer.headers['retry-after']);
    return {
      text,
      refusal: status === 200 ? undefined : refusalOf(status, text, { name, address, key, keyVariable }),
    };
  } finally {
    answer.destroy();
  }
}

/** What to do about an answer that no other attempt will better. The key is never told, whatever the server says. */
function refusalOf(
  status: number,
  text: string,
  { name, address, key, keyVariable }: Pick<Request, 'name' | 'address' | 'key' | 'keyVariable'>,
): DowserError {
  const said = key ? text.replaceAll(key, '***') : text;
  const reason = said.replace(/\s+/g, ' ').slice(0, REASON_CHARS_MAX);
  const advice =
    status === 401 || status === 403
      ? `${key ? 'Its key is refused' : 'It wants a key'}: set ${keyVariable}.`
      : status >= 300 && status < 400
        ? 'It sends elsewhere, which is not followed: add the model with the address that it moved to.'
        : status === 404
          ? 'See whether the address ends with /v1 and the server knows the model by that name.'
          : status === NOT_IMPLEMENTED
            ? 'It can make no embeddings with this model: run it as one for embeddings, or on another server.'
            : 'See what it says, and its log.';
  // What is left of 500 here is a text that is too long.
  const Refusal = status === 500 || REFUSED_TEXTS.includes(status) ? TextsRefused : DowserError;
  return new Refusal('model_failed', `${name} at ${address.host} answers ${status} (${reason}). ${advice}`);
}
