/** What `complete_context` brings for functions whose ends were taken away, beside two simpler ways to spend the same tokens. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveConfig } from '../../src/config.ts';
import { markImports } from '../../src/imports.ts';
import { openEngine } from '../../src/index.ts';
import { countTokens, SNIPPET_HEAD_TOKENS } from '../../src/rank/budget.ts';
import type { Engine } from '../../src/search.ts';
import type { CodeIndex, Snippet } from '../../src/types.ts';
import { type Cut, makeCuts } from './cuts.ts';
import { groups, interval, macro, mean, percentile } from './metrics.ts';
import { rootOf, type Spec } from './semble.ts';

export const BUDGETS = [500, 1_000, 2_000] as const;
type Budget = (typeof BUDGETS)[number];
const WAYS = ['complete_context', 'search_code', 'imports'] as const;
type Way = (typeof WAYS)[number];

const CUTS_PER_REPOSITORY = 10;
const SEED = 20_261_123;
/** The last lines before the cursor, as an agent would search with them. */
const QUERY_LINES = 10;
/** Two neighbouring words that at most so many files have tell of this repository, not of the language. */
const PAIR_FILES_MAX = 5;
/** Times of large indexes are told apart. */
const LARGE_CHUNKS = 5_000;

export type Completed = {
  readonly repo: string;
  readonly language: string;
  readonly cut: Cut;
  readonly ms: number;
  /** Of the index. */
  readonly chunks: number;
  /** Shares, 0 to 1, of the names and of the rare pairs (undefined where there is none) that came back. */
  readonly names: Readonly<Record<Way, Readonly<Record<Budget, number>>>>;
  readonly pairs: Readonly<Record<Way, Readonly<Record<Budget, number>>>> | undefined;
};

export type CutPlace = {
  readonly index: CodeIndex;
  readonly engine: () => Engine;
  readonly root: string;
  /** All files of code. */
  readonly paths: readonly string[];
};

/** All cuts of one repository, each in turn made on disk in a copy of it. Its index is made once and follows. */
export async function forEachCut(
  corpora: string,
  spec: Spec,
  model: string | undefined,
  work: (place: CutPlace, cut: Cut) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-complete-'));
  const root = join(folder, 'repository');
  cpSync(rootOf(corpora, spec), root, { recursive: true, filter: (path) => !/[\\/]\.git$/.test(path) });
  const config = resolveConfig({ root, cacheDir: join(folder, 'cache'), ...(model === undefined ? {} : { model }) });
  const { engine, index } = await openEngine(config);
  try {
    await index.sync();
    const { store } = engine();
    const rows = store.selectFiles(() => true).flatMap((id) => store.chunkRowsOfFile(id));
    const cuts = await makeCuts(root, spec.language, rows, CUTS_PER_REPOSITORY, SEED);
    const paths = [...new Set(rows.filter(({ kind }) => kind === 'code').map(({ path }) => path))];
    for (const cut of cuts) {
      const whole = readFileSync(join(root, cut.path), 'utf8');
      writeFileSync(join(root, cut.path), cut.kept);
      await index.sync();
      await work({ index, engine, root, paths }, cut);
      writeFileSync(join(root, cut.path), whole);
    }
  } finally {
    await index.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function completeRepository(corpora: string, spec: Spec, model: string | undefined): Promise<Completed[]> {
  const completed: Completed[] = [];
  let pairs: Map<string, number> | undefined;
  await forEachCut(corpora, spec, model, async ({ index, engine, root, paths }, cut) => {
    pairs ??= countPairs(root, paths);
    const chunks = engine().store.chunkCount();
    const answers = await ask(index, root, cut, paths, pairs);
    completed.push({ repo: spec.name, language: spec.language, cut, chunks, ...answers });
  });
  return completed;
}

async function ask(
  index: CodeIndex,
  root: string,
  cut: Cut,
  paths: readonly string[],
  pairs: ReadonlyMap<string, number>,
): Promise<Pick<Completed, 'ms' | 'names' | 'pairs'>> {
  const rare = rarePairs(cut, pairs);
  const names = { complete_context: {}, search_code: {}, imports: {} } as Record<Way, Record<Budget, number>>;
  const covered = { complete_context: {}, search_code: {}, imports: {} } as Record<Way, Record<Budget, number>>;
  const times: number[] = [];
  for (const maxTokens of BUDGETS) {
    const startedMs = performance.now();
    const { snippets, tokens } = await index.complete({
      path: cut.path,
      line: Math.max(1, cut.cutLine - 1),
      maxTokens,
    });
    times.push(performance.now() - startedMs);
    if (tokens > maxTokens) throw new Error(`${tokens} tokens for a budget of ${maxTokens}`);
    const texts: Record<Way, string> = {
      complete_context: textOf(root, snippets),
      search_code: textOf(root, (await index.search({ query: lastLines(cut), maxTokens })).snippets),
      imports: importedText(root, cut, paths, maxTokens),
    };
    for (const way of WAYS) {
      const words = new Set(wordsOf(texts[way]).flatMap((word) => [word, word.replace(/[!?']$/, '')]));
      names[way][maxTokens] = mean(cut.names.map((name) => Number(words.has(name))));
      const brought = new Set(pairsOf(texts[way]));
      covered[way][maxTokens] = mean(rare.map((pair) => Number(brought.has(pair))));
    }
  }
  return { ms: percentile(times, 0.5), names, pairs: rare.length === 0 ? undefined : covered };
}

/** The lines shown, but for those that only import: a name there is neither defined nor used. */
function textOf(root: string, snippets: readonly Snippet[]): string {
  const texts = snippets.map(({ path, startLine, endLine }) => {
    const lines = readFileSync(join(root, path), 'utf8').split('\n');
    const isImport = markImports(lines);
    return lines.filter((_, at) => at >= startLine - 1 && at < endLine && isImport[at] === 0).join('\n');
  });
  return texts.join('\n\n');
}

function lastLines({ kept, cutLine }: Cut): string {
  const before = kept.split('\n').slice(0, cutLine - 1);
  return before
    .filter((line) => line.trim() !== '')
    .slice(-QUERY_LINES)
    .join('\n');
}

const IMPORT =
  /^\s*(?:import|from|use|using|require|require_relative|#\s*include|alias|open|source|\.|mod|(?:pub )?const .*@import|(?:const|let|var|local) .*require)\b(.*)$/;

/** The files that the imports name, one after the other until the tokens are spent; the surrounding file costs nothing here. */
function importedText(root: string, cut: Cut, paths: readonly string[], maxTokens: number): string {
  const named = cut.kept.split('\n').flatMap((line) => {
    const given = IMPORT.exec(line)?.[1];
    return given === undefined ? [] : (given.match(/[\w./@:\\-]{3,}/g) ?? []);
  });
  const wanted = named.map((name) =>
    name
      .replace(/\.(?:[a-z]{1,4})$/, '')
      .replace(/^[./@]+/, '')
      .split(/::|[./\\:]/)
      .filter(Boolean),
  );
  const isNamed = (path: string): boolean => {
    const parts = path.replace(/\.\w+$/, '').split('/');
    return wanted.some(
      (one) => one.length > 0 && one.slice(-2).every((part, at, last) => parts.at(at - last.length) === part),
    );
  };
  let left = maxTokens;
  const texts: string[] = [];
  for (const path of paths) {
    if (path === cut.path || !isNamed(path) || left <= SNIPPET_HEAD_TOKENS) continue;
    const lines: string[] = [];
    left -= SNIPPET_HEAD_TOKENS;
    const all = readFileSync(join(root, path), 'utf8').split('\n');
    const isImport = markImports(all);
    for (const [at, line] of all.entries()) {
      left -= countTokens(`${line}\n`);
      if (left < 0) break;
      if (isImport[at] === 0) lines.push(line);
    }
    texts.push(lines.join('\n'));
  }
  return texts.join('\n\n');
}

function wordsOf(text: string): string[] {
  return text.match(/[\p{L}_$][\p{L}\p{N}_$]*[!?']?/gu) ?? [];
}

/** Neighbouring words of each line. */
function pairsOf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const words = wordsOf(line);
    return words.slice(1).map((word, at) => `${words[at]} ${word}`);
  });
}

/** In how many files each pair stands. */
function countPairs(root: string, paths: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const path of paths)
    for (const pair of new Set(pairsOf(readFileSync(join(root, path), 'utf8'))))
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
  return counts;
}

/** Pairs of the taken part that some other files have and the kept part has not. */
function rarePairs(cut: Cut, counts: ReadonlyMap<string, number>): string[] {
  const kept = new Set(pairsOf(cut.kept));
  return [...new Set(pairsOf(cut.taken))].filter((pair) => {
    const others = (counts.get(pair) ?? 0) - 1;
    return !kept.has(pair) && others >= 1 && others <= PAIR_FILES_MAX;
  });
}

function timesOf(rows: readonly Completed[]): string {
  const times = rows.map(({ ms }) => ms);
  return `p50 ${percentile(times, 0.5).toFixed(1)} ms, p95 ${percentile(times, 0.95).toFixed(1)} ms (${rows.length})`;
}

/** The table, as `npm run eval -- --set complete` prints it. */
export function completeReport(rows: readonly Completed[]): string {
  const share = (part: readonly Completed[], way: Way, budget: Budget): number =>
    macro(
      part,
      ({ repo }) => repo,
      ({ names }) => names[way][budget],
    );
  const lines = [
    '',
    `| names covered | functions | ${BUDGETS.flatMap((budget) => WAYS.map((way) => `${way} ${budget}`)).join(' | ')} | ratio ${BUDGETS.join(', ')} |`,
    `| --- | --- |${' --- |'.repeat(BUDGETS.length * WAYS.length + 1)}`,
  ];
  const add = (name: string, part: readonly Completed[]): void => {
    const cells = BUDGETS.flatMap((budget) => WAYS.map((way) => share(part, way, budget).toFixed(3)));
    const ratios = BUDGETS.map((budget) => {
      const best = Math.max(share(part, 'search_code', budget), share(part, 'imports', budget));
      return (share(part, 'complete_context', budget) / best).toFixed(2);
    });
    lines.push(`| ${name} | ${part.length} | ${cells.join(' | ')} | ${ratios.join(', ')} |`);
  };
  add('all', rows);
  const repositories = [...groups(rows, ({ repo }) => repo)].sort();
  add(
    'odd half',
    repositories.filter((_, at) => at % 2 === 0).flatMap(([, part]) => part),
  );
  add(
    'other half',
    repositories.filter((_, at) => at % 2 === 1).flatMap(([, part]) => part),
  );
  for (const [at, part] of groups(rows, ({ cut }) => cut.at)) add(`cut at the ${at}`, part);
  for (const [language, part] of [...groups(rows, (one) => one.language)].sort()) add(language, part);
  const span = interval(repositories.map(([, part]) => part.map(({ names }) => names.complete_context[2_000])));
  const withPairs = rows.filter(({ pairs }) => pairs !== undefined);
  const pairs = WAYS.map((way) => {
    const shares = BUDGETS.map((budget) =>
      macro(
        withPairs,
        ({ repo }) => repo,
        (one) => one.pairs![way][budget],
      ).toFixed(3),
    );
    return `${way} ${shares.join(', ')}`;
  });
  lines.push(
    '',
    `complete_context at 2,000 tokens: ${span.map((bound) => bound.toFixed(3)).join('-')} in 95 % of bootstraps`,
    `rare pairs of words covered (${withPairs.length} functions; ${BUDGETS.join(', ')} tokens): ${pairs.join('; ')}`,
    `complete_context ${timesOf(rows)}; ${timesOf(rows.filter(({ chunks }) => chunks >= LARGE_CHUNKS))} where there are ${LARGE_CHUNKS} chunks and more`,
    `load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}`,
  );
  return `${lines.join('\n')}\n`;
}
