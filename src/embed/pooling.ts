/** What a model puts out -> one embedding a text. */
import type { Embedding } from '../types.ts';
import { type Batch, firstColumn } from './feeds.ts';
import type { LocalManifest, Pooling } from './manifest.ts';
import type { OnnxOutput, OnnxSession } from './onnx.ts';

/** Outputs by the names that exports give them, the likeliest first; of a whole text, and of each token. */
const POOLED_OUTPUTS = ['embeddings', 'sentence_embedding', 'text_embeds', 'pooler_output'];
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings', 'hidden_states', 'embeddings'];

/**
 * The output that the manifest names; else the first of a known name, or of any name, with as many dimensions as
 * pooling needs. Throws an Error that lists them when there is none.
 */
export function chooseOutput(session: OnnxSession, { output, pooling, dimensions }: LocalManifest): string {
  const { outputNames, outputMetadata } = session;
  if (output !== undefined) {
    if (outputNames.includes(output)) return output;
    throw new Error(`it has no output "${output}", but ${outputNames.join(', ')}`);
  }
  const rank = pooling === 'none' ? 2 : 3;
  const fitting = outputNames.filter((_name, at) => {
    const shape = outputMetadata[at]?.shape;
    return (
      shape === undefined ||
      (shape.length === rank && (typeof shape.at(-1) === 'string' || shape.at(-1) === dimensions))
    );
  });
  const names = pooling === 'none' ? POOLED_OUTPUTS : TOKEN_OUTPUTS;
  const chosen = names.find((name) => fitting.includes(name)) ?? fitting[0];
  if (chosen !== undefined) return chosen;
  throw new Error(
    `none of its outputs (${outputNames.join(', ')}) is of ${dimensions} dimensions to pool by "${pooling}"`,
  );
}

/** One embedding for each row of the batch, of any length. Throws an Error when the output has another form. */
export function pool(output: OnnxOutput | undefined, batch: Batch, pooling: Pooling, dimensions: number): Embedding[] {
  const { rows, width } = batch;
  const places = pooling === 'none' ? rows.length : rows.length * width;
  const values = floatsOf(output?.data);
  if (values === undefined || values.length !== places * dimensions) {
    throw new Error(`the model's output is not ${places} x ${dimensions} floats`);
  }
  return rows.map((ids, row) => {
    const embedding = new Float32Array(dimensions);
    const add = (place: number): void => {
      const start = place * dimensions;
      for (let i = 0; i < dimensions; i++) embedding[i]! += values[start + i]!;
    };
    const first = row * width + firstColumn(batch, row);
    const last = first + ids.length - 1;
    if (pooling === 'none') add(row);
    else if (pooling === 'mean') for (let place = first; place <= last; place++) add(place);
    else add(pooling === 'cls' ? first : last);
    return embedding;
  });
}

/** A copy of unit length; zeros stay zeros, and what is not a number stays so. */
export function unitLength(values: ArrayLike<number>): Embedding {
  const embedding = new Float32Array(values.length);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  if (squares === 0) return embedding;
  const scale = 1 / Math.sqrt(squares);
  for (let i = 0; i < values.length; i++) embedding[i] = values[i]! * scale;
  return embedding;
}

/** The cosine of two embeddings, as far as the shorter one goes; NaN where one is zeros. */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, squaresA, squaresB] = [0, 0, 0];
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    dot += a[i]! * b[i]!;
    squaresA += a[i]! ** 2;
    squaresB += b[i]! ** 2;
  }
  return dot / Math.sqrt(squaresA * squaresB);
}

/** Where there is no Float16Array (before Node 24), halves come as their bits. */
function floatsOf(data: unknown): ArrayLike<number> | undefined {
  if (data instanceof Uint16Array) return Float32Array.from(data, halfOf);
  const isFloats = data instanceof Float32Array || Object.prototype.toString.call(data) === '[object Float16Array]';
  return isFloats ? (data as ArrayLike<number>) : undefined;
}

/** The number that 16 bits stand for (IEEE 754 binary16). */
export function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
