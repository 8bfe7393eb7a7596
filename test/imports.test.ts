/** What a file imports, in the languages that the grammars know, and which paths fit. */
import { describe, expect, test } from 'vitest';
import { importFitter, importsOf, markImports } from '../src/imports.ts';

const modulesIn = (text: string): string[] => importsOf(text).map(({ parts }) => parts.join('/'));

describe('the modules that a text imports', () => {
  test.each([
    ['TypeScript', "import { a, b } from './store/place.ts';", ['store/place']],
    ['TypeScript over lines', "import {\n  a,\n  b,\n} from '../errors.ts';", ['errors']],
    ['JavaScript', "const utils = require('./utils');", ['utils']],
    ['Python', 'from ..sansio.app import App, Blueprint', ['sansio/app', 'sansio/app/app', 'sansio/app/blueprint']],
    ['Python, a module', 'import flask.json as json', ['flask/json', 'json']],
    [
      'Go',
      'import (\n\t"fmt"\n\t"github.com/gin-gonic/gin/internal/bytesconv"\n)',
      ['fmt', 'github/com/gingonic/gin/internal/bytesconv'],
    ],
    ['Java', 'import com.google.gson.internal.Excluder;', ['com/google/gson/internal/excluder']],
    ['Rust', 'use crate::de::{Error, Visitor};', ['de/error', 'de/visitor']],
    ['C', '#include "server.h"\n#include <stdio.h>', ['server', 'stdio']],
    ['Elixir', 'alias Plug.Conn.Utils', ['plug/conn/utils']],
    ['PHP', 'use GuzzleHttp\\Promise\\PromiseInterface;', ['guzzlehttp/promise/promiseinterface']],
    ['Ruby', "require_relative 'show_exceptions'", ['showexceptions']],
    ['Zig', 'const Analyser = @import("../analysis.zig");', ['analysis']],
    ['Lua', 'local resolve = require "telescope.config.resolve"', ['telescope/config/resolve']],
    ['nothing', 'const from = importance;\nreturn used;', []],
  ])('%s', (_, text, modules) => {
    for (const module of modules) expect(modulesIn(text)).toContain(module);
    if (modules.length === 0) expect(modulesIn(text)).toEqual([]);
  });

  test('are no more than a generated file could use up', () => {
    const text = Array.from({ length: 10_000 }, (_, at) => `import a${at} from './m${at}';`).join('\n');
    expect(importsOf(text).length).toBeLessThanOrEqual(80);
  });
});

describe('a path', () => {
  const fitness = (text: string, path: string): number => importFitter(importsOf(text))(path);

  test.each([
    ["import { a } from './place.ts';", 'src/store/place.ts', 'src/store/places.ts'],
    ["import { a } from './store';", 'src/store/index.ts', 'src/restore.ts'],
    [
      'import com.google.gson.internal.Excluder;',
      'main/com/google/gson/internal/Excluder.java',
      'main/internal/Includer.java',
    ],
    ['import "github.com/x/gin/render"', 'render/json.go', 'binding/json.go'],
    ['use crate::de::Visitor;', 'src/de.rs', 'src/ser.rs'],
    ['alias MyApp.UserToken', 'lib/my_app/user_token.ex', 'lib/my_app/user.ex'],
  ])('fits %s when it is %s', (text, fitting, other) => {
    expect(fitness(text, fitting)).toBeGreaterThan(0);
    expect(fitness(text, other)).toBe(0);
  });

  test('fits better the more of the name it repeats', () => {
    const text = "import x from '../lib/core/parse';";
    expect(fitness(text, 'src/lib/core/parse.ts')).toBeGreaterThan(fitness(text, 'test/parse.ts'));
  });
});

test('a chain of calls is no import, a shell that reads another file is', () => {
  expect(
    [...markImports(['load(x)', '  .then((one) => {', '    use(one);', '  })', '. ./lib.sh'])].slice(1, 2),
  ).toEqual([0]);
  expect([...markImports(['. ./lib.sh', '.then(() => {'])]).toEqual([1, 0]);
  expect([...markImports(['mod desk;', 'package com.depot.desk', 'open Depot.Desk'])]).toEqual([1, 1, 1]);
});

test('lines that only import are marked, and what stands between their brackets', () => {
  const text =
    "import {\n  a,\n} from './a';\nfrom b import (\n  c,\n)\nconst d = require('d');\nconst e = require('e')(a);\nreturn a;";
  expect([...markImports(text.split('\n'))]).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0]);
});
