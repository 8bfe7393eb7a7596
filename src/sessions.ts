/** Who writes an index: opens it as leader or follower, takes over from a leader that is gone, and reopens what was replaced. */
import { log } from './log.ts';
import { type Leader, openLeader } from './store/leader.ts';
import type { StorePlace } from './store/place.ts';
import type { Store } from './store/store.ts';
import type { Sync } from './sync.ts';

/** A store and what keeps it in step, for as long as this process has one and the same right to write. */
export type Session = { readonly store: Store; readonly sync: Sync; readonly leads: boolean };

/** Opens the store with, or without, the right to write. */
export type OpenSession = (leads: boolean) => Session;

export class Sessions {
  readonly #open: OpenSession;
  readonly #leader: Leader;
  /** Stores of sessions that ended: questions under way may still read them. */
  readonly #retired: Store[] = [];
  #session: Session;
  #changing: Promise<boolean> | undefined;
  #closed = false;
  /** Called after this process took the lead. */
  onLead: () => void = () => {};

  constructor({ lockFile }: StorePlace, open: OpenSession) {
    this.#open = open;
    this.#leader = openLeader(lockFile);
    try {
      this.#session = open(this.#leader.tryLead());
    } catch (error) {
      // Whoever tries next, in this process too, must be able to lead.
      this.#leader.release();
      throw error;
    }
  }

  get current(): Session {
    return this.#session;
  }

  /** A follower whose leader is gone takes over, once however many ask: same file, now with the right to write. */
  leadIfFree(): Promise<boolean> {
    if (this.#closed || this.#session.leads) return Promise.resolve(this.#session.leads);
    return this.#once(() => this.#takeOver());
  }

  /** An index that was set aside or removed under this process is read, and written, no more: there is another, or none. */
  async reopenReplaced(): Promise<void> {
    const isValid = !this.#session.leads || this.#leader.isValid();
    if (this.#closed || (isValid && !this.#session.store.health().includes('store_replaced'))) return;
    await this.#once(async () => {
      if (!this.#leader.isValid()) this.#leader.resign();
      await this.#replace(() => this.#leader.tryLead());
      log.info('the index was replaced; opened it anew');
      return this.#session.leads;
    });
  }

  /** When no take-over is under way, or this one has ended, however it ended. */
  async settled(): Promise<void> {
    await this.#changing?.catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#session.sync.close();
  }

  /** After nothing reads any more. */
  release(): void {
    for (const store of [...this.#retired, this.#session.store]) store.close();
    this.#leader.release();
  }

  #once(change: () => Promise<boolean>): Promise<boolean> {
    this.#changing ??= change().finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  async #takeOver(): Promise<boolean> {
    if (!this.#leader.tryLead()) return false;
    await this.#replace(() => true);
    if (this.#closed) return false;
    log.info('took over as leader');
    this.onLead();
    return true;
  }

  async #replace(leads: () => boolean): Promise<void> {
    const old = this.#session;
    await old.sync.close();
    if (this.#closed) return;
    this.#session = this.#open(leads());
    this.#retired.push(old.store);
  }
}
