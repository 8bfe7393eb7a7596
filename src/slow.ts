/** A slow model beside the one that is always there: what it says of a question, where it is ready in time and got that far. */
import { Behind } from './behind.ts';
import type { Config } from './config.ts';
import { type ApartEmbedder, openApart } from './embed/apart.ts';
import { type ModelTraits, settingsOf } from './embed/embedder.ts';
import { embedQuery, type SlowModel } from './meaning.ts';
import type { Session } from './sessions.ts';
import { askShared, shareModel, socketOf } from './share.ts';
import { maskSecrets } from './source/mask.ts';
import type { StorePlace } from './store/place.ts';
import type { Counts } from './store/store.ts';
import { openVectors } from './store/vectors.ts';
import { within } from './time.ts';
import type { Embedding, Query, Status, Task } from './types.ts';

/** How long a question waits for its embedding: a job of the model that is under way, then its own. A command has more patience than a server. */
const SERVER_WAIT_MS = 1_000;
const COMMAND_WAIT_MS = 30_000;
/** How soon a server that has come to lead shares its model. */
const SHARE_MS = 1_000;
const SHARED_WITHIN_MS = 3 * SHARE_MS;
/** Embeddings of questions that are kept: agents ask the same again, in other words of the same call. */
const QUESTIONS_KEPT = 64;

export type SlowOptions = {
  readonly config: Config;
  readonly model: ModelTraits;
  readonly session: () => Session;
  readonly place: StorePlace;
};

/** The model with what reads the code for it. Nothing is loaded before the first question or chunk. */
export class Slow implements SlowModel {
  readonly name: string;
  readonly dimensions: number;
  readonly hasLanes: boolean;
  readonly behind: Behind;
  /** Where texts are sent to, for a model on a server. */
  readonly #host: string | undefined;
  readonly #session: () => Session;
  /** Where the leader shares its model with the followers. */
  readonly #socket: string | undefined;
  #shared: { close(): void } | undefined;
  #sharing: NodeJS.Timeout | undefined;
  #nobodySinceMs: number | undefined;
  readonly #embedder: ApartEmbedder;
  readonly #kept = new Map<string, Embedding>();
  readonly #asking = new Map<string, Promise<Embedding | undefined>>();
  #waitMs = COMMAND_WAIT_MS;

  constructor({ config, model, session, place }: SlowOptions) {
    const { root, pause, logLevel } = config;
    this.name = model.name;
    this.dimensions = model.dimensions;
    this.hasLanes = model.hasLanes;
    this.#host = model.host;
    this.#session = session;
    this.#socket = socketOf(place.folder, model.id);
    this.#embedder = openApart(
      model,
      { ...settingsOf(config), model: config.model, rememberIn: place.cache },
      logLevel,
    );
    const vectors = openVectors(place.vectorsFile, { dimensions: model.dimensions });
    const { hasLanes } = model;
    this.behind = new Behind({ root, session, embedder: this.#embedder, hasLanes, vectors, pause });
  }

  /** Reads the code whenever there is time, and lets questions wait no longer than agents do. */
  start(): void {
    this.#waitMs = SERVER_WAIT_MS;
    this.behind.start();
    this.#sharing ??= setInterval(() => this.#share(), SHARE_MS).unref();
    this.#share();
  }

  embed({ text, task }: Pick<Query, 'text' | 'task'>): Promise<Embedding | undefined> {
    const key = `${task} ${text}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return Promise.resolve(known);
    // What comes too late for this question is there for the next one.
    const asked = this.#asking.get(key) ?? this.#ask(key, text, task);
    return within(this.#waitMs, asked);
  }

  /** What it is doing, in a few words. */
  status({ chunks, slowEmbedded }: Pick<Counts, 'chunks' | 'slowEmbedded'>): NonNullable<Status['slow']> {
    const { perSecond, paused, failure } = this.behind.state;
    const left = chunks - slowEmbedded;
    const doing =
      left === 0
        ? 'all code is read'
        : failure !== undefined
          ? failure
          : paused !== undefined
            ? `paused (${paused})`
            : perSecond === undefined
              ? "reads behind the leader's answers"
              : `about ${duration(left / perSecond)} left`;
    const host = this.#host;
    return { name: this.name, ...(host && { host }), dimensions: this.dimensions, state: doing };
  }

  want(chunkIds: readonly number[]): void {
    this.behind.promote(chunkIds);
  }

  close(): Promise<void> {
    clearInterval(this.#sharing);
    this.#shared?.close();
    return this.behind.close();
  }

  /** As long as it leads. */
  #share(): void {
    const { leads } = this.#session();
    if (leads && this.#socket !== undefined)
      this.#shared ??= shareModel(this.#socket, (question) => this.embed(question));
    if (!leads) {
      this.#shared?.close();
      this.#shared = undefined;
    }
  }

  #ask(key: string, text: string, task: Task): Promise<Embedding | undefined> {
    const asked = this.#embedQuestion(text, task).then((embedding) => {
      this.#asking.delete(key);
      if (embedding !== undefined) this.#keep(key, embedding);
      return embedding;
    });
    this.#asking.set(key, asked);
    return asked;
  }

  /** Code was masked when it was read; a question, or code that is given with it, was not, and may leave this machine. */
  async #embedQuestion(text: string, task: Task): Promise<Embedding | undefined> {
    const question = { text: this.#host === undefined ? text : await maskSecrets(text), task };
    if (this.#session().leads || this.#socket === undefined) return embedQuery(this.#embedder, question);
    const answer = await askShared(this.#socket, question);
    if (answer !== 'nobody') {
      this.#nobodySinceMs = undefined;
      return answer;
    }
    // Who has just come to lead shares in a moment; one that never does, a command or one without this model, leaves it to each.
    this.#nobodySinceMs ??= this.#sharing === undefined ? 0 : Date.now();
    return Date.now() - this.#nobodySinceMs < SHARED_WITHIN_MS ? undefined : embedQuery(this.#embedder, question);
  }

  #keep(key: string, embedding: Embedding): void {
    this.#kept.set(key, embedding);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > QUESTIONS_KEPT) this.#kept.delete(oldest!);
  }
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5_400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}
