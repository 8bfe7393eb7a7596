/** What every Embedder promises, whatever runs it. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Embedder } from '../../src/types.ts';

const TEXTS = [
  'def parse_url(text):\n    return urlsplit(text)',
  'how is a url parsed?',
  'x',
  'export class RequestHandler { async handle(request) { throw new Error("not found") } }',
  'read file '.repeat(400),
];

/** Texts no model can know a word of. */
const UNKNOWN = ['', '   \n\t', '€§¶', '\u{1F600}'];

/**
 * Runs the suite on what `open` gives. `sidesDiffer`: the model weighs tokens of a query and of a passage differently.
 * `knowsAll`: it makes something of any text, be it that nothing is in it.
 */
export function testEmbedder(
  name: string,
  open: () => Promise<Embedder>,
  { sidesDiffer, knowsAll = false }: { sidesDiffer: boolean; knowsAll?: boolean },
): void {
  const opened = async (): Promise<Embedder> => {
    const embedder = await open();
    onTestFinished(() => embedder.close());
    return embedder;
  };

  describe(`${name} as an Embedder`, () => {
    it('gives one embedding of unit length per text', async () => {
      const embedder = await opened();
      const embeddings = await embedder.embed(TEXTS, 'nl2code', 'passage');
      expect(embeddings).toHaveLength(TEXTS.length);
      for (const embedding of embeddings) {
        expect(embedding).toBeInstanceOf(Float32Array);
        expect(embedding).toHaveLength(embedder.dimensions);
        expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
      }
    });

    it('gives each text the embedding it has alone, whatever it is embedded with and in whatever order', async () => {
      const embedder = await opened();
      const many = Array.from({ length: 150 }, (_, index) => TEXTS[index % TEXTS.length]!.slice(index % 7));
      const together = await embedder.embed(many, 'qa', 'passage');
      const backwards = (await embedder.embed(many.toReversed(), 'qa', 'passage')).toReversed();
      for (const [index, text] of many.entries()) {
        const [alone] = await embedder.embed([text], 'qa', 'passage');
        expectClose(together[index]!, alone!);
        expectClose(backwards[index]!, alone!);
      }
    });

    it('gives the same text the same embedding, and different texts different ones', async () => {
      const embedder = await opened();
      const [first, again, other] = await embedder.embed([TEXTS[0]!, TEXTS[0]!, TEXTS[3]!], 'nl2code', 'passage');
      expectClose(first!, again!);
      expect(dot(first!, other!)).toBeLessThan(0.999);
    });

    it('gives embeddings that the caller may keep and change', async () => {
      const embedder = await opened();
      const [first] = await embedder.embed([TEXTS[0]!], 'nl2code', 'passage');
      const copy = first!.slice();
      const [second] = await embedder.embed([TEXTS[3]!], 'nl2code', 'passage');
      second!.fill(9);
      expect(first).toEqual(copy);
      const [again] = await embedder.embed([TEXTS[3]!], 'nl2code', 'passage');
      expect(Math.hypot(...again!)).toBeCloseTo(1, 4);
    });

    it('answers calls that overlap', async () => {
      const embedder = await opened();
      const calls = await Promise.all(TEXTS.map((text) => embedder.embed([text], 'nl2code', 'passage')));
      const together = await embedder.embed(TEXTS, 'nl2code', 'passage');
      for (const [index, [embedding]] of calls.entries()) expectClose(embedding!, together[index]!);
    });

    it('gives no embeddings for no texts', async () => {
      expect(await (await opened()).embed([], 'nl2code', 'query')).toEqual([]);
    });

    it.runIf(knowsAll)('gives an embedding, never NaN, for a text of nothing or of oddities', async () => {
      const embedder = await opened();
      for (const embedding of await embedder.embed(UNKNOWN, 'nl2code', 'passage')) {
        const length = Math.hypot(...embedding);
        expect(length === 0 || Math.abs(length - 1) < 1e-4).toBe(true);
      }
    });

    it.skipIf(knowsAll)('gives zeros, never NaN, for a text it knows no word of, alone and among others', async () => {
      const embedder = await opened();
      const mixed = await embedder.embed([...UNKNOWN, TEXTS[0]!], 'nl2code', 'passage');
      for (const embedding of mixed.slice(0, UNKNOWN.length))
        expect(embedding.every((value) => value === 0)).toBe(true);
      expect(Math.hypot(...mixed.at(-1)!)).toBeCloseTo(1, 4);
      const [alone] = await embedder.embed([''], 'nl2code', 'query');
      expect(alone!.every((value) => value === 0)).toBe(true);
    });

    it.runIf(sidesDiffer)('tells a query from a passage', async () => {
      const embedder = await opened();
      const [query] = await embedder.embed([TEXTS[1]!], 'nl2code', 'query');
      const [passage] = await embedder.embed([TEXTS[1]!], 'nl2code', 'passage');
      expect(Math.max(...query!.map((value, at) => Math.abs(value - passage![at]!)))).toBeGreaterThan(1e-4);
    });

    it('closes twice without harm, and refuses texts after that', async () => {
      const embedder = await open();
      await embedder.close();
      await embedder.close();
      await expect(embedder.embed(['x'], 'nl2code', 'query')).rejects.toThrow('after close');
    });
  });
}

/** Equal but for rounding. */
export function expectClose(actual: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  expect(actual).toHaveLength(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0);
}
