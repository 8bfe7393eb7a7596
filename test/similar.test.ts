/** Code like a given piece: planted copies are found, the piece itself is not, and places that are none are refused. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findSimilar } from '../src/similar.ts';
import type { Embedder, SimilarRequest } from '../src/types.ts';
import { writeTinyModel } from './embed/tinyModel.ts';
import { makeFolder } from './source/tree.ts';
import { lines, makeProject, type Opened, openSynced, openUnattended, pathsOf, placesOf } from './support.ts';

const ORIGINAL = lines(
  'export function parseQueryString(text) {',
  '  const found = new Map();',
  "  for (const part of text.split('&')) {",
  "    const [name, value] = part.split('=');",
  '    found.set(decodeURIComponent(name), decodeURIComponent(value));',
  '  }',
  '  return found;',
  '}',
);
const RENAMED = ORIGINAL.replaceAll('parseQueryString', 'readZebraParams')
  .replaceAll('found', 'zebraFish')
  .replaceAll('part', 'zebraStripe');
const OTHERS = Object.fromEntries(
  Array.from({ length: 12 }, (_, at) => [
    `src/other${at}.js`,
    lines(
      `export class Depot${at} {`,
      `  route(start${at}, goal) {`,
      `    return this.wait(start${at} * goal);`,
      '  }',
      '}',
    ),
  ]),
);
const PROJECT = { 'src/query.js': ORIGINAL, 'src/copy.js': ORIGINAL, 'lib/renamed.js': RENAMED, ...OTHERS };

let model: string;
beforeAll(() => {
  model = writeTinyModel(makeFolder());
});

describe.each(['none', 'tiny'])('with the model %s', (name) => {
  const settings = (): { model: string } => ({ model: name === 'none' ? 'none' : model });

  test('the copy and the renamed copy of a place come first, the place itself not at all', async () => {
    const { index } = await openSynced(makeProject(PROJECT), settings());
    const answer = await index.similar({ path: 'src/query.js', line: 4, limit: 2 });
    expect(pathsOf(answer)).toEqual(['src/copy.js', 'lib/renamed.js']);
    expect(answer.question).toBe('src/query.js:1-8');
    expect(answer.snippets[0]!.reasons.map((reason) => reason.name)).toContain('identical');
    expect(answer.snippets[1]!.reasons.map((reason) => reason.name)).not.toContain('identical');
  });

  test.each([
    ['as it is', ORIGINAL],
    ['without its last line end', ORIGINAL.trimEnd()],
    ['with blank lines around it', `\n\n${ORIGINAL}\n\n`],
  ])('given code finds its copies, %s', async (_, code) => {
    const { index } = await openSynced(makeProject(PROJECT), settings());
    const answer = await index.similar({ code, limit: 3 });
    const [copy, renamed] = answer.snippets;
    expect([copy!.path, ...copy!.likeness!.also.map(({ path }) => path)].sort()).toEqual([
      'src/copy.js',
      'src/query.js',
    ]);
    expect(copy!.likeness!.also).toMatchObject([{ startLine: 1, endLine: 8 }]);
    expect(copy!.reasons.map((reason) => reason.name)).toContain('identical');
    expect([copy, renamed].map((one) => [one!.likeness!.verdict, one!.path])).toEqual([
      ['identical', copy!.path],
      ['renamed', 'lib/renamed.js'],
    ]);
  });

  test('code that only shares its form is found by the words that the repository knows', async () => {
    const { index } = await openSynced(makeProject({ 'src/query.js': ORIGINAL, ...OTHERS }), settings());
    expect(pathsOf(await index.similar({ code: RENAMED, limit: 1 }))).toEqual(['src/query.js']);
  });

  test('reasons add up to the score', async () => {
    const { index } = await openSynced(makeProject(PROJECT), settings());
    const { snippets } = await index.similar({ code: ORIGINAL, minSimilarity: 0 });
    expect(snippets.length).toBeGreaterThan(3);
    for (const { score, reasons } of snippets)
      expect(Math.abs(reasons.reduce((sum, { amount }) => sum + amount, 0) - score)).toBeLessThan(1e-9);
  });
});

test('a verdict tells a copy with other comments from one with moved lines and from what is only near', async () => {
  const reworded = ORIGINAL.replace('{\n', '{\n\n  // Reads what stands behind the question mark.\n');
  const moved = lines(
    'function unpackHeron(given) {',
    '  const heron = new Map();',
    "  for (const feather of given.split('&')) {",
    "    const [beak, wing] = feather.split('=');",
    '    if (wing === undefined) continue;',
    '    heron.set(decodeURIComponent(beak), decodeURIComponent(wing));',
    '  }',
    '  log(heron);',
    '  return heron;',
    '}',
  );
  const files = { 'src/query.js': ORIGINAL, 'a/reworded.js': reworded, 'b/moved.js': moved, ...OTHERS };
  const { index } = await openSynced(makeProject(files), { model });
  const { snippets } = await index.similar({ path: 'src/query.js', line: 2, minSimilarity: 0 });
  const verdicts = new Map(snippets.map(({ path, likeness }) => [path, likeness!.verdict]));
  expect(verdicts.get('a/reworded.js')).toBe('identical');
  expect(verdicts.get('b/moved.js')).toBe('same job');
  expect(verdicts.get('src/other1.js')).toBe('related');
});

test('of a chunk too long to show, the lines that are like the piece are shown', async () => {
  const imports = Array.from({ length: 24 }, (_, at) => `import { depotNumber${at} } from '../depots/number${at}.js';`);
  const project = { 'src/long.js': lines(...imports, '', ...ORIGINAL.trimEnd().split('\n')) };
  const { index } = await openSynced(makeProject(project));
  const { snippets } = await index.similar({ code: RENAMED, limit: 1, maxTokens: 200 });
  expect(snippets[0]?.startLine).toBeGreaterThan(10);
  expect(snippets[0]?.text).toContain('parseQueryString');
});

test('filters and the least similarity apply', async () => {
  const { index } = await openSynced(makeProject(PROJECT));
  expect(pathsOf(await index.similar({ path: 'src/query.js', line: 1, paths: ['lib'] }))).toEqual(['lib/renamed.js']);
  expect(pathsOf(await index.similar({ path: 'src/query.js', line: 1, minSimilarity: 1 }))).toEqual(['src/copy.js']);
  const none = await index.similar({ path: 'src/query.js', line: 1, languages: ['go'] });
  expect(none).toMatchObject({ snippets: [], weak: true });
});

test('a place that changed since it was indexed is read as it is now', async () => {
  const root = makeProject(PROJECT);
  const { index } = await openSynced(root);
  writeFileSync(join(root, 'src/other1.js'), ORIGINAL);
  const [first] = (await index.similar({ path: 'src/other1.js', line: 3, limit: 2 })).snippets;
  expect([first!.path, ...first!.likeness!.also.map(({ path }) => path)].sort()).toEqual([
    'src/copy.js',
    'src/query.js',
  ]);
});

test('a line between two chunks still has its surroundings', async () => {
  const root = makeProject({ 'a.txt': 'x\n' });
  const { index } = await openSynced(root);
  mkdirSync(dirname(join(root, 'b/new.js')), { recursive: true });
  writeFileSync(join(root, 'b/new.js'), ORIGINAL);
  expect((await index.similar({ path: 'b/new.js', line: 2 })).question).toMatch(/^b\/new\.js:1-8$/);
});

describe('what is no place and no code', () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await openUnattended(makeProject({ 'src/query.js': ORIGINAL }));
    await opened.index.sync();
  });
  afterAll(() => opened.index.close());

  test.each<[SimilarRequest, string, string]>([
    [{}, 'bad_argument', 'path'],
    [{ path: 'src/query.js' }, 'bad_argument', 'line'],
    [{ path: 'src/query.js', line: 0 }, 'bad_argument', 'line'],
    [{ path: 'src/query.js', line: -3 }, 'bad_argument', 'line'],
    [{ path: 'src/query.js', line: 1.5 }, 'bad_argument', 'line'],
    [{ path: 'src/query.js', line: Number.NaN }, 'bad_argument', 'line'],
    [{ path: 'src/query.js', line: 9 }, 'bad_argument', '8 lines'],
    [{ path: 'src/nothing.js', line: 1 }, 'not_found', 'src/nothing.js'],
    [{ path: 'src', line: 1 }, 'not_found', 'src'],
    [{ path: '../elsewhere.js', line: 1 }, 'outside_root', 'elsewhere'],
    [{ path: '/etc/passwd', line: 1 }, 'outside_root', 'passwd'],
    [{ path: '', line: 1 }, 'bad_argument', 'path'],
    [{ code: '' }, 'bad_argument', 'code'],
    [{ code: ' \n' }, 'bad_argument', 'code'],
    [{ code: 'x', minSimilarity: 2 }, 'bad_argument', 'min_similarity'],
    [{ code: 'x', minSimilarity: Number.NaN }, 'bad_argument', 'min_similarity'],
  ])('%j is refused: %s', async (request, code, words) => {
    await expect(opened.index.similar(request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
  });
});

test('a model that fails costs the meaning, not the answer', async () => {
  const { engine } = await openSynced(makeProject(PROJECT), { model });
  const broken: Embedder = {
    ...engine().embedder!,
    embed: () => Promise.reject(new Error('out of order')),
  };
  const ranked = await findSimilar({ ...engine(), embedder: broken }, { code: RENAMED }, {}, 0.3);
  expect(ranked[0]!.row.path).toBe('lib/renamed.js');
});

test('an empty file has no line to compare', async () => {
  const { index } = await openSynced(makeProject({ 'empty.js': '' }));
  await expect(index.similar({ path: 'empty.js', line: 1 })).rejects.toMatchObject({ code: 'bad_argument' });
  expect(placesOf(await index.similar({ code: ORIGINAL }))).toEqual([]);
});
