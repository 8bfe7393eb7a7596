/**
 * A static model without ONNX Runtime: one row of int8 per token, summed by weight, made unit length. Equal to the
 * graph in model.onnx, whose initializers it reads: `table` (tokens x dimensions) and `token_weight` (sides x tokens).
 */
import { DowserError } from '../errors.ts';
import type { Embedding, Side } from '../types.ts';
import { FLOAT32, INT8, type Initializer, readInitializers } from './initializers.ts';
import { unitLength } from './pooling.ts';

export type EmbedIds = (ids: readonly number[], side: Side) => Embedding;

/** Rows added in one pass; with 1 the sums are loaded and stored four times as often, at half the speed. */
const ROWS_A_PASS = 4;

/** Reads the weights; the rows stay a view into `model`, so nothing large is held twice. */
export function openTable(model: Uint8Array, dimensions: number): EmbedIds {
  const { rows, tokenWeights } = readWeights(model, dimensions);
  const tokens = rows.length / dimensions;
  const counts = new Uint32Array(tokens);
  const sum = new Float64Array(dimensions);

  return (ids, side) => {
    const sideStart = side === 'query' ? 0 : tokens;
    const distinct = countIds(ids, counts);
    const starts = distinct.map((id) => id * dimensions);
    const weights = distinct.map((id) => tokenWeights[sideStart + id]! * counts[id]!);
    for (const id of distinct) counts[id] = 0;
    for (; starts.length % ROWS_A_PASS !== 0; weights.push(0)) starts.push(0);

    sum.fill(0);
    for (let i = 0; i < starts.length; i += ROWS_A_PASS) addRows(sum, rows, starts, weights, i);
    return unitLength(sum);
  };
}

/** Each different id once, its count left in `counts`: code repeats itself, and a row need not be added twice. */
function countIds(ids: readonly number[], counts: Uint32Array): number[] {
  const distinct: number[] = [];
  for (const id of ids) {
    const count = counts[id];
    if (count === undefined) throw new Error(`token ${id} is not in the table of ${counts.length}`);
    if (count === 0) distinct.push(id);
    counts[id] = count + 1;
  }
  return distinct;
}

function addRows(sum: Float64Array, rows: Int8Array, starts: number[], weights: number[], at: number): void {
  const [a, b, c, d] = [starts[at]!, starts[at + 1]!, starts[at + 2]!, starts[at + 3]!];
  const [wa, wb, wc, wd] = [weights[at]!, weights[at + 1]!, weights[at + 2]!, weights[at + 3]!];
  for (let i = 0; i < sum.length; i++) {
    sum[i]! += wa * rows[a + i]! + wb * rows[b + i]! + wc * rows[c + i]! + wd * rows[d + i]!;
  }
}

function readWeights(model: Uint8Array, dimensions: number): { rows: Int8Array; tokenWeights: Float32Array } {
  try {
    const initializers = readInitializers(model);
    const table = expectTensor(initializers, 'table', INT8, 1);
    const weight = expectTensor(initializers, 'token_weight', FLOAT32, 4);
    const [tokens] = table.dims;
    if (table.dims.length !== 2 || table.dims[1] !== dimensions) throw new Error(`table is [${table.dims}]`);
    if (weight.dims.length !== 2 || weight.dims[0] !== 2 || weight.dims[1] !== tokens) {
      throw new Error(`token_weight is [${weight.dims}] for a table of [${table.dims}]`);
    }
    // Copied, because floats inside the file need not lie on a multiple of four.
    const tokenWeights = new Float32Array(new Uint8Array(weight.raw).buffer);
    return { rows: new Int8Array(table.raw.buffer, table.raw.byteOffset, table.raw.length), tokenWeights };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DowserError('model_damaged', `model.onnx is not a static model (${reason}). Reinstall dowser.`, {
      cause,
    });
  }
}

function expectTensor(
  initializers: ReadonlyMap<string, Initializer>,
  name: string,
  dataType: number,
  itemBytes: number,
): Initializer {
  const tensor = initializers.get(name);
  if (tensor === undefined) throw new Error(`it has no initializer named ${name}`);
  if (tensor.dataType !== dataType) throw new Error(`${name} has element type ${tensor.dataType}, not ${dataType}`);
  const items = tensor.dims.reduce((product, dim) => product * dim, 1);
  if (tensor.raw.length !== items * itemBytes)
    throw new Error(`${name} has ${tensor.raw.length} bytes for [${tensor.dims}]`);
  return tensor;
}
