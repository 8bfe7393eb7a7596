/**
 * The figures on the model card of jina-code-embeddings-1.5b, for whoever has its weights: they may not be used
 * commercially, so they are not fetched for a test. DOWSER_JINA_DIR names a folder that dowser opens as a model.
 */
import { expect, it, onTestFinished } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';

const folder = process.env.JINA_DIR;
if (folder === undefined) {
  process.stderr.write('SKIPPED: the cosines of jina-code-embeddings-1.5b, since DOWSER_JINA_DIR names no folder\n');
}

const QUERIES = ['print hello world in python', 'initialize array of 5 zeros in c++'];
const PASSAGES = ["print('Hello World!')", 'int arr[5] = {0, 0, 0, 0, 0};'];
/** The card's cosines; in bfloat16 it has them up to 0.0023 higher. */
const COSINES = [
  [0.7647, 0.1115],
  [0.093, 0.6606],
];
const TOLERANCE = 0.01;

it.runIf(folder !== undefined)(
  'jina-code-embeddings-1.5b gives the four cosines of its card',
  { timeout: 600_000 },
  async () => {
    const embedder = await openEmbedder({ model: folder });
    onTestFinished(() => embedder.close());
    const queries = await embedder.embed(QUERIES, 'nl2code', 'query');
    const passages = await embedder.embed(PASSAGES, 'nl2code', 'passage');
    for (const [row, query] of queries.entries()) {
      for (const [column, passage] of passages.entries()) {
        const cosine = query.reduce((sum, value, at) => sum + value * passage[at]!, 0);
        expect(Math.abs(cosine - COSINES[row]![column]!), `cosine ${cosine}`).toBeLessThan(TOLERANCE);
      }
    }
  },
);
