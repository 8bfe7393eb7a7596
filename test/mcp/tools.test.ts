import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DowserError } from '../../src/errors.ts';
import { INSTRUCTIONS } from '../../src/mcp/instructions.ts';
import { TOOLS } from '../../src/mcp/tools.ts';
import { MemoryIndex } from './memoryIndex.ts';

const signal = new AbortController().signal;
const tool = (name: string) => TOOLS.find((candidate) => candidate.name === name)!;
const memory = () =>
  new MemoryIndex({ 'src/lease.ts': 'export function takeLease() {}', 'src/other.ts': 'export const other = 2;' });

/** What a call is refused with. */
function refusal(name: string, input: unknown): string {
  try {
    tool(name).prepare(input);
  } catch (error) {
    if (error instanceof DowserError && error.code === 'bad_argument') return error.message;
    throw error;
  }
  return 'accepted';
}

async function requestOf(name: string, input: unknown): Promise<Record<string, unknown>> {
  const index = memory();
  await tool(name).prepare(input)(index, signal);
  const { signal: passed, ...request } = index.asked[0]!.request;
  expect(passed).toBe(signal);
  return request;
}

describe('the table of tools', () => {
  test('lists these tools in this order', () => {
    expect(TOOLS.map(({ name }) => name)).toEqual(['search_code', 'find_similar', 'complete_context', 'index_status']);
  });

  test('describes every tool and every argument, refuses unknown ones, and keeps schemas plain', () => {
    for (const { name, title, description, inputSchema } of TOOLS) {
      expect(title.length, name).toBeGreaterThan(5);
      expect(description.length, name).toBeGreaterThan(100);
      expect(description.length, name).toBeLessThan(1_000);
      expect(inputSchema, name).toMatchObject({ type: 'object', additionalProperties: false });
      for (const [argument, schema] of Object.entries(
        inputSchema.properties as Record<string, { description?: string; type?: string }>,
      )) {
        expect(schema.description?.length, `${name}.${argument}`).toBeGreaterThan(20);
        expect(schema.type, `${name}.${argument}`).toMatch(/^(string|number|integer|array)$/);
      }
    }
  });

  test('says the bounds that it checks', () => {
    expect(tool('search_code').inputSchema).toMatchObject({
      required: ['query'],
      properties: {
        limit: { type: 'integer', minimum: 1, maximum: 50 },
        max_tokens: { type: 'integer', minimum: 200, maximum: 20_000 },
        kind: { enum: ['code', 'docs', 'tests', 'config', 'any'] },
      },
    });
  });

  test('the instructions name every tool and stay short', () => {
    for (const { name } of TOOLS) expect(INSTRUCTIONS).toContain(name);
    expect(INSTRUCTIONS.length).toBeLessThan(2_000);
  });
});

describe('arguments', () => {
  test.each([
    ['search_code', {}, "'query': missing"],
    ['search_code', { query: '' }, "'query'"],
    ['search_code', { query: 7 }, "'query'"],
    ['search_code', { query: 'x', maxTokens: 300 }, "Unknown argument 'maxTokens'. Did you mean 'max_tokens'?"],
    [
      'search_code',
      { query: 'x', zebra: 1 },
      "Unknown argument 'zebra'. It takes query, paths, languages, kind, limit, max_tokens.",
    ],
    ['search_code', { query: 'x', limit: 0 }, "'limit'"],
    ['search_code', { query: 'x', limit: 51 }, 'Most snippets to return, 1 to 50'],
    ['search_code', { query: 'x', limit: 1.5 }, "'limit'"],
    ['search_code', { query: 'x', max_tokens: 199 }, "'max_tokens'"],
    ['search_code', { query: 'x', kind: 'all' }, "'kind'"],
    ['search_code', { query: 'x', paths: [1] }, "'paths.0'"],
    ['search_code', 'query', 'takes an object of named arguments: query,'],
    ['search_code', ['query'], 'takes an object of named arguments'],
    ['find_similar', { path: 'a.ts', line: -1 }, "'line'"],
    ['find_similar', { code: 'x', min_similarity: 1.1 }, "'min_similarity'"],
    ['index_status', { verbose: true }, "Unknown argument 'verbose'. It takes no arguments."],
  ])('%s refuses %j by name', (name, input, message) => {
    expect(refusal(name, input)).toContain(message);
  });

  test('several complaints come together', () => {
    expect(refusal('search_code', { limit: 99, qurey: 'x' })).toMatch(
      /Unknown argument 'qurey'.*'query': missing.*'limit'/s,
    );
  });

  test('numbers written as text, a single item for a list, and null for nothing are understood', async () => {
    const input = {
      query: 'lease',
      limit: '3',
      max_tokens: '400',
      paths: 'src/**',
      languages: '["typescript"]',
      kind: null,
    };
    expect(await requestOf('search_code', input)).toEqual({
      query: 'lease',
      limit: 3,
      maxTokens: 400,
      paths: ['src/**'],
      languages: ['typescript'],
    });
    expect(await requestOf('search_code', { query: 'lease', paths: '[ab].ts' })).toMatchObject({ paths: ['[ab].ts'] });
  });

  test('any kind is no filter', async () => {
    expect(await requestOf('search_code', { query: 'lease', kind: 'any' })).toEqual({ query: 'lease' });
    expect(await requestOf('search_code', { query: 'lease', kind: 'tests' })).toEqual({
      query: 'lease',
      kind: 'tests',
    });
  });

  test('globs from the top of the disk count from the root', async () => {
    const paths = ['/repo/src/**', '!/repo/src/old/**', '/elsewhere/**', 'src/*.ts'];
    const expected = ['src/**', '!src/old/**', '/elsewhere/**', 'src/*.ts'];
    expect(await requestOf('search_code', { query: 'lease', paths })).toEqual({ query: 'lease', paths: expected });
    expect(await requestOf('find_similar', { code: 'lease', paths })).toEqual({ code: 'lease', paths: expected });
  });

  test('a place as answers write it is understood', async () => {
    expect(await requestOf('find_similar', { path: 'src/lease.ts:1-1' })).toEqual({ path: 'src/lease.ts', line: 1 });
    expect(await requestOf('complete_context', { path: 'src/lease.ts:1', column: 4 })).toEqual({
      path: 'src/lease.ts',
      line: 1,
      column: 4,
    });
    expect(await requestOf('complete_context', { path: 'a:3', prefix: 'x' })).toEqual({ path: 'a:3', prefix: 'x' });
  });

  test.each([
    ['find_similar', {}, "either 'code', or 'path' and 'line'"],
    ['find_similar', { path: 'a.ts', line: 1, code: 'x' }, "either 'code', or 'path' and 'line'"],
    ['find_similar', { path: 'a.ts' }, "'path' and 'line' belong together"],
    ['find_similar', { line: 3 }, "'path' and 'line' belong together"],
    ['complete_context', {}, "'path' and 'line' of the cursor"],
    ['complete_context', { path: 'a.ts' }, "'path' and 'line' of the cursor"],
    ['complete_context', { prefix: 'x', line: 3 }, "leave out 'line' and 'column'"],
    ['complete_context', { path: 'a.ts', line: 3, suffix: 'x' }, "'suffix' goes with 'prefix'"],
  ])('%s refuses %j, which does not say one place', async (name, input, message) => {
    await expect(tool(name).prepare(input)(memory(), signal)).rejects.toThrow(message);
  });

  test('whatever is given is either read or refused in words', () => {
    const value = fc.oneof(
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
      fc.object({ maxDepth: 1 }),
    );
    const names = fc.constantFrom(
      'query',
      'paths',
      'limit',
      'line',
      'path',
      'code',
      'prefix',
      '__proto__',
      'constructor',
      'toString',
      'x',
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...TOOLS),
        fc.oneof(fc.dictionary(names, value), fc.anything()),
        ({ name }, input) => {
          expect(refusal(name, input)).toMatch(/^(accepted|\w+: |\w+ takes an object)/);
        },
      ),
      { numRuns: 500, seed: 3 },
    );
  });
});

describe('a call', () => {
  test('answers with what the index found', async () => {
    const text = await tool('search_code').prepare({ query: 'takeLease' })(memory(), signal);
    expect(text).toContain('1. src/lease.ts:1-1');
    expect(text).toContain('export function takeLease() {}');
  });

  test('advises to drop filters only where there are some', async () => {
    expect(await tool('search_code').prepare({ query: 'zzz' })(memory(), signal)).not.toContain('drop paths');
    expect(await tool('search_code').prepare({ query: 'zzz', paths: ['a'] })(memory(), signal)).toContain('drop paths');
  });

  test('keeps the answer within max_tokens', async () => {
    const index = new MemoryIndex({ 'a.ts': `lease\n${'lease of something long\n'.repeat(5_000)}` });
    const text = await tool('search_code').prepare({ query: 'lease', max_tokens: 300 })(index, signal);
    expect(Buffer.byteLength(text)).toBeLessThan(2_000);
  });

  test('tells the state of the index', async () => {
    expect(await tool('index_status').prepare(undefined)(memory(), signal)).toContain('Root: /repo');
  });
});
