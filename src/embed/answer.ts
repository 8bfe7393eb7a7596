/** What a server answers to a request for embeddings, believed only as a whole. */
import type { Embedding } from '../types.ts';

/**
 * The embeddings of an answer in the order of the texts, of the server's own length. Throws an Error, as the end of a
 * sentence, unless there is exactly one row of finite numbers for each text, named by its index, and all are of `dimensions`
 * (of one size, where that is not known).
 */
export function readAnswer(body: string, texts: number, dimensions: number | undefined): Embedding[] {
  const rows = rowsOf(body);
  if (rows.length !== texts) throw new Error(`${rows.length} embeddings for ${texts} texts`);
  const embeddings: Embedding[] = [];
  for (const row of rows) {
    const { index, embedding } = (row ?? {}) as { index?: unknown; embedding?: unknown };
    if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= texts)
      throw new Error('an embedding that does not say of which text');
    if (embeddings[index as number] !== undefined) throw new Error(`two embeddings of text ${index}`);
    embeddings[index as number] = floatsOf(embedding);
  }
  const size = dimensions ?? embeddings[0]!.length;
  const other = embeddings.find(({ length }) => length !== size);
  if (other !== undefined) throw new Error(`${other.length} dimensions, not ${size}`);
  return embeddings;
}

function rowsOf(body: string): readonly unknown[] {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new Error('something that is not JSON');
  }
  const rows = (json as { data?: unknown } | null)?.data;
  if (!Array.isArray(rows)) throw new Error('JSON without a list of embeddings');
  return rows;
}

function floatsOf(values: unknown): Embedding {
  if (!Array.isArray(values) || values.length === 0 || values.some((value) => typeof value !== 'number'))
    throw new Error('an embedding that is no list of numbers');
  const embedding = Float32Array.from(values);
  if (!embedding.every(Number.isFinite)) throw new Error('an embedding with a number that is out of range');
  return embedding;
}

/** What the server itself says is wrong, if that can be made out. */
export function complaintIn(body: string): string {
  let text = body;
  try {
    const { error, message, detail } = JSON.parse(body);
    text = [error?.message, error, message, detail].find((one) => typeof one === 'string') ?? body;
  } catch {
    // Then it is what it is.
  }
  return text.replace(/\s+/g, ' ').trim();
}
