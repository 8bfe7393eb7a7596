/**
 * What every row of the faults table is: one kind of fault, how often it is made, and what was lost. A row lies in a file of
 * its own, which exports it under the file's name (`export const shutdown: Row =` in shutdown.ts): run.ts finds it there.
 */

/** What a run of a row is given. */
export type Context = {
  /** How many faults to make. */
  readonly count: number;
  /** The same seed makes the same faults. */
  readonly seed: number;
  /** A new private folder that is removed when the row has ended. */
  folder(): string;
  /** Says how far the row is. */
  progress(done: number, of: number): void;
};

export type Outcome = {
  /** Faults that were made. */
  readonly faults: number;
  /** What each lost, torn, stale or leaked thing was, with how to see it again. Empty is the promise kept. */
  readonly losses: readonly string[];
  /** Of the faults that dowser ought to tell of, how many it told; undefined where there is nothing to tell. */
  readonly reported?: { readonly told: number; readonly due: number };
  /** What the same faults do without the protection: a control that loses nothing proves that the row can't see a loss. */
  readonly control: { readonly losses: number; readonly of: number; readonly how: string };
  /** Figures worth a reader's time. */
  readonly notes: readonly string[];
};

export type Row = {
  readonly name: string;
  /** One sentence: what is promised. */
  readonly promise: string;
  readonly counts: { readonly quick: number; readonly full: number };
  run(context: Context): Promise<Outcome>;
};

/** Numbers that are the same on every run: below `below`, whole. */
export type Random = (below: number) => number;

/** Park and Miller's generator: small, seeded, good enough to choose faults with. */
export function randomFrom(seed: number): Random {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}
