/** Logistic regression for the few clues of a calibration: small enough to be solved exactly, by Newton's method. */

export type Example = { readonly clues: readonly number[]; readonly yes: boolean; readonly weight: number };
export type Model = { readonly offset: number; readonly weights: readonly number[] };

/** Keeps weights of clues that tell nothing near 0; clues are scaled to unit spread first, so it means the same for each. */
const RIDGE = 1;
const ROUNDS = 30;

/** Weights on the clues as given. Example weights are made to sum to 1,000, so that RIDGE weighs the same for any number. */
export function fitLogistic(examples: readonly Example[]): Model {
  const count = examples[0]!.clues.length;
  const total = examples.reduce((sum, { weight }) => sum + weight, 0) / 1_000;
  const columns = Array.from({ length: count }, (_, at) => spreadOf(examples.map(({ clues }) => clues[at]!)));
  const rows = examples.map(({ clues, yes, weight }) => ({
    x: [...clues.map((clue, at) => (clue - columns[at]!.mean) / columns[at]!.spread), 1],
    y: yes ? 1 : 0,
    weight: weight / total,
  }));
  let solution = new Array<number>(count + 1).fill(0);
  for (let round = 0; round < ROUNDS; round++) {
    const slope = solution.map((value, at) => (at === count ? 0 : RIDGE * value));
    const curve = solution.map((_, i) => solution.map((_, j) => (i === j && i < count ? RIDGE : 0)));
    for (const { x, y, weight } of rows) {
      const chance = 1 / (1 + Math.exp(-x.reduce((sum, value, at) => sum + value * solution[at]!, 0)));
      for (let i = 0; i <= count; i++) {
        slope[i]! += weight * (chance - y) * x[i]!;
        for (let j = 0; j <= count; j++) curve[i]![j]! += weight * chance * (1 - chance) * x[i]! * x[j]!;
      }
    }
    const step = solve(curve, slope);
    solution = solution.map((value, at) => value - step[at]!);
  }
  const weights = columns.map(({ spread }, at) => solution[at]! / spread);
  const offset = solution[count]! - weights.reduce((sum, weight, at) => sum + weight * columns[at]!.mean, 0);
  return { offset, weights };
}

function spreadOf(values: readonly number[]): { mean: number; spread: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, spread: Math.sqrt(square) + 1e-9 };
}

/** Solves a small symmetric system by elimination with row exchange. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, at) => [...row, right[at]!]);
  for (let at = 0; at < rows.length; at++) {
    let best = at;
    for (let i = at + 1; i < rows.length; i++) if (Math.abs(rows[i]![at]!) > Math.abs(rows[best]![at]!)) best = i;
    [rows[at], rows[best]] = [rows[best]!, rows[at]!];
    for (let i = 0; i < rows.length; i++) {
      if (i === at) continue;
      const factor = rows[i]![at]! / rows[at]![at]!;
      for (let j = at; j <= rows.length; j++) rows[i]![j]! -= factor * rows[at]![j]!;
    }
  }
  return rows.map((row, at) => row[rows.length]! / row[at]!);
}
