/** Token ids -> what a model is fed: each of its inputs by name, in the type it declares. */
import type { Side } from '../types.ts';
import type { LocalManifest } from './manifest.ts';
import type { Feeds, OnnxLibrary, OnnxSession, ValueMetadata } from './onnx.ts';

/** Texts of one run: their ids, none empty, which are filled up on one side to the same width. */
export type Batch = {
  readonly rows: readonly (readonly number[])[];
  readonly width: number;
  readonly padding: 'left' | 'right';
};

export type MakeFeeds = (batch: Batch, side: Side) => Feeds;

/** Inputs of a whole number for each token. `place` counts the tokens of a text from 0; padding is not counted. */
const TOKEN_INPUTS: Readonly<Record<string, { token(id: number, place: number): number; padding: number }>> = {
  input_ids: { token: (id) => id, padding: 0 },
  attention_mask: { token: () => 1, padding: 0 },
  // As the reference library has it: the running sum of the mask, less one; 1 where there is nothing.
  position_ids: { token: (_id, place) => place, padding: 1 },
  token_type_ids: { token: () => 0, padding: 0 },
};

/** Keys and values of the tokens before the first, of models made to go on writing: [texts, heads, 0, size of a head]. */
const PAST = /^past_key_values\.\d+\.(key|value)$/;

export function batchOf(rows: Batch['rows'], padding: Batch['padding']): Batch {
  return { rows, padding, width: Math.max(...rows.map((row) => row.length)) };
}

/** The column of a text's first token. */
export function firstColumn({ rows, width, padding }: Batch, row: number): number {
  return padding === 'left' ? width - rows[row]!.length : 0;
}

/** Reads from the model what it is fed. Throws an Error that names an input which nothing is known for. */
export function openFeeds({ Tensor }: OnnxLibrary, session: OnnxSession, { inputs }: LocalManifest): MakeFeeds {
  const known = new Map(Object.keys(TOKEN_INPUTS).map((name) => [name, name]));
  if (inputs !== undefined) known.set(inputs.ids, 'input_ids').set(inputs.mask, 'attention_mask');
  const makers = session.inputNames.map((name, at): ((batch: Batch, side: Side) => object) => {
    const metadata = session.inputMetadata[at];
    if (name === inputs?.side) {
      return (_batch, side) => new Tensor('int64', BigInt64Array.of(side === 'query' ? 0n : 1n), [1]);
    }
    if (PAST.test(name)) return emptyPast(Tensor, metadata);
    const input = TOKEN_INPUTS[known.get(name) ?? ''];
    if (input === undefined) throw new Error(`it wants an input "${name}", which dowser knows nothing of`);
    return (batch) => tokenTensor(Tensor, metadata?.type ?? 'int64', batch, input);
  });
  return (batch, side) => Object.fromEntries(session.inputNames.map((name, at) => [name, makers[at]!(batch, side)]));
}

function tokenTensor(
  Tensor: OnnxLibrary['Tensor'],
  type: string,
  batch: Batch,
  { token, padding }: (typeof TOKEN_INPUTS)[string],
): object {
  const values = new Int32Array(batch.rows.length * batch.width).fill(padding);
  batch.rows.forEach((ids, row) => {
    const start = row * batch.width + firstColumn(batch, row);
    ids.forEach((id, place) => {
      values[start + place] = token(id, place);
    });
  });
  const dims = [batch.rows.length, batch.width];
  return type === 'int32'
    ? new Tensor(type, values, dims)
    : new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
}

function emptyPast(Tensor: OnnxLibrary['Tensor'], metadata: ValueMetadata | undefined): (batch: Batch) => object {
  const [, heads, , size] = metadata?.shape ?? [];
  if (typeof heads !== 'number' || typeof size !== 'number') {
    throw new Error(`it does not say how many heads "${metadata?.name}" has`);
  }
  const isHalf = metadata?.type === 'float16';
  return ({ rows }) =>
    new Tensor(isHalf ? 'float16' : 'float32', isHalf ? new Uint16Array(0) : new Float32Array(0), [
      rows.length,
      heads,
      0,
      size,
    ]);
}
