/** What `find_similar` finds for clones of a repository's functions and for functions of the same name in two repositories. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseQuery } from '../../src/rank/query.ts';
import { type Engine, filesFor, findRanked } from '../../src/search.ts';
import { type Piece as Asked, findSimilar } from '../../src/similar.ts';
import { splitIdentifier, stem } from '../../src/tokens.ts';
import type { Filters } from '../../src/types.ts';
import { CHANGES, type Change, cloneOf, functionsIn, type Piece } from './clones.ts';
import { shuffled } from './cuts.ts';
import { groups, mean, type Place, percentile } from './metrics.ts';
import { rootOf, type Spec, withIndex } from './semble.ts';

const WAYS = ['find_similar', 'search_code', 'code2code'] as const;
type Way = (typeof WAYS)[number];

/** Two of each change. */
const CLONES_PER_REPOSITORY = 10;
const SEED = 20_261_123;
/** From one pair of repositories at most, so that no pair is the figure. */
const TWINS_PER_PAIR = 15;
/** A name that more functions of a repository have tells of no role. */
const TWINS_MAX = 3;
const NAME_CHARS_MIN = 5;

/** Repositories of the same purpose, chosen before anything was measured. The first two of each are of one language. */
export const PAIRS: readonly (readonly [string, string])[] = [
  ['requests', 'httpx'],
  ['starlette', 'aiohttp'],
  ['flask', 'starlette'],
  ['gson', 'jackson-databind'],
  ['mini.nvim', 'telescope.nvim'],
  ['bash-it', 'bats-core'],
  ['zig', 'zls'],
  ['rack', 'sinatra'],
  ['flask', 'sinatra'],
  ['express', 'gin'],
  ['rack', 'plug'],
  ['rack', 'starlette'],
  ['axios', 'guzzle'],
  ['requests', 'guzzle'],
  ['httpx', 'ktor'],
  ['gson', 'newtonsoft-json'],
  ['jackson-databind', 'newtonsoft-json'],
  ['nlohmann-json', 'gson'],
  ['http4s', 'ktor'],
  ['axum', 'starlette'],
];

/** Rank, from 1, at which each way has the right place; 0 where it is not among the first ten. */
export type SimilarAsked = {
  readonly repo: string;
  readonly language: string;
  readonly set: Change | 'twin, same language' | 'twin, across languages' | 'twin, by hand';
  readonly piece: Piece;
  readonly code: string;
  readonly ranks: Readonly<Record<Way, number>>;
  /** What `find_similar` said of the right place, and of the best of all others. */
  readonly verdict: string | undefined;
  readonly falseVerdict: string | undefined;
  readonly score: number | undefined;
  readonly falseScore: number | undefined;
  readonly reasons: readonly unknown[];
  readonly ms: number;
  readonly chunks: number;
};

/** Clones of one repository's functions, each asked for in its index. */
export async function askClones(corpora: string, spec: Spec, model: string | undefined): Promise<SimilarAsked[]> {
  const rows = await withIndex(corpora, spec, model, async (engine, { chunks }) => {
    const asked: SimilarAsked[] = [];
    const root = rootOf(corpora, spec);
    for (const [at, path] of shuffled(codePaths(engine), SEED).entries()) {
      if (asked.length >= CLONES_PER_REPOSITORY) break;
      const change = CHANGES[asked.length % CHANGES.length]!;
      for (const piece of shuffled(await functionsIn(root, path), SEED)) {
        const clone = await cloneOf(piece, change, SEED + at);
        if (clone === undefined) continue;
        const result = await ask(engine, { code: clone.text }, [piece]);
        asked.push({
          repo: spec.name,
          language: piece.language,
          set: change,
          piece,
          code: clone.text,
          chunks,
          ...result,
        });
        break;
      }
    }
    return asked;
  });
  return rows ?? [];
}

/** Functions of the same name, one in each of two repositories that are indexed together; the own name is taken out of the question. */
export async function askTwins(
  corpora: string,
  [one, other]: readonly [Spec, Spec],
  model: string | undefined,
): Promise<SimilarAsked[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-twins-'));
  try {
    for (const spec of [one, other])
      cpSync(rootOf(corpora, spec), join(folder, 'pair', spec.name), { recursive: true, filter: isNotGit });
    const pair: Spec = { name: 'pair', language: one.language, pinned: true };
    const rows = await withIndex(folder, pair, model, async (engine, { chunks }) => {
      const asked: SimilarAsked[] = [];
      for (const [piece, twins] of await twinsIn(join(folder, 'pair'), engine, one.name, other.name)) {
        const code = piece.text.replaceAll(
          new RegExp(`(?<!\\w)${piece.name.replace(/\W/g, '\\$&')}(?!\\w)`, 'g'),
          'subject',
        );
        const { path, startLine, endLine } = piece;
        const twin = twins[0]!;
        const set = piece.language === twin.language ? 'twin, same language' : 'twin, across languages';
        const result = await ask(engine, { code, path, startLine, endLine }, twins);
        asked.push({
          repo: `${one.name}+${other.name}`,
          language: piece.language,
          set,
          piece: twin,
          code,
          chunks,
          ...result,
        });
      }
      return asked;
    });
    return rows ?? [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same tasks, written by hand in three languages, each with names of its own. */
const TASKS = ['tasks.py', 'tasks.js', 'tasks.go'];
const TASK_NAMES: readonly (readonly string[])[] = [
  ['chunk_evenly', 'splitIntoBatches', 'Partition'],
  ['is_balanced', 'bracketsMatch', 'ValidParens'],
  ['find_sorted', 'bisect', 'SearchInts'],
  ['retry_with_backoff', 'tryAgain', 'Persist'],
  ['edit_distance', 'levenshtein', 'EditCost'],
  ['parse_duration', 'toSeconds', 'ReadInterval'],
  ['wrap_words', 'breakLines', 'Reflow'],
  ['flatten_keys', 'dottedPaths', 'Unnest'],
  ['roman_numeral', 'toRoman', 'Numeral'],
  ['breadth_first_distance', 'shortestHops', 'Hops'],
];

/** The hand-written tasks of one language asked for in an index of three repositories and the tasks of another language. */
export async function askTasks(
  corpora: string,
  specs: readonly Spec[],
  model: string | undefined,
): Promise<SimilarAsked[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dowser-tasks-'));
  const root = join(folder, 'all');
  try {
    for (const spec of specs)
      cpSync(rootOf(corpora, spec), join(root, spec.name), { recursive: true, filter: isNotGit });
    cpSync(fileURLToPath(new URL('../fixtures/twins', import.meta.url)), join(root, 'tasks'), { recursive: true });
    const all: Spec = { name: 'all', language: '', pinned: true };
    const rows = await withIndex(folder, all, model, async (engine, { chunks }) => {
      const functions = await Promise.all(TASKS.map((file) => functionsIn(root, `tasks/${file}`)));
      const asked: SimilarAsked[] = [];
      for (const names of TASK_NAMES) {
        const pieces = names.map((name, at) => functions[at]!.find((piece) => piece.name === name));
        for (const [from, piece] of pieces.entries())
          for (const [to, right] of pieces.entries()) {
            if (from === to || piece === undefined || right === undefined) continue;
            const paths = TASKS.filter((_, at) => at !== to).map((file) => `!tasks/${file}`);
            const result = await ask(engine, { code: piece.text }, [right], { paths });
            const { language, text: code } = piece;
            asked.push({ repo: 'tasks', language, set: 'twin, by hand', piece: right, code, chunks, ...result });
          }
      }
      return asked;
    });
    return rows ?? [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isNotGit(path: string): boolean {
  return !/[\\/]\.git$/.test(path);
}

/**
 * Same name (however it is spelled), said once in the one repository and rarely in the other; and a name of several words, or
 * a class or file around both that shares a word. All such functions of the other repository are right.
 */
async function twinsIn(root: string, engine: Engine, one: string, other: string): Promise<[Piece, Piece[]][]> {
  const byName = [one, other].map(async (folder) => {
    const found = new Map<string, Piece[]>();
    for (const path of codePaths(engine).filter((path) => path.startsWith(`${folder}/`)))
      for (const piece of await functionsIn(root, path)) {
        const key = splitIdentifier(piece.name).map(stem).join(' ');
        found.set(key, [...(found.get(key) ?? []), piece]);
      }
    return found;
  });
  const [own, others] = await Promise.all(byName);
  const twins: [Piece, Piece[]][] = [];
  for (const [name, pieces] of [...own!].sort()) {
    const named = others!.get(name) ?? [];
    if (name.length < NAME_CHARS_MIN || pieces.length !== 1 || named.length > TWINS_MAX) continue;
    const words = roleOf(engine, pieces[0]!);
    const right = named.filter(
      (twin) => name.includes(' ') || [...roleOf(engine, twin)].some((word) => words.has(word)),
    );
    if (right.length > 0) twins.push([pieces[0]!, right]);
  }
  return shuffled(twins, SEED).slice(0, TWINS_PER_PAIR);
}

/** Words of the names of the class around a function and of its file. */
function roleOf(engine: Engine, { path, startLine }: Piece): Set<string> {
  const row = engine.store.chunkRowsOfFile(path).find((one) => one.startLine <= startLine && startLine <= one.endLine);
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/\.\w+$/, '');
  return new Set([file, ...(row?.scope ?? [])].flatMap(splitIdentifier).map(stem));
}

function codePaths(engine: Engine): string[] {
  return [...engine.store.files()]
    .filter(([, file]) => file.kind === 'code' && file.depth === 'full')
    .map(([path]) => path)
    .sort();
}

async function ask(engine: Engine, asked: Asked, right: readonly Piece[], filters: Filters = {}) {
  const startedMs = performance.now();
  const similar = await findSimilar(engine, asked, filters, 0);
  const ms = performance.now() - startedMs;
  const isOwn = (place: Place): boolean => place.path === asked.path;
  const searched = await findRanked(engine, parseQuery(asked.code, filters, 10, 20_000));
  const fileIds = filesFor(engine.store, filters);
  const scope = fileIds === undefined ? {} : { fileIds };
  const [embedding] = (await engine.embedder?.embed([asked.code], 'code2code', 'query')) ?? [];
  const hits = embedding === undefined ? [] : engine.store.vector.retrieve({ embedding }, 20, scope);
  const near = engine.store.chunkRows(hits.map(({ chunkId }) => chunkId));
  const places = similar.map(({ row, likeness }) => [row, ...likeness.also]);
  const rankIn = (lists: readonly (readonly Place[])[]): number => {
    const first = lists.filter((list) => !isOwn(list[0]!)).slice(0, 10);
    return first.findIndex((list) => list.some((place) => isRight(place, right))) + 1;
  };
  const at = places.findIndex((list) => list.some((place) => isRight(place, right)));
  const other = similar.find((_, index) => index !== at);
  return {
    ms,
    verdict: similar[at]?.likeness.verdict,
    score: similar[at]?.score,
    falseVerdict: other?.likeness.verdict,
    falseScore: other?.score,
    reasons: [similar[at]?.reasons, other?.reasons],
    ranks: {
      find_similar: rankIn(places),
      search_code: rankIn(searched.map(({ row }) => [row])),
      code2code: rankIn(near.map((row) => [row])),
    },
  };
}

/** In the right file, and of the shorter of the two at least half in common. */
function isRight(place: Place, rights: readonly Piece[]): boolean {
  return rights.some((right) => isAt(place, right));
}

function isAt(place: Place, right: Piece): boolean {
  if (place.path !== right.path) return false;
  const common = Math.min(place.endLine, right.endLine) - Math.max(place.startLine, right.startLine) + 1;
  return common * 2 >= Math.min(place.endLine - place.startLine, right.endLine - right.startLine) + 1;
}

export function similarReport(asked: readonly SimilarAsked[]): string {
  const lines: string[] = [];
  const clones = asked.filter(({ set }) => !set.startsWith('twin'));
  const twins = asked.filter(({ set }) => set.startsWith('twin'));
  const odd = new Set([...new Set(clones.map(({ repo }) => repo))].sort().filter((_, at) => at % 2 === 0));
  const table = (title: string, parts: Iterable<[string, readonly SimilarAsked[]]>): void => {
    lines.push(
      `| ${title} | questions | ${WAYS.map((way) => `${way} R@1 | R@5 | NDCG@10`).join(' | ')} |`,
      `| --- | --- |${' --- |'.repeat(3 * WAYS.length)}`,
    );
    for (const [name, rows] of parts) {
      const cells = WAYS.flatMap((way) => {
        const ranks = rows.map(({ ranks }) => ranks[way]);
        const within = (most: number): number => mean(ranks.map((rank) => Number(rank > 0 && rank <= most)));
        return [within(1), within(5), mean(ranks.map((rank) => (rank === 0 ? 0 : 1 / Math.log2(rank + 1))))];
      });
      lines.push(`| ${name} | ${rows.length} | ${cells.map((cell) => cell.toFixed(3)).join(' | ')} |`);
    }
    lines.push('');
  };
  table('planted clones', [
    ['all', clones],
    ['odd half of repositories', clones.filter(({ repo }) => odd.has(repo))],
    ['even half', clones.filter(({ repo }) => !odd.has(repo))],
  ]);
  table('change', [...groups(clones, ({ set }) => set)].sort());
  table('language', [...groups(clones, ({ language }) => language)].sort());
  table('natural twins', [...groups(twins, ({ set }) => set)].sort());
  table('pair', [...groups(twins, ({ repo }) => repo)].sort());
  const said = (rows: readonly SimilarAsked[], key: 'verdict' | 'falseVerdict'): string =>
    [...groups(rows, (row) => row[key] ?? 'not found')]
      .map(([verdict, { length }]) => `${verdict} ${length}`)
      .sort()
      .join(', ');
  lines.push('| set | verdict on the right place | on the best other one |', '| --- | --- | --- |');
  for (const [set, rows] of [...groups(asked, ({ set }) => set)].sort())
    lines.push(`| ${set} | ${said(rows, 'verdict')} | ${said(rows, 'falseVerdict')} |`);
  const ms = asked.map((one) => one.ms);
  lines.push('', `find_similar p50 ${percentile(ms, 0.5).toFixed(1)} ms, p95 ${percentile(ms, 0.95).toFixed(1)} ms`);
  return `${lines.join('\n')}\n`;
}
