/** Keeps a long loop from holding the thread that answers. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DowserError } from '../errors.ts';

/** Longest run of work at a stretch: well under what a waiting question would notice. */
const STRETCH_MS = 8;

/** In a loop: `if (pacer.isDue()) await pacer.rest();`. */
export class Pacer {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  isDue(): boolean {
    return performance.now() - this.#since >= STRETCH_MS;
  }

  /** Lets others run. Throws DowserError('cancelled') once the signal is aborted. */
  async rest(): Promise<void> {
    await nextTurn();
    if (this.#signal?.aborted) throw new DowserError('cancelled', 'The listing was cancelled.');
    this.#since = performance.now();
  }
}
