import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInitializers } from '../../src/embed/initializers.ts';
import { openTable } from '../../src/embed/table.ts';
import { concat, field, number, text, writeTensor } from './onnxFile.ts';
import { DIMENSIONS, makeModel } from './tinyModel.ts';

const model = makeModel();

function modelOf(...tensors: Uint8Array[]): Uint8Array {
  return field(7, concat(...tensors.map((tensor) => field(5, tensor))));
}

const table = writeTensor({ name: 'table', dataType: 3, dims: [3, 2], data: Uint8Array.of(0, 0, 3, 4, 0, 255) });
const weights = (values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const tokenWeight = writeTensor({ name: 'token_weight', dataType: 1, dims: [2, 3], data: weights([0, 1, 2, 0, 1, 8]) });

describe('the static table', () => {
  it('sums rows by weight and makes the sum unit length', () => {
    const embed = openTable(modelOf(table, tokenWeight), 2);
    expect([...embed([1], 'query')]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
    // (3, 4) + 2 * (0, -1) = (3, 2)
    expect([...embed([1, 2], 'query')]).toEqual([3, 2].map((value) => Math.fround(value / Math.sqrt(13))));
    // (3, 4) + 8 * (0, -1) = (3, -4)
    expect([...embed([2, 1], 'passage')]).toEqual([Math.fround(0.6), Math.fround(-0.8)]);
  });

  it('counts a token as often as it stands there', () => {
    const embed = openTable(modelOf(table, tokenWeight), 2);
    // (3, 4) + 4 * 2 * (0, -1) = (3, -4)
    expect([...embed([2, 2, 1, 2, 2], 'query')]).toEqual([Math.fround(0.6), Math.fround(-0.8)]);
    expect([...embed([1], 'query')]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
  });

  it('reads dimensions that are packed, and weights that lie at odd offsets', () => {
    const packed = concat(
      field(1, Uint8Array.of(2, 3)),
      number(2, 1),
      text(8, 'token_weight'),
      field(9, weights([0, 1, 2, 0, 1, 8])),
    );
    for (const name of ['', 'a', 'ab', 'abc']) {
      const embed = openTable(concat(text(2, name), modelOf(table, packed)), 2);
      expect([...embed([1, 2], 'passage')]).toEqual([Math.fround(0.6), Math.fround(-0.8)]);
    }
  });

  it('gives zeros for no tokens and for tokens without weight', () => {
    const embed = openTable(model, DIMENSIONS);
    expect([...embed([], 'query')].every((value) => value === 0)).toBe(true);
    expect([...embed([0, 1, 0], 'passage')].every((value) => value === 0)).toBe(true);
  });

  it('refuses a token it has no row for', () => {
    expect(() => openTable(model, DIMENSIONS)([1 << 20], 'query')).toThrow('not in the table');
  });
});

describe('a model file that is not a static model', () => {
  const small = concat(number(2, 1), text(8, 'token_weight'));
  it.each<[string, Uint8Array]>([
    ['has no table', modelOf(tokenWeight)],
    ['has no weights', modelOf(table)],
    [
      'has fewer bytes than its dimensions say',
      modelOf(table, concat(small, number(1, 2), number(1, 3), field(9, new Uint8Array(20)))),
    ],
    [
      'has weights for other tokens',
      modelOf(table, writeTensor({ name: 'token_weight', dataType: 1, dims: [2, 2], data: weights([1, 1, 1, 1]) })),
    ],
    [
      'has another element type',
      modelOf(table, writeTensor({ name: 'token_weight', dataType: 7, dims: [2, 3], data: new Uint8Array(48) })),
    ],
    ['keeps data in another file', modelOf(table, concat(tokenWeight, field(13, text(1, 'location'))))],
    ['says that data is elsewhere', modelOf(table, concat(tokenWeight, number(14, 1)))],
    ['is empty', new Uint8Array()],
  ])('is refused when it %s', (_, bytes) => {
    expect(() => openTable(bytes, 2)).toThrow(expect.objectContaining({ code: 'model_damaged' }));
  });

  it('is refused with other dimensions than the manifest has', () => {
    expect(() => openTable(model, 128)).toThrow(expect.objectContaining({ code: 'model_damaged' }));
  });

  it('is refused wherever it is cut', () => {
    for (let length = 0; length < model.length; length += 997) {
      expect(() => openTable(model.subarray(0, length), DIMENSIONS)).toThrow(
        expect.objectContaining({ code: 'model_damaged' }),
      );
    }
  });

  it('never makes the reader hang or read beyond the end, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const input of [bytes, field(7, bytes), field(7, field(5, bytes))]) {
          try {
            readInitializers(input);
          } catch (error) {
            expect((error as Error).message).toMatch(/^not an ONNX file|outside its file/);
          }
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
