/**
 * Measures docs for code and code for docs. The pairs are links that repositories already carry: a section of prose that
 * names, in code marks, something that the repository defines exactly once. The name is masked in what is asked.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashText } from '../../src/hash.ts';
import { lineSpans, sliceLines } from '../../src/lines.ts';
import { parseQuery } from '../../src/rank/query.ts';
import { type Engine, findRanked } from '../../src/search.ts';
import { findSimilar } from '../../src/similar.ts';
import { splitIdentifier } from '../../src/tokens.ts';
import type { ChunkRow, Kind } from '../../src/types.ts';
import { groups, interval, mean, ndcg, type Target } from './metrics.ts';
import { places, rootOf, type Spec, withIndex } from './semble.ts';

/** Questions of one repository and direction: a large manual is not to outweigh the others. */
const EACH_MAX = 30;
/** A section that names more is a list, and a symbol that more sections name is in common use: neither is about the other. */
const NAMED_MAX = 5;
const SECTIONS_MAX = 3;
/** A shorter section says nothing once its names are masked. */
const SECTION_CHARS_MIN = 120;

export const WAYS = ['search_code', 'find_similar'] as const;
type Way = (typeof WAYS)[number];
const DIRECTIONS = ['docs for code', 'code for docs'] as const;
type Direction = (typeof DIRECTIONS)[number];

export type Documented = {
  readonly repo: string;
  readonly language: string;
  readonly direction: Direction;
  readonly asked: string;
  /** Of the first right result: 1 for the first, 0 when none was among ten. */
  readonly rank: Readonly<Record<Way, number>>;
  readonly ndcg: Readonly<Record<Way, number>>;
};

/** Asks one repository for the sections of its functions, and for the functions of its sections. */
export async function documentRepository(
  corpora: string,
  { name, language, pinned }: Spec,
  model: string | undefined,
): Promise<Documented[]> {
  const spec: Spec = { name, language, pinned }; // from its top: prose lies beside the part that is benchmarked
  const documented = await withIndex(corpora, spec, model, async (engine) => {
    const found: Documented[] = [];
    for (const question of questionsOf(engine, rootOf(corpora, spec))) {
      const { direction, text, targets, kind } = question;
      const answers = {
        search_code: await findRanked(engine, parseQuery(text, { kind }, 10, 20_000)),
        find_similar: await findSimilar(engine, { code: text }, { kind }, 0),
      };
      const ranks = WAYS.map((way) => {
        const shown = places(answers[way], '');
        const rank = shown.findIndex((place) => targets.some((target) => ndcg([place], [target]) > 0)) + 1;
        return { way, rank, ndcg: ndcg(shown, targets) };
      });
      found.push({
        repo: name,
        language,
        direction,
        asked: question.of,
        rank: Object.fromEntries(ranks.map(({ way, rank }) => [way, rank])) as Record<Way, number>,
        ndcg: Object.fromEntries(ranks.map(({ way, ndcg }) => [way, ndcg])) as Record<Way, number>,
      });
    }
    return found;
  });
  return documented ?? [];
}

type Question = {
  readonly direction: Direction;
  /** What the text was taken from. */
  readonly of: string;
  readonly text: string;
  readonly kind: Kind;
  readonly targets: readonly Target[];
};

type Section = { readonly row: ChunkRow; readonly text: string; readonly names: ReadonlyMap<string, ChunkRow> };

function questionsOf(engine: Engine, root: string): Question[] {
  const definitions = onlyDefinitions(engine);
  const sections = [...engine.store.files()]
    .filter(([path, { kind, depth }]) => kind === 'docs' && depth === 'full' && !isDiary(path))
    .flatMap(([path]) => readChunks(engine, root, path))
    .map(({ row, text }): Section => ({ row, text, names: namedIn(text, definitions) }))
    .filter(({ text, names }) => text.length >= SECTION_CHARS_MIN && names.size > 0 && names.size <= NAMED_MAX);
  const sectionsOf = new Map<string, Section[]>();
  for (const section of sections)
    for (const name of section.names.keys()) sectionsOf.set(name, [...(sectionsOf.get(name) ?? []), section]);
  const forCode = [...sectionsOf]
    .filter(([, of]) => of.length <= SECTIONS_MAX)
    .map(([name, of]): Question => {
      const row = definitions.get(name)!;
      const text = readChunks(engine, root, row.path).find((chunk) => chunk.row.id === row.id)!.text;
      const targets = of.map((section) => targetOf(section.row));
      return { direction: 'docs for code', of: `${row.path} ${name}`, text: mask(text, [name]), kind: 'docs', targets };
    });
  const forDocs = sections
    .filter(({ names }) => [...names.keys()].some((name) => sectionsOf.get(name)!.length <= SECTIONS_MAX))
    .map(({ row, text, names }): Question => {
      const of = `${row.path}:${row.startLine}`;
      const targets = [...names.values()].map(targetOf);
      return { direction: 'code for docs', of, text: mask(text, [...names.keys()]), kind: 'code', targets };
    });
  return [...sample(forCode), ...sample(forDocs)];
}

/** Names that one chunk of code alone defines, with that chunk; only such that nobody writes for a plain word. */
function onlyDefinitions(engine: Engine): Map<string, ChunkRow> {
  const found = new Map<string, ChunkRow | undefined>();
  for (const [path, { kind }] of engine.store.files()) {
    if (kind === 'docs') continue;
    for (const row of engine.store.chunkRowsOfFile(path))
      for (const name of row.symbols) found.set(name, found.has(name) || kind !== 'code' ? undefined : row);
  }
  const telling = [...found].filter(([name, row]) => row !== undefined && splitIdentifier(name).length > 1);
  return new Map(telling as [string, ChunkRow][]);
}

/** A log of changes names what it tells of in passing. */
function isDiary(path: string): boolean {
  return /change|history|news|release|migrat|upgrad|licen[cs]e|todo/i.test(path);
}

function readChunks(engine: Engine, root: string, path: string): { row: ChunkRow; text: string }[] {
  const text = readFileSync(join(root, path), 'utf8');
  const spans = lineSpans(text);
  const chunks = engine.store.chunkRowsOfFile(path).filter(({ startLine }) => startLine > 0);
  return chunks.map((row) => ({ row, text: sliceLines(text, spans, row.startLine, row.endLine) }));
}

/** `name`, ``name``, :func:`~module.name`, [name]: the last word of what stands in the marks, and headings that are a name. */
const MARKED = /`{1,2}([^`\n]{2,120})`{1,2}|^(?:#{1,6}|\.\. \w+::)\s*([\w.:#]+)/gm;

function namedIn(text: string, definitions: ReadonlyMap<string, ChunkRow>): Map<string, ChunkRow> {
  const found = new Map<string, ChunkRow>();
  for (const [, marked, heading] of text.matchAll(MARKED)) {
    const name = /([\w$]+)(?:\(.*\))?[>]?$/.exec((marked ?? heading)!.trim())?.[1];
    const row = name === undefined ? undefined : definitions.get(name);
    if (row !== undefined) found.set(name!, row);
  }
  return found;
}

/** The names, and every identifier that is made of a part of one, give way to a word without meaning. */
function mask(text: string, names: readonly string[]): string {
  const parts = new Set(names.flatMap((name) => splitIdentifier(name)).filter((part) => part.length > 2));
  return text.replace(/[\p{L}_$][\p{L}\p{N}_$]*/gu, (word) =>
    names.includes(word) || (/_|\p{Ll}\p{Lu}/u.test(word) && splitIdentifier(word).some((part) => parts.has(part)))
      ? 'thing'
      : word,
  );
}

function targetOf({ path, startLine, endLine }: ChunkRow): Target {
  return { path, startLine, endLine };
}

/** The same ones every time, and none for where it stands. */
function sample(questions: readonly Question[]): Question[] {
  const order = (one: Question): string => hashText(`${one.direction} ${one.of}`);
  return [...questions].sort((a, b) => (order(a) < order(b) ? -1 : 1)).slice(0, EACH_MAX);
}

export function docsReport(rows: readonly Documented[]): string {
  const lines: string[] = [''];
  for (const direction of DIRECTIONS) {
    const asked = rows.filter((row) => row.direction === direction);
    lines.push(
      `| ${direction}, names masked | pairs | way | recall@1 | recall@5 | NDCG@10 | recall@5, 95 % of bootstraps |`,
      '| --- | --- | --- | --- | --- | --- | --- |',
    );
    const parts: [string, Documented[]][] = [['all', asked], ...halves(asked)];
    parts.push(...[...groups(asked, ({ language }) => language)].sort());
    for (const [name, part] of parts) for (const way of WAYS) lines.push(lineOf(name, part, way));
    lines.push('');
  }
  return `${lines.join('\n')}\n`;
}

/** Every other repository in name order. */
function halves(rows: readonly Documented[]): [string, Documented[]][] {
  const names = [...new Set(rows.map(({ repo }) => repo))].sort();
  const half = (rest: number) => rows.filter(({ repo }) => names.indexOf(repo) % 2 === rest);
  return [
    ['odd half', half(0)],
    ['even half', half(1)],
  ];
}

function lineOf(name: string, rows: readonly Documented[], way: Way): string {
  const within = (depth: number) => (row: Documented) => Number(row.rank[way] > 0 && row.rank[way] <= depth);
  const share = (measure: (row: Documented) => number): string => mean(rows.map(measure)).toFixed(3);
  const scores = [...groups(rows, ({ repo }) => repo).values()].map((group) => group.map(within(5)));
  const bounds = name.includes(' ') || name === 'all' ? interval(scores).map((bound) => bound.toFixed(3)) : [];
  const figures = [share(within(1)), share(within(5)), share((row) => row.ndcg[way])];
  return `| ${name} | ${rows.length} | ${way} | ${figures.join(' | ')} | ${bounds.join('-')} |`;
}
