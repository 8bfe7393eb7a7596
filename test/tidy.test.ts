/** The rules of the house that a machine can check: floors, doors, file lengths, no console. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const LINES_MAX = 300;

/** From the ground up; a file imports from its own room or from floors below it. */
const FLOORS: readonly (readonly string[])[] = [
  ['alike.ts', 'progress.ts'],
  ['types.ts'],
  [
    'tokens.ts',
    'languages.ts',
    'errors.ts',
    'log.ts',
    'hash.ts',
    'lines.ts',
    'time.ts',
    'memory.ts',
    'imports.ts',
    'power.ts',
    'script.ts',
  ],
  ['config.ts', 'http.ts'],
  ['source', 'chunk', 'embed', 'store', 'rank'],
  ['library'],
  ['pool.ts', 'probe.ts', 'prepare.ts', 'waiting.ts', 'meaning.ts', 'spelling.ts'],
  ['worker.ts', 'show.ts', 'compare.ts'],
  ['hasten.ts', 'indexing.ts'],
  ['sync.ts', 'search.ts'],
  ['cursor.ts'],
  ['expect.ts'],
  ['similar.ts', 'dupes.ts', 'complete.ts', 'drift'],
  ['sessions.ts'],
  ['housekeeping.ts', 'stall.ts', 'behind.ts', 'freshen.ts', 'share.ts'],
  ['slow.ts'],
  ['upkeep.ts'],
  ['index.ts'],
  ['mcp'],
  ['cli'],
];

/** Each foreign library has one door. */
const DOORS: Readonly<Record<string, RegExp>> = {
  'better-sqlite3': /^store\//,
  'web-tree-sitter': /^chunk\/grammars\.ts$/,
  'onnxruntime-node': /^embed\/onnx\.ts$/,
  '@huggingface/tokenizers': /^embed\/tokenizer\.ts$/,
  '@modelcontextprotocol/server': /^mcp\//,
  '@secretlint': /^source\/mask\.ts$/,
  chokidar: /^source\/watch\.ts$/,
  ignore: /^source\/ignore\.ts$/,
};

/** Tables of data may be longer. */
const TABLES = ['languages.ts'];

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'))
  .sort();
const room = (file: string): string => file.split('/')[0]!;
const floor = (file: string): number => FLOORS.findIndex((rooms) => rooms.includes(room(file)));
const textOf = (file: string): string => readFileSync(join(SRC, file), 'utf8');
const importsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)].map(([, specifier]) => specifier!);

describe('the house', () => {
  test('every file has a floor', () => {
    expect(files.filter((file) => floor(file) === -1)).toEqual([]);
  });

  test('imports only go down', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(posix.dirname(file), specifier))
        .filter((target) => room(target) !== room(file) && floor(target) >= floor(file))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('each foreign library has one door', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) =>
          Object.keys(DOORS).some(
            (name) => (specifier === name || specifier.startsWith(`${name}/`)) && !DOORS[name]!.test(file),
          ),
        )
        .map((specifier) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no file is longer than three hundred lines', () => {
    const long = files.filter((file) => !TABLES.includes(file) && textOf(file).split('\n').length > LINES_MAX);
    expect(long).toEqual([]);
  });

  test('nothing in the program writes with console', () => {
    expect(files.filter((file) => /\bconsole\./.test(textOf(file)))).toEqual([]);
  });

  test('every file opens with a sentence on what it is for', () => {
    expect(files.filter((file) => !/^(?:#!.*\n)?\/\*\*?[\s\S]{20,}?\*\//.test(textOf(file)))).toEqual([]);
  });
});
