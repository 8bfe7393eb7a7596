/** One bit a dimension of every embedding, in memory: the coarse comparison that picks candidates for the exact one. */
import type { Embedding } from '../types.ts';

/** Scores are sorted into this many bins to find the best without sorting all. */
const BINS = 4096;

const ROWS_MIN = 1024;

/** Rows in the order they were added; an index stays the same for as long as the row is there. */
export interface Signs {
  readonly size: number;
  add(row: { readonly id: number; readonly fileId: number; readonly values: Int8Array }): void;
  idAt(index: number): number;
  /** The row is gone from the store: it is not picked again. */
  forget(index: number): void;
  clear(): void;
  /** Indexes of the rows nearest to the query, at most `most`, of the given files only. */
  nearest(query: Embedding, most: number, files: ReadonlySet<number> | undefined): number[];
}

const GONE = -1;

export function openSigns(dimensions: number): Signs {
  const width = Math.ceil(dimensions / 8);
  let bits = new Uint8Array(ROWS_MIN * width);
  let ids = new Float64Array(ROWS_MIN);
  let fileIds = new Float64Array(ROWS_MIN);
  let size = 0;

  function grow(): void {
    bits = extended(bits, new Uint8Array(bits.length * 2));
    ids = extended(ids, new Float64Array(ids.length * 2));
    fileIds = extended(fileIds, new Float64Array(fileIds.length * 2));
  }

  return {
    get size() {
      return size;
    },
    add({ id, fileId, values }) {
      if (size === ids.length) grow();
      const start = size * width;
      bits.fill(0, start, start + width);
      for (let i = 0; i < values.length; i++) if (values[i]! > 0) bits[start + (i >> 3)]! |= 1 << (i & 7);
      ids[size] = id;
      fileIds[size] = fileId;
      size++;
    },
    idAt: (index) => ids[index]!,
    forget(index) {
      fileIds[index] = GONE;
    },
    clear() {
      size = 0;
    },
    nearest(query, most, files) {
      const table = byteTable(query, width);
      const scores = new Float32Array(size);
      const passing = new Uint32Array(size);
      let count = 0;
      for (let row = 0; row < size; row++) {
        const fileId = fileIds[row]!;
        if (fileId === GONE || (files !== undefined && !files.has(fileId))) continue;
        let score = 0;
        for (let byte = 0, at = row * width; byte < width; byte++, at++) score += table[(byte << 8) | bits[at]!]!;
        scores[row] = score;
        passing[count++] = row;
      }
      return best(scores, passing.subarray(0, count), most, boundOf(query));
    },
  };
}

/** What each value of each byte adds to a score: the query's own values, with the signs that the bits say. */
function byteTable(query: Embedding, width: number): Float32Array {
  const table = new Float32Array(width * 256);
  for (let byte = 0; byte < width; byte++) {
    for (let value = 0; value < 256; value++) {
      let sum = 0;
      for (let bit = 0; bit < 8; bit++) sum += (value & (1 << bit) ? 1 : -1) * (query[byte * 8 + bit] ?? 0);
      table[byte * 256 + value] = sum;
    }
  }
  return table;
}

/** No sum of the query's values has a larger size; a little more, because sums are rounded. */
function boundOf(query: Embedding): number {
  let sum = 0;
  for (const value of query) sum += Math.abs(value);
  return sum * 1.001;
}

/** The rows with the highest scores, the older first where scores are equal; no score is beyond `bound` either way. */
function best(scores: Float32Array, rows: Uint32Array, most: number, bound: number): number[] {
  if (rows.length <= most) return [...rows];
  const scale = (BINS - 1) / (2 * bound);
  const bins = new Uint32Array(BINS);
  for (let at = 0; at < rows.length; at++) bins[Math.trunc((scores[rows[at]!]! + bound) * scale)]!++;
  let cut = BINS - 1;
  for (let taken = bins[cut]!; taken < most; taken += bins[cut]!) cut--;
  const chosen: number[] = [];
  for (let at = 0; at < rows.length; at++) {
    if (Math.trunc((scores[rows[at]!]! + bound) * scale) >= cut) chosen.push(rows[at]!);
  }
  return chosen.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, most);
}

function extended<Values extends Uint8Array | Float64Array>(from: Values, into: Values): Values {
  into.set(from);
  return into;
}
