/** So many at once; who waits comes in the order of asking, but for those who go first. */
export class Turns {
  #free: number;
  readonly #first: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Resolves to what ends the turn. */
  async take(goesFirst: boolean): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => (goesFirst ? this.#first : this.#waiting).push(resolve));
    return () => {
      const next = this.#first.shift() ?? this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }
}
