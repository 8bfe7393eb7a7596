/** Text to code without file names: MBPP and HumanEval as MTEB builds them, a model alone. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbedderOptions, openEmbedder } from '../../src/embed/embedder.ts';
import type { Embedding } from '../../src/types.ts';
import { mean } from './metrics.ts';

type Row = { _id: string; text: string };
type Judgement = { 'query-id': string; 'corpus-id': string; score: number };

function readRows<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** NDCG@10 over the whole corpus; one document, one embedding; the document's text as it is, since it has no path. */
export async function runMteb(
  bench: string,
  set: 'mbpp' | 'humaneval',
  options: EmbedderOptions,
): Promise<{ ndcg: number; queries: number; id: string }> {
  const folder = join(bench, 'mteb', set);
  const corpus = readRows<Row>(join(folder, 'corpus.jsonl'));
  const queries = readRows<Row>(join(folder, 'queries.jsonl'));
  const relevant = new Map<string, Set<string>>();
  for (const { 'query-id': query, 'corpus-id': document, score } of readRows<Judgement>(join(folder, 'qrels.jsonl'))) {
    if (score > 0) relevant.set(query, (relevant.get(query) ?? new Set()).add(document));
  }
  const embedder = await openEmbedder(options);
  const passages = await embedder.embed(
    corpus.map(({ text }) => text),
    'nl2code',
    'passage',
  );
  const asked = await embedder.embed(
    queries.map(({ text }) => text),
    'nl2code',
    'query',
  );
  await embedder.close();
  const scores = queries.map(({ _id }, at) => {
    const order = corpus
      .map((document, i) => ({ id: document._id, score: dot(asked[at]!, passages[i]!) }))
      .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
      .slice(0, 10);
    const wanted = relevant.get(_id) ?? new Set();
    const gain = order.reduce((sum, { id }, rank) => sum + (wanted.has(id) ? 1 / Math.log2(rank + 2) : 0), 0);
    let ideal = 0;
    for (let rank = 0; rank < Math.min(10, wanted.size); rank++) ideal += 1 / Math.log2(rank + 2);
    return ideal === 0 ? 0 : gain / ideal;
  });
  return { ndcg: mean(scores), queries: queries.length, id: embedder.id };
}

function dot(a: Embedding, b: Embedding): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
