import { describe, expect, test } from 'vitest';
import { LANGUAGES, languageOf, languageRow, resolveLanguage, syntaxOf } from '../src/languages.ts';

describe('the language of a file', () => {
  test.each([
    ['src/app.tsx', 'typescript'],
    ['lib/a.mjs', 'javascript'],
    ['a.d.ts', 'typescript'],
    ['include/a.h', 'cpp'],
    ['a.c', 'c'],
    ['A.CS', 'csharp'],
    ['docs/README.md', 'markdown'],
    ['Dockerfile', 'dockerfile'],
    ['build/Dockerfile.dev', 'dockerfile'],
    ['GNUmakefile', 'makefile'],
    ['CMakeLists.txt', 'cmake'],
    ['.bashrc', 'bash'],
    ['.gitignore', 'ignore'],
    ['Gemfile', 'ruby'],
    ['Gemfile.lock', 'text'],
    ['a.json', 'json'],
    ['LICENSE', 'text'],
    ['a.unheard-of', 'text'],
    ['no/extension', 'text'],
    ['with.dots/none', 'text'],
    ['', 'text'],
  ])('%s is %s', (path, id) => {
    expect(languageOf(path)).toBe(id);
  });

  test.each([
    ['#!/bin/sh', 'bash'],
    ['#!/usr/bin/env python3.12', 'python'],
    ['#!/usr/bin/env -S node --test', 'javascript'],
    ['#! /usr/bin/env LANG=C ruby -w', 'ruby'],
    ['#!/usr/bin/env', 'text'],
    ['#!', 'text'],
    ['import os', 'text'],
  ])('is told by a first line %s as %s', (firstLine, id) => {
    expect(languageOf('bin/tool', firstLine)).toBe(id);
  });

  test('is told by the name before the first line', () => {
    expect(languageOf('tool.py', '#!/bin/sh')).toBe('python');
  });
});

describe('the table of languages', () => {
  test('gives no id, name or file twice', () => {
    const ids = LANGUAGES.map((row) => row.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const keysOf of [
      (row: (typeof LANGUAGES)[number]) => row.extensions,
      (row: (typeof LANGUAGES)[number]) => row.files,
      (row: (typeof LANGUAGES)[number]) => row.shebangs,
      (row: (typeof LANGUAGES)[number]) => [row.id, ...row.aliases],
    ]) {
      const keys = LANGUAGES.flatMap(keysOf);
      expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
      expect(keys.filter((key) => key !== key.toLowerCase())).toEqual([]);
    }
  });

  test('has rows by id, and none for other words', () => {
    expect(languageRow('zig')?.extensions).toContain('.zig');
    expect(languageRow('py')).toBeUndefined();
    expect(languageRow('constructor')).toBeUndefined();
  });

  test('gives TSX its own grammar', () => {
    expect(syntaxOf('typescript', 'a.TSX')?.grammar).toBe('tree-sitter-tsx.wasm');
    expect(syntaxOf('typescript', 'a.ts')?.grammar).toBe('tree-sitter-typescript.wasm');
    expect(syntaxOf('json', 'a.json')).toBeUndefined();
  });
});

describe('a language in a filter', () => {
  test.each([
    ['python', 'python'],
    ['Py', 'python'],
    [' c++ ', 'cpp'],
    ['C#', 'csharp'],
    ['js', 'javascript'],
    ['.tsx', 'typescript'],
    ['h', 'cpp'],
    ['shell', 'bash'],
    ['golang', 'go'],
    ['text', 'text'],
  ])('%s means %s', (name, id) => {
    expect(resolveLanguage(name)).toBe(id);
  });

  test.each(['', '.', 'klingon', 'toString'])('%s means none', (name) => {
    expect(resolveLanguage(name)).toBeUndefined();
  });
});
