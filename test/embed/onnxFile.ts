/** Writes a small ONNX file: as much of protocol buffers and onnx.proto as a test model needs. */

type Tensor = { name: string; dataType: 1 | 3 | 7; dims: number[]; data: Uint8Array };
type Node = { op: string; inputs: string[]; output: string; attributes?: Record<string, number | number[]> };

export type Graph = {
  nodes: Node[];
  initializers: Tensor[];
  inputs: { name: string; dims: (string | number)[] }[];
  output: { name: string; dims: (string | number)[] };
};

export function writeOnnx({ nodes, initializers, inputs, output }: Graph): Uint8Array {
  const graph = concat(
    ...nodes.map((node) => field(1, writeNode(node))),
    text(2, 'tiny'),
    ...initializers.map((tensor) => field(5, writeTensor(tensor))),
    ...inputs.map(({ name, dims }) => field(11, writeValue(name, 7, dims))),
    field(12, writeValue(output.name, 1, output.dims)),
  );
  const opset = number(2, 17);
  return concat(number(1, 8), text(2, 'dowser tests'), field(7, graph), field(8, opset));
}

export function writeTensor({ name, dataType, dims, data }: Tensor): Uint8Array {
  return concat(...dims.map((dim) => number(1, dim)), number(2, dataType), text(8, name), field(9, data));
}

export function field(id: number, bytes: Uint8Array): Uint8Array {
  return concat(varint(id * 8 + 2), varint(bytes.length), bytes);
}

export function number(id: number, value: number): Uint8Array {
  return concat(varint(id * 8), varint(value));
}

export function text(id: number, value: string): Uint8Array {
  return field(id, new TextEncoder().encode(value));
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function writeNode({ op, inputs, output, attributes = {} }: Node): Uint8Array {
  const written = Object.entries(attributes).map(([name, value]) => field(5, writeAttribute(name, value)));
  return concat(...inputs.map((input) => text(1, input)), text(2, output), text(3, output), text(4, op), ...written);
}

function writeAttribute(name: string, value: number | number[]): Uint8Array {
  if (typeof value === 'number') return concat(text(1, name), number(3, value), number(20, 2));
  return concat(text(1, name), ...value.map((item) => number(8, item)), number(20, 7));
}

function writeValue(name: string, dataType: number, dims: (string | number)[]): Uint8Array {
  const shape = dims.map((dim) => field(1, typeof dim === 'string' ? text(2, dim) : number(1, dim)));
  return concat(text(1, name), field(2, field(1, concat(number(1, dataType), field(2, concat(...shape))))));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return Uint8Array.of(...bytes, value);
}
