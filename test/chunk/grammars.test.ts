import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { brokenGrammars, loadGrammar, withTree } from '../../src/chunk/grammars.ts';
import { LANGUAGES, type Syntax } from '../../src/languages.ts';

const SYNTAXES: [string, Syntax][] = LANGUAGES.flatMap((row) => [
  ...(row.syntax ? [[row.id, row.syntax] satisfies [string, Syntax]] : []),
  ...Object.entries(row.dialects ?? {}),
]);

/** Node types and fields that a row of languages.ts names. */
function namesIn(syntax: Syntax): { types: Set<string>; fields: Set<string> } {
  const types = new Set<string>();
  const fields = new Set<string>();
  const lists = [
    syntax.containers,
    syntax.functions,
    syntax.values,
    syntax.wrappers,
    syntax.comments,
    syntax.attributes,
  ];
  for (const word of lists.join(' ').split(/\s+/).filter(Boolean)) {
    const [type = '', ...rest] = word.split('=');
    types.add(type);
    const rule = rest.join('=');
    if (rule === '' || rule === 'elixir') continue;
    const required = /^\?(\w+):/.exec(rule)?.[1];
    const [path = '', owner] = rule.replace(/^\?\w+:/, '').split('@');
    for (const field of [required, owner]) if (field !== undefined) fields.add(field);
    for (const step of path.split('|').flatMap((alternative) => alternative.replace(/^[!^=]/, '').split('/'))) {
      const [field = '', child] = step.split('>');
      if (field !== '') fields.add(field);
      if (child !== undefined) types.add(child);
    }
  }
  return { types, fields };
}

describe('grammars', () => {
  test('are nineteen, and TSX', () => {
    expect(SYNTAXES.map(([id]) => id)).toHaveLength(20);
  });

  test.each(SYNTAXES)('%s knows every node type and field that its row names', async (_, syntax) => {
    const grammar = await loadGrammar(syntax);
    const { types, fields } = namesIn(syntax);
    expect([...types].filter((type) => grammar!.language.idForNodeType(type, true) === null)).toEqual([]);
    expect([...fields].filter((field) => grammar!.language.fieldIdForName(field) === null)).toEqual([]);
  });

  test('that can not be loaded are reported, and are asked for once only', async () => {
    const syntax = { ...SYNTAXES[0]![1], grammar: 'no-such.wasm' };
    expect(await loadGrammar(syntax)).toBeUndefined();
    expect(await loadGrammar(syntax)).toBeUndefined();
    expect(brokenGrammars().get('no-such.wasm')).toMatch(/no-such\.wasm/);
  });

  test('give undefined for a text that takes too long, and then parse the next one', async () => {
    const grammar = (await loadGrammar(LANGUAGES.find((row) => row.id === 'scala')!.syntax!))!;
    const astray = '{ try { } catch { (, e\n'.repeat(9_000);
    expect(withTree(grammar, astray, (tree) => tree.rootNode.type)).toBeUndefined();
    expect(withTree(grammar, 'object A', (tree) => tree.rootNode.type)).toBe('compilation_unit');
  });

  test('of Swift has a scanner that clears its state, or errors cost twenty times as much from the second file on', () => {
    const wasm = readFileSync(new URL('../../dist/grammars/tree-sitter-swift.wasm', import.meta.url));
    expect(wasm.includes(Buffer.from([0x41, 0x00, 0x41, 0x04, 0x10]))).toBe(false);
    expect(wasm.includes(Buffer.from([0x41, 0x01, 0x41, 0x04, 0x10]))).toBe(true);
  });

  test('throw what their user throws', async () => {
    const grammar = (await loadGrammar(LANGUAGES.find((row) => row.id === 'lua')!.syntax!))!;
    const use = (): never => {
      throw new Error('a bug of ours');
    };
    expect(() => withTree(grammar, 'x = 1', use)).toThrow('a bug of ours');
  });
});
