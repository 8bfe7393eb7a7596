/** Trip two over a real index: filters inside the retrieval, what can't be a filter, and no text that breaks it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DowserError } from '../src/errors.ts';
import type { Answer, CodeIndex, SearchRequest } from '../src/types.ts';
import { lines, makeProject, type Opened, openSynced, openUnattended, pathsOf } from './support.ts';

const PROJECT: Readonly<Record<string, string | Uint8Array>> = {
  'src/lease.ts': lines('export function acquireLease(parcel: string) {', '  return wait(parcel);', '}'),
  'src/deep/lease.py': lines('def acquire_lease(parcel):', '    return wait(parcel)'),
  'lib/lease.go': lines('package lib', '', 'func AcquireLease(parcel string) bool {', '\treturn wait(parcel)', '}'),
  'test/lease.test.ts': lines("test('acquireLease waits', () => {", "  acquireLease('parcel');", '});'),
  'docs/lease.md': lines('# Leases', '', 'Acquire a lease of a parcel before it is moved.'),
  'lease.config.json': lines('{ "lease": { "acquire": true, "parcel": 1 } }'),
  'assets/parcel.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]),
};
const QUESTION = 'acquire the lease of a parcel';

describe('filters', () => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await openUnattended(makeProject(PROJECT));
    await opened.index.sync();
  });
  afterAll(() => opened.index.close());
  const ask = async (filters: Partial<SearchRequest>): Promise<string[]> =>
    pathsOf(await opened.index.search({ query: QUESTION, limit: 20, ...filters })).sort();

  test.each<[Partial<SearchRequest>, string[]]>([
    [{ kind: 'tests' }, ['test/lease.test.ts']],
    [{ kind: 'docs' }, ['docs/lease.md']],
    [{ kind: 'config' }, ['lease.config.json']],
    [{ languages: ['python'] }, ['src/deep/lease.py']],
    [{ languages: ['py', 'Go'] }, ['lib/lease.go', 'src/deep/lease.py']],
    [{ languages: ['.ts'], kind: 'code' }, ['src/lease.ts']],
    [{ paths: ['src'] }, ['src/deep/lease.py', 'src/lease.ts']],
    [{ paths: ['src/'] }, ['src/deep/lease.py', 'src/lease.ts']],
    [{ paths: ['./src/*'] }, ['src/deep/lease.py', 'src/lease.ts']],
    [{ paths: ['src/*.ts'] }, ['src/lease.ts']],
    [{ paths: ['**/*.go'] }, ['lib/lease.go']],
    [{ paths: ['*.py'] }, ['src/deep/lease.py']],
    [{ paths: ['lib/**', 'docs/**'] }, ['docs/lease.md', 'lib/lease.go']],
    [{ paths: ['src', '!src/deep'] }, ['src/lease.ts']],
    [{ paths: ['src', '!*.py'] }, ['src/lease.ts']],
    [{ paths: ['!src', '!lib', '!test'], kind: 'code' }, ['assets/parcel.png']],
    [{ paths: ['nowhere/**'] }, []],
    [{ paths: ['!**'] }, []],
    [{ paths: [], languages: [], kind: 'tests' }, ['test/lease.test.ts']],
  ])('%j', async (filters, expected) => {
    expect(await ask(filters)).toEqual(expected);
  });

  test('none at all is everything that has a word of the question', async () => {
    expect(await ask({})).toEqual(Object.keys(PROJECT).sort());
  });

  test.each<[Partial<SearchRequest>, string]>([
    [{ languages: ['klingon'] }, 'klingon'],
    [{ languages: ['typescript', ''] }, "''"],
    [{ languages: ['constructor'] }, 'constructor'],
    [{ paths: ['a'.repeat(70_000)] }, 'paths'],
    [{ paths: ['src', `!${'*a'.repeat(50)}`] }, 'paths'],
    [{ limit: 0 }, 'limit'],
    [{ limit: 51 }, 'limit'],
    [{ limit: 2.5 }, 'limit'],
    [{ maxTokens: 199 }, 'max_tokens'],
    [{ maxTokens: Number.NaN }, 'max_tokens'],
    [{ query: '' }, 'query'],
    [{ query: '=> {} ...' }, 'query'],
  ])('what can not be used is refused by name: %#', async (request, name) => {
    const asked = opened.index.search({ query: QUESTION, ...request });
    await expect(asked).rejects.toMatchObject({ code: 'bad_argument', message: expect.stringContaining(name) });
  });
});

test('a folder whose name looks like a pattern can be named', async () => {
  const names = ['app/(shop)/page.js', 'app/[slug]/page.js', 'app/s/page.js', 'app/shop/page.js', 'app/(a)+/page.js'];
  const { index } = await openSynced(makeProject(Object.fromEntries(names.map((name) => [name, 'lease();\n']))));
  const ask = async (...paths: string[]): Promise<string[]> => pathsOf(await index.search({ query: 'lease', paths }));
  expect(await ask('app/(shop)/**')).toEqual(['app/(shop)/page.js']);
  expect(await ask('(shop)')).toEqual(['app/(shop)/page.js']);
  expect(await ask('app/[slug]/page.js')).toContain('app/[slug]/page.js');
  expect(await ask('app/[slug]')).toContain('app/[slug]/page.js');
  expect(await ask(`(a)+(${'a*)*('.repeat(4)}b)`)).toEqual([]);
});

test('a filter that leaves one chunk in a thousand still fills the answer', async () => {
  const body = '  lease.acquire(parcel, parcel, lease);\n'.repeat(30);
  const files = Array.from({ length: 40 }, (_, file): [string, string] => {
    const functions = Array.from({ length: 50 }, (_, at) => `function take${file}x${at}(lease) {\n${body}}\n`);
    return [`many/file${file}.js`, functions.join('\n')];
  });
  const rare = Array.from({ length: 2 }, (_, at): [string, string] => [
    `rare/file${at}.js`,
    `function rare${at}() {\n  // a lease, somewhere\n  return ${at};\n}\n`,
  ]);
  const { index, engine } = await openSynced(makeProject(Object.fromEntries([...files, ...rare])), { workers: 2 });
  expect(engine().store.chunkCount()).toBeGreaterThanOrEqual(2_000);
  const answer = await index.search({ query: QUESTION, paths: ['rare/**'], limit: 2 });
  expect(pathsOf(answer).sort()).toEqual(rare.map(([path]) => path));
});

describe('an answer', () => {
  test('about files that change under it has the new text', async () => {
    const root = makeProject({ 'a.js': 'function lease() {\n  return 1;\n}\n' });
    const { index } = await openSynced(root);
    await index.search({ query: 'lease' });
    // Within a second of that sweep no question looks at the disk again, but what it shows is read from there.
    writeFileSync(join(root, 'a.js'), '// moved\n\nfunction lease() {\n  return 22;\n}\n');
    const { snippets, omitted } = await index.search({ query: 'lease' });
    expect(snippets.map(({ text }) => text).join('\n')).toContain('return 22;');
    expect(omitted.vanished).toBe(0);
  });

  test('is the same every time', async () => {
    const { index } = await openSynced(makeProject(PROJECT));
    const [one, other] = [await index.search({ query: QUESTION }), await index.search({ query: QUESTION })];
    expect(other.snippets).toEqual(one.snippets);
  });

  test('has reasons that add up to each score, and stays within its budget', async () => {
    const { index } = await openSynced(makeProject(PROJECT));
    const { snippets, tokens } = await index.search({ query: QUESTION, maxTokens: 300 });
    expect(snippets.length).toBeGreaterThan(0);
    expect(tokens).toBeLessThanOrEqual(300);
    for (const { score, reasons } of snippets)
      expect(Math.abs(reasons.reduce((sum, { amount }) => sum + amount, 0) - score)).toBeLessThan(1e-9);
  });

  test('of an empty repository is empty and weak', async () => {
    const { index } = await openSynced(makeProject({}));
    expect(await index.search({ query: QUESTION })).toMatchObject({ snippets: [], weak: true });
  });
});

test('two thousand questions of any text raise nothing but refusals', async () => {
  const { index } = await openSynced(makeProject(PROJECT));
  const syntax = fc.constantFrom(
    ...'"*()^:+-{}.,\'\\/%_ \n\0'.split(''),
    'AND',
    'OR',
    'NOT',
    'NEAR',
    ' lease',
    'body:',
    '😀',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.string({ unit: syntax, maxLength: 30 }),
  );
  const ask = fc.oneof(
    fc.record({ query: text }).map((request) => (on: CodeIndex) => on.search(request)),
    fc.record({ query: text, paths: fc.array(text, { maxLength: 3 }) }).map((request) => (on: CodeIndex) => {
      return on.search({ ...request, limit: 3 });
    }),
    fc.record({ code: text }).map((request) => (on: CodeIndex) => on.similar(request)),
    fc.record({ path: text, line: fc.integer() }).map((request) => (on: CodeIndex) => on.similar(request)),
    fc.record({ prefix: text, suffix: text }).map((request) => (on: CodeIndex) => on.complete(request)),
    fc
      .record({ path: fc.oneof(text, fc.constant('src/lease.ts')), line: fc.double(), column: fc.double() })
      .map((request) => (on: CodeIndex) => on.complete(request)),
  );
  await fc.assert(
    fc.asyncProperty(ask, async (question) => {
      const answer: Answer | DowserError = await question(index).catch((error: unknown) => {
        if (error instanceof DowserError) return error;
        throw error;
      });
      if ('snippets' in answer) expect(answer.tokens).toBeLessThanOrEqual(2_500);
      else expect(['bad_argument', 'outside_root', 'not_found']).toContain(answer.code);
    }),
    { seed: 41, numRuns: 2_000 },
  );
});

test.each([
  ['one word', 'x'.repeat(1_000_000)],
  ['many words', 'lease parcel unknownWord '.repeat(40_000)],
  ['different words', Array.from({ length: 120_000 }, (_, at) => `w${at}`).join(' ')],
  ['line ends', '\n'.repeat(1_000_000)],
  ['brackets', '('.repeat(1_000_000)],
])('a million characters are answered or refused: %s', async (_, text) => {
  const { index } = await openSynced(makeProject(PROJECT));
  for (const asked of [index.search({ query: text }), index.similar({ code: text }), index.complete({ prefix: text })])
    await asked.catch((error: unknown) => expect(error).toBeInstanceOf(DowserError));
});
