import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunkFile } from '../../src/chunk/chunk.ts';
import { CHUNK_SIZES, CHUNKS_PER_FILE_MAX } from '../../src/chunk/cut.ts';
import { brokenGrammars } from '../../src/chunk/grammars.ts';
import { LANGUAGES } from '../../src/languages.ts';
import type { Chunk } from '../../src/types.ts';
import { filledLines, makeFile, outlineOf } from './helpers.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/languages/', import.meta.url));
const GOLDEN = fileURLToPath(new URL('./golden/', import.meta.url));
/** Small enough that a fixture has several chunks. */
const SMALL_SIZES = { aimChars: 350, maxChars: 700 };

/** Fixtures end in `.txt`, so that no tool takes them for code of this project. */
const fixtures = readdirSync(FIXTURES).map((name) => name.replace(/\.txt$/, ''));
const fixture = (name: string): string => readFileSync(`${FIXTURES}${name}.txt`, 'utf8');

/** What must hold of the chunks of any text. */
function expectWhole(text: string, chunks: readonly Chunk[]): void {
  const lines = text.split('\n');
  const covered = chunks.flatMap(({ startLine, endLine, text: chunk }) => {
    const own = chunk.split('\n').map((line, index, all) => (index < all.length - 1 ? line.replace(/\r$/, '') : line));
    expect(own).toHaveLength(endLine - startLine + 1);
    expect(own[0]).toMatch(/\S/);
    expect(own.at(-1)).toMatch(/\S/);
    expect(text).toContain(chunk);
    return own.map((line, index) => ({ line: startLine + index, text: line })).filter((line) => /\S/.test(line.text));
  });
  expect(covered).toEqual(filledLines(text));
  expect(chunks.every(({ endLine }) => endLine <= lines.length)).toBe(true);
}

describe('chunks of every language', () => {
  test.each(fixtures)('of %s are cut and named as the golden file says', async (name) => {
    const text = fixture(name);
    const chunks = await chunkFile(makeFile(name, text), SMALL_SIZES);
    expectWhole(text, chunks);
    await expect(outlineOf(chunks)).toMatchFileSnapshot(`${GOLDEN}${name}.txt`);
  });

  test('need no fallback: every grammar loads', () => {
    expect([...brokenGrammars()]).toEqual([]);
  });

  test('have a fixture wherever there is a grammar', () => {
    const extensions = new Set(fixtures.map((name) => name.slice(name.lastIndexOf('.'))));
    const missing = LANGUAGES.filter(
      (row) => row.syntax && !row.extensions.some((extension) => extensions.has(extension)),
    );
    expect(missing.map(({ id }) => id)).toEqual([]);
  });
});

describe('any text', () => {
  const extensions = LANGUAGES.flatMap((row) =>
    row.syntax || row.id === 'markdown' ? [row.extensions[0]!] : [],
  ).concat('.x');
  const sources = fixtures.map(fixture);
  const line = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.constantFrom(
      '',
      ' ',
      '\t',
      '{',
      '}',
      'class A {',
      'def f():',
      '  return 1',
      '# a',
      '"""',
      '/*',
      '*/',
      '\f',
      '\u2028',
      '\r',
    ),
  );
  const noise = fc
    .array(line, { maxLength: 60 })
    .chain((lines) => fc.constantFrom('\n', '\r\n', '\r').map((end) => lines.join(end)));
  /** A real file with a piece cut out: unclosed brackets, strings, comments. */
  const broken = fc
    .tuple(fc.constantFrom(...sources), fc.nat(3_000), fc.nat(400))
    .map(([text, at, length]) => text.slice(0, at) + text.slice(at + length));

  test('has each line that is not blank in exactly one chunk, in order, as it is in the file', async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...extensions),
      fc.oneof(noise, broken),
      async (extension, text) => {
        expectWhole(text, await chunkFile(makeFile(`a${extension}`, text), SMALL_SIZES));
      },
    );
    await fc.assert(property, { numRuns: 300, seed: 7 });
  });

  test('is chunked the same way twice', async () => {
    for (const name of fixtures) {
      const file = makeFile(name, fixture(name));
      expect(await chunkFile(file)).toEqual(await chunkFile(file));
    }
  });
});

describe('a chunk', () => {
  test('has the language, the path and the kind of its file', async () => {
    const [chunk] = await chunkFile(makeFile('src/a.py', 'def f():\n    pass\n'));
    expect(chunk).toEqual({
      path: 'src/a.py',
      language: 'python',
      kind: 'code',
      startLine: 1,
      endLine: 2,
      text: 'def f():\n    pass',
      symbols: ['f'],
      scope: [],
    });
  });

  test('keeps the line ends of its file and leaves out its own last one', async () => {
    const [chunk] = await chunkFile(makeFile('a.py', '\r\n\r\ndef f():\r\n    pass\r\n\r\n'));
    expect(chunk).toMatchObject({ startLine: 3, endLine: 4, text: 'def f():\r\n    pass' });
  });

  test('does not end at a lone carriage return', async () => {
    const [chunk] = await chunkFile(makeFile('a.txt', 'one\rstill one\ntwo\r'));
    expect(chunk).toMatchObject({ startLine: 1, endLine: 2, text: 'one\rstill one\ntwo\r' });
  });

  test('is at most as long as allowed, unless it is a single line', async () => {
    const text = Array.from({ length: 400 }, (_, index) => `value_${index} = compute(${index}, "some words")`).join(
      '\n',
    );
    for (const path of ['a.py', 'a.txt', 'a.cpp', 'a.md']) {
      const chunks = await chunkFile(makeFile(path, `${text}\n${'x'.repeat(9_000)}\n${text}`));
      const long = chunks.filter((chunk) => chunk.text.length > CHUNK_SIZES.maxChars);
      expect(long.map(({ startLine, endLine }) => [startLine, endLine])).toEqual([[401, 401]]);
    }
  });

  test('keeps a comment and a decorator with what they belong to', async () => {
    const body = Array.from({ length: 14 }, (_, index) => `    total += weights[${index}] * values[${index}]`).join(
      '\n',
    );
    const text = ['a', 'b', 'c']
      .map((name) => `# About ${name}.\n@cached\ndef ${name}(values):\n${body}\n    return total\n`)
      .join('\n');
    const chunks = await chunkFile(makeFile('a.py', text), { aimChars: 600, maxChars: 1_200 });
    expect(chunks.map((chunk) => chunk.text.split('\n')[0])).toEqual(['# About a.', '# About b.', '# About c.']);
    expect(chunks.map((chunk) => chunk.symbols)).toEqual([['a'], ['b'], ['c']]);
  });

  test('of the middle of a definition says what it is in', async () => {
    const body = Array.from({ length: 200 }, (_, index) => `        self.values[${index}] = read(${index})`).join('\n');
    const chunks = await chunkFile(
      makeFile('a.py', `class Reader:\n    def load(self):\n${body}\n\ndef after():\n    pass\n`),
    );
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks[0]).toMatchObject({ symbols: ['Reader', 'load'], scope: [] });
    expect(chunks[1]).toMatchObject({ symbols: [], scope: ['Reader', 'load'] });
    expect(chunks.at(-1)!.symbols).toEqual(['after']);
  });
});

describe('what can not be parsed well', () => {
  test.each([
    ['nothing', '', 0],
    ['blank lines', '\n \n\t\r\n', 0],
    ['a line without an end', 'x', 1],
  ])('%s gives as many chunks as it has text for', async (_, text, count) => {
    for (const path of ['a.ts', 'a.md', 'a.txt']) expect(await chunkFile(makeFile(path, text))).toHaveLength(count);
  });

  test('one line of a megabyte is one chunk', async () => {
    const text = `var a=[${'1234567,'.repeat(131_072)}0]`;
    for (const path of ['a.js', 'a.txt']) {
      const chunks = await chunkFile(makeFile(path, text));
      expect(chunks).toHaveLength(1);
      expect(chunks[0]!.text).toBe(text);
    }
  });

  test.each(['a.js', 'a.py', 'a.rs', 'a.cpp', 'a.ex', 'a.hs', 'a.swift'])(
    'deep nesting in %s overflows nothing',
    async (path) => {
      const text = `${'f(\n'.repeat(8_000)}${')\n'.repeat(8_000)}`;
      expectWhole(text, await chunkFile(makeFile(path, text)));
    },
  );

  test('a text that leads the parser astray is given up in time, and chunked all the same', async () => {
    const text = `${'{ try { } catch { (, e\n'.repeat(6_000)}`;
    expectWhole(text, await chunkFile(makeFile('a.scala', text)));
  });

  test('a file of very many lines has no more chunks than allowed, and loses none', async () => {
    const text = 'abcdefghij\n'.repeat(CHUNKS_PER_FILE_MAX * 160);
    const chunks = await chunkFile(makeFile('a.txt', text, 'lines'));
    expect(chunks.length).toBeLessThanOrEqual(CHUNKS_PER_FILE_MAX);
    expect(chunks.reduce((sum, { startLine, endLine }) => sum + endLine - startLine + 1, 0)).toBe(
      CHUNKS_PER_FILE_MAX * 160,
    );
  });
});

describe('the depth of a file', () => {
  const text = fixture('sample.py');

  test("'name' leaves no chunks", async () => {
    expect(await chunkFile(makeFile('a.py', text, 'name'))).toEqual([]);
  });

  test("'lines' leaves the syntax aside", async () => {
    const chunks = await chunkFile(makeFile('a.py', text, 'lines'), SMALL_SIZES);
    expectWhole(text, chunks);
    expect(chunks.flatMap((chunk) => chunk.symbols)).toEqual([]);
  });
});
