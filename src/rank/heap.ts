/** A queue that gives the highest first. Of equal ones, the first pushed comes first, so that the order never depends on chance. */

type Entry<Item> = { readonly rank: number; readonly turn: number; readonly item: Item };

export class Heap<Item> {
  readonly #entries: Entry<Item>[] = [];
  #turn = 0;

  /** The highest rank, -Infinity when empty. */
  get top(): number {
    return this.#entries[0]?.rank ?? Number.NEGATIVE_INFINITY;
  }

  push(rank: number, item: Item): void {
    const entry = { rank, turn: this.#turn++, item };
    let at = this.#entries.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!comesFirst(entry, this.#entries[above]!)) break;
      this.#entries[at] = this.#entries[above]!;
      at = above;
    }
    this.#entries[at] = entry;
  }

  /** Throws when empty. */
  pop(): Item {
    const first = this.#entries[0];
    const last = this.#entries.pop();
    if (first === undefined || last === undefined) throw new Error('the heap is empty');
    if (this.#entries.length > 0) this.#sink(last);
    return first.item;
  }

  #sink(entry: Entry<Item>): void {
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#entries.length) break;
      if (below + 1 < this.#entries.length && comesFirst(this.#entries[below + 1]!, this.#entries[below]!)) below++;
      if (!comesFirst(this.#entries[below]!, entry)) break;
      this.#entries[at] = this.#entries[below]!;
      at = below;
    }
    this.#entries[at] = entry;
  }
}

function comesFirst(one: Entry<unknown>, other: Entry<unknown>): boolean {
  return one.rank > other.rank || (one.rank === other.rank && one.turn < other.turn);
}
