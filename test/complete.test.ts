/** What is needed to finish code: definitions of what is used there, never what the caller sees, whatever the text is like. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '../src/types.ts';
import { writeTinyModel } from './embed/tinyModel.ts';
import { makeFolder } from './source/tree.ts';
import { lines, makeProject, type Opened, openSynced, openUnattended, pathsOf, placesOf } from './support.ts';

const PROJECT = {
  'src/clock.ts': lines(
    'export interface DepotClock {',
    '  now(): number;',
    '  tick(): Promise<void>;',
    '}',
    'export function startClock(speed: number): DepotClock {',
    '  return { now: () => speed, tick: async () => undefined };',
    '}',
  ),
  'src/lease.ts': lines(
    "import { startClock } from './clock.ts';",
    '',
    'export class LeaseBook {',
    '  acquireLease(parcel: string): boolean {',
    '    const clock = startClock(2);',
    '    return clock.now() > 1 && parcel !== "";',
    '  }',
    '}',
  ),
  'src/desk.ts': lines(
    "import { LeaseBook } from './lease.ts';",
    '',
    'export function openDesk(name: string): string {',
    '  const book = new LeaseBook();',
    '  ',
    '}',
  ),
  'test/lease.test.ts': lines(
    "import { LeaseBook } from '../src/lease.ts';",
    "test('a lease is given once', () => {",
    "  expect(new LeaseBook().acquireLease('p')).toBe(true);",
    '});',
  ),
  'lib/clock.py': lines('def startClock(speed):', '    return speed'),
  'src/empty.ts': '',
  'src/broken.ts': lines('export class {{{ LeaseBook(', '  new LeaseBook().', '((('),
  ...Object.fromEntries(
    Array.from({ length: 8 }, (_, at) => [
      `src/init${at}.ts`,
      lines(`export function initAll() {`, `  return ${at};`, '}'),
    ]),
  ),
};

describe.each(['none', 'tiny'])('with the model %s', (name) => {
  let opened: Opened;
  beforeAll(async () => {
    const model = name === 'none' ? 'none' : writeTinyModel(makeFolder());
    opened = await openUnattended(makeProject(PROJECT), { model });
    await opened.index.sync();
  });
  afterAll(() => opened.index.close());

  test('the definition of a name used just before the cursor comes first', async () => {
    const answer = await opened.index.complete({ path: 'src/desk.ts', line: 5, column: 3 });
    expect(pathsOf(answer)[0]).toBe('src/lease.ts');
    expect(answer.question).toBe('src/desk.ts:5');
    expect(answer.snippets[0]!.reasons.map((reason) => reason.name)).toContain('defines LeaseBook');
  });

  test('of two definitions of one name the one in the same language counts', async () => {
    const answer = await opened.index.complete({ path: 'src/lease.ts', line: 5 });
    const defining = answer.snippets.filter(({ reasons }) => reasons.some((one) => one.name === 'defines startClock'));
    expect(defining.map(({ path }) => path)).toEqual(['src/clock.ts']);
  });

  test('an imported name counts before it is used', async () => {
    const prefix = "import { startClock } from './clock.ts';\n\nexport function main() {\n  ";
    const answer = await opened.index.complete({ path: 'src/main.ts', prefix });
    expect(pathsOf(answer)[0]).toBe('src/clock.ts');
  });

  test('nothing that the caller sees comes back', async () => {
    for (const line of [1, 4, 6]) {
      const { snippets } = await opened.index.complete({ path: 'src/desk.ts', line, limit: 50, maxTokens: 20_000 });
      expect(snippets.length).toBeGreaterThan(0);
      expect(snippets.map(({ path }) => path)).not.toContain('src/desk.ts');
    }
  });

  test('an unsaved file is taken as it is sent, not as it lies on disk', async () => {
    const prefix = lines('export function later() {', '  const desk = openDesk("a");', '  ');
    const answer = await opened.index.complete({ path: 'src/clock.ts', prefix, suffix: '\n}\n' });
    const reasons = (given: Answer) => given.snippets.flatMap((one) => one.reasons.map(({ name }) => name));
    expect(reasons(answer)).toContain('defines openDesk');
    const alone = await opened.index.complete({ prefix });
    expect(reasons(alone)).toContain('defines openDesk');
    expect(alone.question).toBe('the given code');
  });

  test('a piece from the middle of a file is known again there', async () => {
    const part = (at: number): string =>
      lines(
        `export function part${at}(lease) {`,
        ...Array.from({ length: 40 }, () => `  lease.extend(${at});`),
        '}',
        '',
      );
    const { index } = await openSynced(makeProject({ 'src/long.js': [0, 1, 2, 3, 4].map(part).join('\n') }));
    const answer = await index.complete({
      path: 'src/long.js',
      prefix: part(3).slice(0, 400),
      limit: 50,
      maxTokens: 20_000,
    });
    const shown = answer.snippets.map(({ text }) => text).join('\n');
    expect(shown).toContain('function part1');
    expect(shown).not.toContain('function part3');
  });

  test('a name that many define tells nothing', async () => {
    const { snippets } = await opened.index.complete({ prefix: 'export function run() {\n  initAll();\n  ' });
    const reasons = snippets.flatMap((snippet) => snippet.reasons.map((reason) => reason.name));
    expect(reasons).not.toContain('defines initAll');
  });

  test('a member of what is named here is expected, by its head alone', async () => {
    const answer = await opened.index.complete({ path: 'src/desk.ts', line: 5, column: 3, maxTokens: 200 });
    const text = answer.snippets.map(({ text }) => text).join('\n');
    expect(text).toContain('acquireLease(parcel: string): boolean {');
  });

  test('pieces of one file stand together, the file of the best piece first', async () => {
    const { snippets } = await opened.index.complete({ path: 'src/desk.ts', line: 5, maxTokens: 5_000 });
    const paths = snippets.map(({ path }) => path);
    expect(paths.filter((path, at) => paths.indexOf(path) < at && paths[at - 1] !== path)).toEqual([]);
    const best = Math.max(...snippets.map(({ score }) => score));
    expect(snippets.filter(({ path }) => path === paths[0]).map(({ score }) => score)).toContain(best);
  });

  test('the test of the file is offered', async () => {
    const answer = await opened.index.complete({ path: 'src/lease.ts', line: 6, limit: 50 });
    const offered = answer.snippets.find(({ path }) => path === 'test/lease.test.ts');
    expect(offered?.reasons.map((reason) => reason.name)).toContain('test of this file');
  });

  test.each([
    ['an empty file', { path: 'src/empty.ts', line: 1 }],
    ['code that no parser takes', { path: 'src/broken.ts', line: 2 }],
    ['the line after the last', { path: 'src/desk.ts', line: 7 }],
    ['a column beyond the line', { path: 'src/desk.ts', line: 4, column: 9_999 }],
    ['a file that does not exist yet', { path: 'src/new/file.ts', prefix: 'const book = new LeaseBook();\n' }],
    ['nothing before the cursor', { prefix: '' }],
    ['blanks', { prefix: '  \n\t\n' }],
    ['brackets without end', { prefix: '(('.repeat(500) }],
  ])('%s is answered', async (_, request) => {
    const { snippets, tokens } = await opened.index.complete(request);
    expect(tokens).toBeLessThanOrEqual(2_500);
    for (const { score, reasons } of snippets)
      expect(Math.abs(reasons.reduce((sum, { amount }) => sum + amount, 0) - score)).toBeLessThan(1e-9);
  });

  test('the same cursor gives the same answer', async () => {
    const ask = async () => placesOf(await opened.index.complete({ path: 'src/desk.ts', line: 5 }));
    expect(await ask()).toEqual(await ask());
  });

  test.each([
    [{}, 'bad_argument'],
    [{ path: 'src/desk.ts' }, 'bad_argument'],
    [{ path: 'src/desk.ts', line: 0 }, 'bad_argument'],
    [{ path: 'src/desk.ts', line: 99 }, 'bad_argument'],
    [{ path: 'src/desk.ts', line: 2.5 }, 'bad_argument'],
    [{ path: 'src/desk.ts', line: 1, column: 0 }, 'bad_argument'],
    [{ path: 'src/desk.ts', line: 1, column: Number.NaN }, 'bad_argument'],
    [{ path: 'src/nothing.ts', line: 1 }, 'not_found'],
    [{ path: '../desk.ts', line: 1 }, 'outside_root'],
    [{ path: '../desk.ts', prefix: 'x' }, 'outside_root'],
  ])('%j is refused: %s', async (request, code) => {
    await expect(opened.index.complete(request)).rejects.toMatchObject({ code });
  });
});
