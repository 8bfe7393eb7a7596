/** Learns weights of a sum of signals from lists of candidates: each right file against all that are not right. */

/** One question: the signals of its candidates, `signals` row by row, their files, and which files are right. */
export type Listed = {
  readonly group: string;
  readonly signals: Float64Array;
  readonly files: Int32Array;
  readonly rightFiles: ReadonlySet<number>;
};

/** How sharply a lead counts: at 5, a file ahead by 0.5 is as good as chosen. 4 to 6 learn the same to 0.003. */
const SHARPNESS = 5;

/**
 * What a weight pays for each squared unit that it leaves its start, since 17 repositories can't tell small moves from
 * chance: 0.03 to 0.1 score the same on the half not learned from, 0.01 loses 0.003 there and 0.003 loses 0.007.
 */
const DISTANCE_COST = 0.05;
const STEPS = 150;
const RATE = 0.04;

/** Adam's constants, as Kingma and Ba (2015) give them. */
const MEAN_DECAY = 0.9;
const SQUARE_DECAY = 0.999;

/**
 * Minimises the softmax loss of each right file among the wrong ones (a file counts as its best chunk; every group of
 * questions weighs the same) by gradient descent from `start`. A weight keeps its start's sign or becomes 0.
 */
export function learn(lists: readonly Listed[], start: readonly number[]): number[] {
  const answerable = lists.filter(({ rightFiles }) => rightFiles.size > 0);
  const groupSizes = new Map<string, number>();
  for (const { group } of answerable) groupSizes.set(group, (groupSizes.get(group) ?? 0) + 1);
  const weights = [...start];
  const means = start.map(() => 0);
  const squares = start.map(() => 0);
  for (let step = 1; step <= STEPS; step++) {
    const gradient = weights.map((weight, at) => 2 * DISTANCE_COST * (weight - start[at]!));
    for (const list of answerable) {
      addGradient(list, weights, 1 / groupSizes.get(list.group)! / groupSizes.size, gradient);
    }
    gradient.forEach((slope, at) => {
      means[at] = MEAN_DECAY * means[at]! + (1 - MEAN_DECAY) * slope;
      squares[at] = SQUARE_DECAY * squares[at]! + (1 - SQUARE_DECAY) * slope * slope;
      const mean = means[at]! / (1 - MEAN_DECAY ** step);
      const square = squares[at]! / (1 - SQUARE_DECAY ** step);
      const moved = weights[at]! - (RATE * mean) / (Math.sqrt(square) + 1e-8);
      weights[at] = moved * start[at]! > 0 ? moved : 0;
    });
  }
  return weights;
}

/** Adds the slope of one question's loss, times `share`, to `gradient`. */
function addGradient(list: Listed, weights: readonly number[], share: number, gradient: number[]): void {
  const best = bestChunks(list, weights);
  const wrong = best.filter(({ file }) => !list.rightFiles.has(file));
  const right = best.filter(({ file }) => list.rightFiles.has(file));
  const top = Math.max(...wrong.map(({ score }) => score));
  const parts = wrong.map(({ score }) => Math.exp(SHARPNESS * (score - top)));
  const partsSum = parts.reduce((sum, part) => sum + part, 0);
  const wrongSum = SHARPNESS * top + Math.log(partsSum);
  for (const one of right) {
    const missed = wrong.length === 0 ? 0 : 1 / (1 + Math.exp(SHARPNESS * one.score - wrongSum));
    const slope = (SHARPNESS * share * missed) / right.length;
    addRow(list, one.row, -slope, gradient);
    wrong.forEach(({ row }, at) => void addRow(list, row, (slope * parts[at]!) / partsSum, gradient));
  }
}

function addRow({ signals }: Listed, row: number, times: number, gradient: number[]): void {
  for (let at = 0; at < gradient.length; at++) gradient[at]! += times * signals[row * gradient.length + at]!;
}

/** Each file's best chunk under these weights. */
function bestChunks({ signals, files }: Listed, weights: readonly number[]) {
  const best = new Map<number, { file: number; row: number; score: number }>();
  files.forEach((file, row) => {
    let score = 0;
    for (let at = 0; at < weights.length; at++) score += weights[at]! * signals[row * weights.length + at]!;
    const known = best.get(file);
    if (known === undefined || known.score < score) best.set(file, { file, row, score });
  });
  return [...best.values()];
}
