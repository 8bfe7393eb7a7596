/** Makes a model folder of exactly the bundled model's form, in a few hundred tokens with random weights. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashBytes } from '../../src/hash.ts';
import { type Graph, writeOnnx } from './onnxFile.ts';

export const DIMENSIONS = 256;

const WORDS =
  'return function const let class def self this if else for while import from export async await new null true false ' +
  'read write open close parse url file path http request response handler error json string number list map set get ' +
  'put delete index search query token split merge sort hash cache lock thread worker test assert expect user name';
const SYLLABLES = 'ing er ed tion able ize ly re un con pre es';

/** Tokens in order of their ids. The letters make every word of ASCII known; a word of others is not. */
const VOCABULARY = [
  '[PAD]',
  '[UNK]',
  ...'0123456789abcdefghijklmnopqrstuvwxyz'.split(''),
  ...WORDS.split(' '),
  ...SYLLABLES.split(' '),
];

/** Writes the folder and returns its path. `changes` replace fields of the manifest. */
export function writeTinyModel(modelsDir: string, name = 'tiny', changes: Record<string, unknown> = {}): string {
  const folder = join(modelsDir, name);
  mkdirSync(folder, { recursive: true });
  const files = { 'model.onnx': makeModel(), 'tokenizer.json': Buffer.from(JSON.stringify(makeTokenizer())) };
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, file), bytes);
  const none = { query: '', passage: '' };
  const manifest = {
    name,
    kind: 'static',
    version: 1,
    dimensions: DIMENSIONS,
    matryoshka: [DIMENSIONS],
    maxTokens: 512,
    pooling: 'none',
    inputs: { ids: 'input_ids', mask: 'attention_mask', side: 'side' },
    output: 'embeddings',
    prefixes: { nl2code: none, qa: none, code2code: none, code2nl: none, code2completion: none },
    sides: { code2code: { query: 'passage' }, code2completion: { query: 'passage' } },
    licence: 'MIT',
    files: Object.fromEntries(
      Object.entries(files).map(([file, bytes]) => [file, { sha256: hashBytes(bytes), bytes: bytes.length }]),
    ),
    ...changes,
  };
  writeFileSync(join(folder, 'model.json'), JSON.stringify(manifest));
  return folder;
}

function makeTokenizer(): unknown {
  const boundary = '(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])';
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'Replace', pattern: { Regex: boundary }, content: ' ' }, { type: 'Lowercase' }],
    },
    pre_tokenizer: { type: 'Split', pattern: { Regex: '[^\\p{L}\\p{N}]+' }, behavior: 'Removed', invert: false },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '',
      max_input_chars_per_word: 64,
      vocab: Object.fromEntries(VOCABULARY.map((token, id) => [token, id])),
    },
  };
}

/** normalise(sum over unmasked tokens of token_weight[side][id] * table[id]) */
export function makeModel(): Uint8Array {
  const tokens = VOCABULARY.length;
  const random = randomNumbers(7);
  const table = Int8Array.from({ length: tokens * DIMENSIONS }, () => Math.floor(random() * 255) - 127);
  // [PAD] and [UNK] weigh nothing on either side.
  const weights = Float32Array.from({ length: 2 * tokens }, (_, at) => (at % tokens < 2 ? 0 : random() * 0.02));
  const graph: Graph = {
    inputs: [
      { name: 'input_ids', dims: ['batch', 'tokens'] },
      { name: 'attention_mask', dims: ['batch', 'tokens'] },
      { name: 'side', dims: [1] },
    ],
    output: { name: 'embeddings', dims: ['batch', DIMENSIONS] },
    initializers: [
      { name: 'table', dataType: 3, dims: [tokens, DIMENSIONS], data: new Uint8Array(table.buffer) },
      { name: 'token_weight', dataType: 1, dims: [2, tokens], data: new Uint8Array(weights.buffer) },
      { name: 'tiniest', dataType: 1, dims: [1], data: new Uint8Array(Float32Array.of(1e-12).buffer) },
      { name: 'middle', dataType: 7, dims: [1], data: new Uint8Array(BigInt64Array.of(1n).buffer) },
    ],
    nodes: [
      { op: 'Gather', inputs: ['table', 'input_ids'], output: 'rows' },
      { op: 'Cast', inputs: ['rows'], output: 'row_floats', attributes: { to: 1 } },
      { op: 'Gather', inputs: ['token_weight', 'side'], output: 'side_weight' },
      { op: 'Gather', inputs: ['side_weight', 'input_ids'], output: 'weight', attributes: { axis: 1 } },
      { op: 'Cast', inputs: ['attention_mask'], output: 'mask', attributes: { to: 1 } },
      { op: 'Mul', inputs: ['weight', 'mask'], output: 'masked' },
      { op: 'Transpose', inputs: ['masked'], output: 'factors', attributes: { perm: [1, 0, 2] } },
      { op: 'MatMul', inputs: ['factors', 'row_floats'], output: 'sum' },
      { op: 'ReduceL2', inputs: ['sum'], output: 'length', attributes: { axes: [2] } },
      { op: 'Max', inputs: ['length', 'tiniest'], output: 'divisor' },
      { op: 'Div', inputs: ['sum', 'divisor'], output: 'unit' },
      { op: 'Squeeze', inputs: ['unit', 'middle'], output: 'embeddings' },
    ],
  };
  return writeOnnx(graph);
}

/** Mulberry32: the same numbers on every machine. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
