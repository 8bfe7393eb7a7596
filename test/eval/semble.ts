/** The outside benchmark's questions, and the real search path asked them, repository by repository. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../src/config.ts';
import { openEngine } from '../../src/index.ts';
import type { Found } from '../../src/rank/evidence.ts';
import { fuse } from '../../src/rank/fuse.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { type Ranked, rank } from '../../src/rank/rank.ts';
import { type Engine, findCandidates } from '../../src/search.ts';
import { mend } from '../../src/spelling.ts';
import type { ChunkRow, CodeIndex, Hit, Query } from '../../src/types.ts';
import type { Place, Target } from './metrics.ts';

/** What can be switched off, to see what each part is worth. */
export const ABLATIONS = ['full', 'lexical+rank', 'vector+rank', 'both', 'lexical', 'vector'] as const;
export type Ablation = (typeof ABLATIONS)[number];

export type Question = {
  readonly repo: string;
  readonly language: string;
  readonly category: string;
  readonly text: string;
  readonly targets: readonly Target[];
};

export type Asked = Question & { readonly places: Readonly<Record<Ablation, readonly Place[]>>; readonly ms: number };

export type Spec = { name: string; language: string; benchmark_root?: string; pinned: boolean };
type Label = string | { path: string; start_line?: number; end_line?: number };
type Annotation = { query: string; category: string; relevant: Label[]; secondary?: Label[] };

/** Repositories of a benchmark folder, in its own order. */
export function readSpecs(bench: string): Spec[] {
  return JSON.parse(readFileSync(join(bench, 'semble', 'repos.json'), 'utf8')) as Spec[];
}

export function readQuestions(bench: string, spec: Spec): Question[] {
  const annotations = JSON.parse(
    readFileSync(join(bench, 'semble', 'annotations', `${spec.name}.json`), 'utf8'),
  ) as Annotation[];
  return annotations.map(({ query, category, relevant, secondary = [] }) => ({
    repo: spec.name,
    language: spec.language,
    category,
    text: query,
    targets: [...relevant, ...secondary].map((label): Target => {
      if (typeof label === 'string') return { path: label };
      if (label.start_line === undefined || label.end_line === undefined) return { path: label.path };
      return { path: label.path, startLine: label.start_line, endLine: label.end_line };
    }),
  }));
}

/** Everything known of one question before ranking, so that weights can be tried without searching again. */
export type Gathered = {
  readonly question: Question;
  readonly query: Query;
  readonly found: Found[];
  readonly rarities: ReadonlyMap<string, number>;
};

export type RepositoryRun = {
  readonly asked: Asked[];
  readonly gathered: Gathered[];
  readonly indexMs: number;
  readonly chunks: number;
};

/** Indexes one repository afresh in a folder of its own and asks all of its questions. Undefined when it is not laid out. */
export async function runRepository(
  bench: string,
  corpora: string,
  spec: Spec,
  model: string | undefined,
): Promise<RepositoryRun | undefined> {
  const prefix = prefixOf(spec);
  return withIndex(corpora, spec, model, async (engine, { indexMs, chunks }) => {
    const asked: Asked[] = [];
    const gathered: Gathered[] = [];
    for (const question of readQuestions(bench, spec)) {
      const { query } = mend(engine.store, parseQuery(question.text, {}, 10, 20_000));
      const { places, ms, found, rarities } = await ask(engine, query, prefix);
      asked.push({ ...question, places, ms });
      gathered.push({
        question,
        query,
        found: found.map((one) => ({ ...one, row: { ...one.row, path: prefix + one.row.path } })),
        rarities,
      });
    }
    return { asked, gathered, indexMs, chunks };
  });
}

/** What stands before a path of the index in a path of the labels. */
export function prefixOf(spec: Spec): string {
  return spec.benchmark_root ? `${spec.benchmark_root}/` : '';
}

export function rootOf(corpora: string, spec: Spec): string {
  return join(corpora, spec.name, spec.benchmark_root ?? '');
}

/** Work with one repository's index, made afresh in a folder of its own, or kept in DOWSER_CACHE: slow models take hours. Undefined when the repository is not laid out. */
export async function withIndex<Result>(
  corpora: string,
  spec: Spec,
  model: string | undefined,
  work: (engine: Engine, made: { indexMs: number; chunks: number; index: CodeIndex }) => Promise<Result>,
): Promise<Result | undefined> {
  const root = rootOf(corpora, spec);
  if (!existsSync(root)) return undefined;
  const cacheDir = process.env.DOWSER_CACHE ?? mkdtempSync(join(tmpdir(), 'dowser-eval-'));
  const config = resolveConfig({ root, cacheDir, ...(model === undefined ? {} : { model }) });
  const startedMs = performance.now();
  const { engine, index } = await openEngine(config);
  try {
    await index.sync();
    await index.readBehind();
    const indexMs = performance.now() - startedMs;
    return await work(engine(), { indexMs, chunks: (await index.status()).coverage.chunks, index });
  } finally {
    await index.close();
    if (process.env.DOWSER_CACHE === undefined) rmSync(cacheDir, { recursive: true, force: true });
  }
}

async function ask(engine: Engine, query: Query, prefix: string) {
  const startedMs = performance.now();
  const { found, rarity, lexical, vector } = await findCandidates(engine, query);
  const full = rank(query, found, rarity);
  const ms = performance.now() - startedMs;
  const one = async (only: 'lexical' | 'vector') => {
    const candidates = await findCandidates(engine, query, only);
    return places(rank(query, candidates.found, candidates.rarity), prefix);
  };
  const rows = new Map(found.map(({ row }) => [row.id, row]));
  const plain = (hits: readonly Hit[]) =>
    places(
      hits.slice(0, 10).map(({ chunkId }) => ({ row: rows.get(chunkId)! })),
      prefix,
    );
  const bothRaw = fuse([
    { hits: lexical, weight: 1 },
    { hits: vector, weight: 1 },
  ]);
  return {
    ms,
    found,
    rarities: new Map(query.terms.map((term) => [term, rarity(term)])),
    places: {
      full: places(full, prefix),
      'lexical+rank': await one('lexical'),
      'vector+rank': await one('vector'),
      both: plain(bothRaw),
      lexical: plain(lexical),
      vector: plain(vector),
    },
  };
}

/** The first ten, as an answer would show them. */
export function places(ranked: readonly (Pick<Ranked, 'row'> | { row: ChunkRow })[], prefix: string): Place[] {
  return ranked.slice(0, 10).map(({ row }) => ({
    path: prefix + row.path,
    startLine: Math.max(1, row.startLine),
    endLine: Math.max(1, row.endLine),
  }));
}
