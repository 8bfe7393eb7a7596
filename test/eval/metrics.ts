/** NDCG as the outside benchmark's protocol defines it: one unit of gain per rank at which a target is first hit. */

/** A labelled place: a file, or lines of it. */
export type Target = { readonly path: string; readonly startLine?: number; readonly endLine?: number };

/** One line of an answer. Paths relative to the repository's root; lines from 1, both ends included. */
export type Place = { readonly path: string; readonly startLine: number; readonly endLine: number };

/** True when a result lies in the target's file (equal paths, or one ends with `/` and the other) and meets its lines. */
export function hits(place: Place, target: Target): boolean {
  const same =
    place.path === target.path || place.path.endsWith(`/${target.path}`) || target.path.endsWith(`/${place.path}`);
  if (!same || target.startLine === undefined || target.endLine === undefined) return same;
  return place.startLine <= target.endLine && target.startLine <= place.endLine;
}

/** NDCG at `depth`, 0 to 1. Targets first hit at the same rank share one unit of gain; the ideal counts every target. */
export function ndcg(places: readonly Place[], targets: readonly Target[], depth = 10): number {
  if (targets.length === 0) return 0;
  const ranks = new Set<number>();
  for (const target of targets) {
    const at = places.slice(0, depth).findIndex((place) => hits(place, target));
    if (at !== -1) ranks.add(at + 1);
  }
  const gain = [...ranks].reduce((sum, rank) => sum + 1 / Math.log2(rank + 1), 0);
  let ideal = 0;
  for (let rank = 1; rank <= Math.min(depth, targets.length); rank++) ideal += 1 / Math.log2(rank + 1);
  return gain / ideal;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean of each group's mean: every repository weighs the same however many questions it has. */
export function macro<Row>(rows: readonly Row[], groupOf: (row: Row) => string, measure: (row: Row) => number): number {
  return mean([...groups(rows, groupOf).values()].map((group) => mean(group.map(measure))));
}

export function groups<Row>(rows: readonly Row[], groupOf: (row: Row) => string): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) {
    const group = found.get(groupOf(row));
    if (group === undefined) found.set(groupOf(row), [row]);
    else group.push(row);
  }
  return found;
}

/** Nearest-rank percentile, `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** Rounds of the bootstrap, and the seed that makes them the same every time. */
const BOOTSTRAP_ROUNDS = 2_000;
const BOOTSTRAP_SEED = 20_261_123;

/**
 * 95 % interval of a figure (`macro`, if none is given) by bootstrap: repositories are drawn with replacement, and in each
 * its questions. One repository alone is no sample of repositories: its interval tells of its questions only.
 */
export function interval(
  values: readonly (readonly number[])[],
  figure: (drawn: readonly (readonly number[])[]) => number = (drawn) => mean(drawn.map(mean)),
): [low: number, high: number] {
  const random = randomFrom(BOOTSTRAP_SEED);
  const draw = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const figures: number[] = [];
  for (let round = 0; round < BOOTSTRAP_ROUNDS; round++) {
    const drawn = values.map(() => {
      const group = draw(values);
      return group.map(() => draw(group));
    });
    figures.push(figure(drawn));
  }
  return [percentile(figures, 0.025), percentile(figures, 0.975)];
}

/** Numbers from 0 to 1 that only the seed decides (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
