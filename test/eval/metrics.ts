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
