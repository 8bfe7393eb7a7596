/** Reads the weights out of an ONNX file: as much of protocol buffers as that needs, every length checked. */

/** ONNX's numbers for the element types that we read. */
export const FLOAT32 = 1;
export const INT8 = 3;

export type Initializer = {
  readonly dims: readonly number[];
  readonly dataType: number;
  /** A view into the file, little-endian. */
  readonly raw: Uint8Array;
};

// Field numbers of onnx.proto: ModelProto.graph, GraphProto.initializer, TensorProto.*
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_DIMS = 1;
const TENSOR_DATA_TYPE = 2;
const TENSOR_NAME = 8;
const TENSOR_RAW_DATA = 9;
const TENSOR_EXTERNAL_DATA = 13;
const TENSOR_DATA_LOCATION = 14;

/** Initializers that carry raw data, by name. Throws when the bytes are not an ONNX model or keep data elsewhere. */
export function readInitializers(model: Uint8Array): Map<string, Initializer> {
  const found = new Map<string, Initializer>();
  for (const graph of fields(model)) {
    if (graph.number !== MODEL_GRAPH) continue;
    for (const tensor of fields(bytesOf(graph))) {
      if (tensor.number !== GRAPH_INITIALIZER) continue;
      const { name, ...initializer } = readTensor(bytesOf(tensor));
      found.set(name, initializer);
    }
  }
  return found;
}

function readTensor(bytes: Uint8Array): Initializer & { name: string } {
  let name = '';
  let dataType = 0;
  let raw: Uint8Array = new Uint8Array();
  const dims: number[] = [];
  for (const field of fields(bytes)) {
    if (field.number === TENSOR_NAME) name = new TextDecoder().decode(bytesOf(field));
    else if (field.number === TENSOR_DATA_TYPE) dataType = numberOf(field);
    else if (field.number === TENSOR_RAW_DATA) raw = bytesOf(field);
    else if (field.number === TENSOR_DIMS) for (const dim of dimsOf(field)) dims.push(dim);
    else if (field.number === TENSOR_EXTERNAL_DATA || (field.number === TENSOR_DATA_LOCATION && field.value !== 0)) {
      throw new Error('the model keeps weights outside its file');
    }
  }
  return { name, dims, dataType, raw };
}

/** One field of a message: `bytes` when it has a length, else `value`. */
type Field = { readonly number: number; readonly value: number; readonly bytes?: Uint8Array };

function* fields(message: Uint8Array): Generator<Field> {
  const at = { bytes: message, offset: 0 };
  while (at.offset < message.length) {
    const tag = varint(at);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) yield { number, value: varint(at) };
    else if (wireType === 1) skip(at, 8);
    else if (wireType === 5) skip(at, 4);
    else if (wireType === 2) {
      const length = varint(at);
      const start = at.offset;
      skip(at, length);
      yield { number, value: 0, bytes: message.subarray(start, at.offset) };
    } else throw new Error(`not an ONNX file: wire type ${wireType}`);
  }
}

type Cursor = { readonly bytes: Uint8Array; offset: number };

function skip(at: Cursor, length: number): void {
  if (length > at.bytes.length - at.offset) throw new Error('not an ONNX file: a field ends beyond it');
  at.offset += length;
}

/** A varint as a number; exact up to 2^53, and nothing that we read comes near. */
function varint(at: Cursor): number {
  let value = 0;
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const byte = at.bytes[at.offset];
    if (byte === undefined) throw new Error('not an ONNX file: it ends within a number');
    at.offset++;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw new Error('not an ONNX file: a number without end');
}

/** Writers put dimensions one by one or packed into one field; both are legal. */
function* dimsOf(field: Field): Generator<number> {
  if (field.bytes === undefined) return yield field.value;
  const at = { bytes: field.bytes, offset: 0 };
  while (at.offset < at.bytes.length) yield varint(at);
}

function bytesOf(field: Field): Uint8Array {
  if (field.bytes === undefined) throw new Error(`not an ONNX file: field ${field.number} has no length`);
  return field.bytes;
}

function numberOf(field: Field): number {
  if (field.bytes !== undefined) throw new Error(`not an ONNX file: field ${field.number} has a length`);
  return field.value;
}
