/**
 * A program that embeds in two worker threads and then ends in the way its argument names; run by embedder.test.ts.
 * Arguments: folder of models, name, runtime, and 'return' | 'close' | 'terminate' | 'exit'.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openEmbedder } from '../../src/embed/embedder.ts';

const [modelsDir, model, runtime, ending] = (isMainThread ? process.argv.slice(2) : workerData) as string[];

async function embedHere(): Promise<void> {
  const embedder = await openEmbedder({ modelsDir, model, runtime: runtime as 'onnx' | 'table' });
  const [embedding] = await embedder.embed(['parse url', 'read file'], 'nl2code', 'query');
  if (ending === 'close') await embedder.close();
  parentPort!.postMessage(embedding);
  // As a pool's thread: kept alive by its port until it is ended from outside.
  if (ending === 'terminate' || ending === 'exit') parentPort!.on('message', () => {});
}

async function runWorkers(): Promise<void> {
  const workers = [0, 1].map(() => new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) }));
  const embeddings = await Promise.all(
    workers.map(
      (worker) => new Promise<Float32Array>((resolve, reject) => worker.once('message', resolve).once('error', reject)),
    ),
  );
  console.log(embeddings.map((embedding) => Math.hypot(...embedding).toFixed(3)).join(' '));
  if (ending === 'terminate') await Promise.all(workers.map((worker) => worker.terminate()));
  if (ending === 'exit') process.exit(0);
}

await (isMainThread ? runWorkers() : embedHere());
