/** What is measured inside dowser's own process: `node inside.ts '{"measure": ..., "root": ..., "cacheDir": ...}'` prints JSON. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CodeIndex } from '../../src/types.ts';
import { percentile } from './figures.ts';

export type ColdFigures = {
  readonly openMs: number;
  readonly indexMs: number;
  readonly files: number;
  readonly textBytes: number;
  readonly chunks: number;
};
export type QueryFigures = {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly slowest: string;
  readonly cpuP50Ms: number;
};
export type UpdateFigures = { readonly medianMs: number; readonly slowestMs: number; readonly updates: number };

type Request = { readonly measure: 'cold' | 'queries' | 'updates'; readonly root: string; readonly cacheDir: string };

/** An edit that does not show by then is a failure. */
const UPDATE_MS_MAX = 30_000;
const ASK_EVERY_MS = 5;
/** Hints of the watcher come no closer than a second: edits in a row would measure that instead. */
const EDIT_EVERY_MS = 1_100;
const ROUNDS = 3;

/** The compiled program, as users run it. */
const program = new URL('../../dist/index.js', import.meta.url).href;

const { openIndex, resolveConfig } = (await import(program)) as typeof import('../../src/index.ts');
const request = JSON.parse(process.argv[2]!) as Request & { questions: string[]; files: string[] };
const startedMs = performance.now();
const index = await openIndex(resolveConfig({ root: request.root, cacheDir: request.cacheDir }));
const openMs = performance.now() - startedMs;
const measures = {
  cold: () => cold(index),
  queries: () => queries(index, request.questions),
  updates: () => updates(index, request.root, request.files),
};
const figures = await measures[request.measure]();
await index.close();
process.stdout.write(JSON.stringify(figures));

async function cold(index: CodeIndex): Promise<ColdFigures> {
  const startedMs = performance.now();
  const report = await index.sync();
  const indexMs = performance.now() - startedMs;
  return { openMs, indexMs, files: report.filesChanged, textBytes: report.bytesRead, chunks: report.chunksWritten };
}

async function queries(index: CodeIndex, questions: readonly string[]): Promise<QueryFigures> {
  await index.sync();
  const times: { ms: number; cpuMs: number; query: string }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const query of questions) {
      const cpu = process.cpuUsage();
      const askedMs = performance.now();
      await index.search({ query });
      const ms = performance.now() - askedMs;
      const { user, system } = process.cpuUsage(cpu);
      times.push({ ms, cpuMs: (user + system) / 1_000, query });
    }
  }
  const walls = times.map(({ ms }) => ms);
  return {
    p50Ms: percentile(walls, 0.5),
    p95Ms: percentile(walls, 0.95),
    slowest: times.sort((a, b) => b.ms - a.ms)[0]!.query,
    cpuP50Ms: percentile(
      times.map(({ cpuMs }) => cpuMs),
      0.5,
    ),
  };
}

/** Appends a line with a word of its own to each file, and asks for that word until the answer shows it. */
async function updates(index: CodeIndex, root: string, files: readonly string[]): Promise<UpdateFigures> {
  index.start();
  await index.sync();
  const times: number[] = [];
  for (const [at, path] of files.entries()) {
    await pause(EDIT_EVERY_MS);
    const word = `dowserbenchmark${'abcdefghij'[at % 10]!.repeat(3)}`;
    const editedMs = performance.now();
    appendFileSync(join(root, path), `\n${word}\n`);
    for (;;) {
      const { snippets } = await index.search({ query: word });
      if (snippets.some((snippet) => snippet.path === path && snippet.text.includes(word))) break;
      // A question with nothing to wait for never lets the watcher speak.
      await pause(ASK_EVERY_MS);
      if (performance.now() - editedMs > UPDATE_MS_MAX) throw new Error(`an edit of ${path} did not show`);
    }
    times.push(performance.now() - editedMs);
  }
  return { medianMs: percentile(times, 0.5), slowestMs: Math.max(...times), updates: times.length };
}
