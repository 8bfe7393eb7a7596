/** The index of a server that already listens: its root is settled and it is opened behind the handshake, once. */
import { DowserError } from '../errors.ts';
import { log } from '../log.ts';
import type { CodeIndex } from '../types.ts';

/** Longest that a tool call waits for the index to open; clients give a call 60 s. */
const OPEN_WAIT_MS = 20_000;

/** Opens the index. `clientRoots` are the `file:` URLs that the client named, to be preferred to the working folder. */
export type OpenIndex = (clientRoots: readonly string[]) => Promise<CodeIndex>;

export class LateIndex {
  readonly #open: OpenIndex;
  readonly #rootIsConfigured: boolean;
  #opening: Promise<CodeIndex> | undefined;
  #clientRoots: Promise<readonly string[]> | undefined;
  #closed = false;

  /** With a configured root, clients are not asked for theirs. */
  constructor(open: OpenIndex, rootIsConfigured: boolean) {
    this.#open = open;
    this.#rootIsConfigured = rootIsConfigured;
  }

  /** True as long as a client that can name roots should be asked for them before the index is opened. */
  get wantsRoots(): boolean {
    return !this.#rootIsConfigured && this.#clientRoots === undefined;
  }

  /** Opens in the background. The first caller's roots count. */
  begin(clientRoots: Promise<readonly string[]> | readonly string[] = []): void {
    if (this.#closed) return;
    this.#clientRoots ??= Promise.resolve(clientRoots);
    if (this.#opening !== undefined) return;
    const opening = this.#clientRoots.then((roots) => this.#open(roots));
    this.#opening = opening;
    opening.catch((error: unknown) => {
      log.warn('the index could not be opened', {
        reason: error instanceof DowserError ? error.message : String(error),
      });
      this.#opening = undefined; // the next call tries again
    });
  }

  /** The open index. Throws why it could not be opened, and DowserError('cancelled') when it takes too long or the caller went away. */
  async get(signal: AbortSignal): Promise<CodeIndex> {
    this.begin();
    if (this.#opening === undefined) throw new DowserError('cancelled', 'The server is shutting down.');
    let giveUp = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new DowserError('store_unusable', 'The index is still being opened. Ask again in some seconds.'));
      }, OPEN_WAIT_MS);
      const cancel = (): void => reject(new DowserError('cancelled', 'The call was cancelled.'));
      signal.addEventListener('abort', cancel);
      if (signal.aborted) cancel();
      giveUp = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
      };
    });
    return Promise.race([this.#opening, late]).finally(giveUp);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const index = await this.#opening?.catch(() => undefined);
    await index?.close();
  }
}
