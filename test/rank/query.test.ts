/** Questions as people and agents write them: what kind each is taken for, which names and terms are asked for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QUERY_CHARS_MAX } from '../../src/config.ts';
import { parseQuery } from '../../src/rank/query.ts';
import type { Query, QueryKind } from '../../src/types.ts';

const parse = (text: string): Query => parseQuery(text, {}, 10, 2_500);

const NODE_TRACE = `TypeError: Cannot read properties of undefined (reading 'id')
    at getUser (/app/src/users.js:10:15)
    at async handle (/app/src/server.js:44:3)`;
const PYTHON_TRACE = `Traceback (most recent call last):
  File "/app/main.py", line 4, in <module>
    run()
KeyError: 'name'`;
const RUST_PANIC = "thread 'main' panicked at src/main.rs:3:5:\nindex out of bounds";

describe('the kind of a question', () => {
  test.each<[QueryKind, string, string]>([
    ['symbol', 'HandlerStack', 'HandlerStack'],
    ['symbol', 'parse_url', 'parse_url'],
    ['symbol', 'cache', 'cache'],
    ['symbol', 'Foo::bar', 'Foo bar'],
    ['symbol', 'obj.method()', 'obj method'],
    ['symbol', 'app.get', 'app get'],
    ['symbol', 'os.path', 'os path'],
    ['symbol', 'com.example.Foo', 'com example Foo'],
    ['symbol', 'Foo#bar', 'Foo bar'],
    ['symbol', 'foo->bar', 'foo bar'],
    ['symbol', 'App\\Models\\User', 'App Models User'],
    ['symbol', 'Enum.map/2', 'Enum map'],
    ['symbol', 'empty?', 'empty?'],
    ['symbol', 'save!', 'save!'],
    ['symbol', '$scope', '$scope'],
    ['symbol', 'class Foo', 'Foo'],
    ['symbol', 'type Foo', 'Foo'],
    ['symbol', 'def parse_url', 'parse_url'],
    ['symbol', '日本語', '日本語'],
    ['path', 'src/index.ts', ''],
    ['path', 'index.ts', ''],
    ['path', 'src/main.go:42', ''],
    ['path', 'main.go:42:7', ''],
    ['path', 'tests/', ''],
    ['path', 'package.json', ''],
    ['path', 'config.yaml', ''],
    ['path', '.gitignore', ''],
    ['path', 'C:\\code\\main.c', ''],
    ['path', 'src\\util\\strings.cs', ''],
    ['error', NODE_TRACE, 'TypeError getUser'],
    ['error', PYTHON_TRACE, 'KeyError'],
    ['error', RUST_PANIC, ''],
    ['error', 'java.lang.NullPointerException: null', 'NullPointerException'],
    ['error', 'error[E0308]: mismatched types', 'E0308'],
    ['error', 'panic: runtime error: index out of range [3]', ''],
    ['error', "ENOENT: no such file or directory, open 'a.txt'", ''],
    ['error', 'fatal: not a git repository', ''],
    ['question', 'how does the retry work', ''],
    ['question', 'Where is HandlerStack built?', 'HandlerStack'],
    ['question', 'the lease, when is it let go?', ''],
    ['question', 'How do I\nuse the lease', ''],
    ['keywords', 'connection pool', ''],
    ['keywords', 'error handler', ''],
    ['keywords', 'retry with backoff parse_url', 'parse_url'],
    ['keywords', 'from request to response', ''],
    ['keywords', 'use retry() to send', ''],
    ['keywords', 'GET /users/:id', ''],
    ['keywords', 'std::vector<int>', ''],
    ['code', 'function add(a, b) { return a + b; }', ''],
    ['code', 'def add(a):\n  return a', ''],
    ['code', 'import { a } from "b";', ''],
    ['code', 'from a import b\nb()', ''],
    ['code', '#include <vector>\nint x', ''],
    ['code', 'if err != nil {\n\treturn err\n}', ''],
    ['code', 'xs.map((x) => x + 1)', ''],
  ])('%s: %j', (kind, text, names) => {
    const query = parse(text);
    expect(query.kind).toBe(kind);
    expect(query.names.slice(0, names === '' ? undefined : names.split(' ').length)).toEqual(
      names === '' ? [] : names.split(' '),
    );
  });

  test('only code is compared with code', () => {
    expect(parse('function add(a, b) { return a + b; }').task).toBe('code2code');
    expect(parse('how does add work').task).toBe('nl2code');
  });
});

describe('terms', () => {
  test('leave out what has no weight, but not in a name or a path', () => {
    expect(parse('how does the method of a worker work').terms).toEqual(['work']);
    expect(parse('obj.method()').terms).toEqual(['obj', 'method']);
    expect(parse('src/code/file.ts').terms).toEqual(['src', 'cod', 'fil', 'ts']);
    expect(parse('class Foo').terms).toEqual(['foo']);
  });

  test('come once each and not without end', () => {
    expect(parse('retry retries retrying lease').terms).toEqual(['retry', 'leas']);
    const many = Array.from({ length: 500 }, (_, at) => `w${String.fromCharCode(97 + (at % 26))}${at}`).join(' ');
    expect(parse(many).terms.length).toBeLessThanOrEqual(48);
    expect(parse(many).names.length).toBeLessThanOrEqual(16);
  });

  test('are none where there is no word', () => {
    for (const text of ['', '   ', '=> {} ...', '\0\0']) expect(parse(text).terms).toEqual([]);
  });
});

test('no text is refused, and the same text is always the same query', () => {
  const syntax = fc.constantFrom(
    '(',
    ')',
    '{',
    '::',
    '.',
    '/',
    '\\',
    '\n',
    ' ',
    'a',
    'Bc',
    'Error:',
    'at ',
    '1',
    '\0',
    '"',
  );
  const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: syntax, maxLength: 60 }));
  fc.assert(
    fc.property(texts, (text) => {
      const query = parse(text);
      expect(parse(text)).toEqual(query);
      expect(query.text.length).toBeLessThanOrEqual(QUERY_CHARS_MAX);
      for (const name of query.names) expect(text).toContain(name);
    }),
    { seed: 11, numRuns: 500 },
  );
});

test('texts made to be slow for patterns do not hang', () => {
  const parts = ['a(', '\n', ' at', 'x', 'a.', '::b', '{', '()', 'f(x', 'import ', '\\a', 'E', 'error ', ':1'];
  const kinds = parts.map((part) => parse(part.repeat(QUERY_CHARS_MAX)).kind);
  expect(kinds).toHaveLength(parts.length);
});
