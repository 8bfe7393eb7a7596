/** Code as lexemes: comments go, names and literals become one, and no text breaks it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lex } from '../../src/rank/lexemes.ts';

const shapes = (text: string, language: string): string =>
  lex(text, language)
    .map(({ shape }) => shape)
    .join(' ');

describe('lexemes', () => {
  test.each([
    ['python', 'x = 1 # one\n"""said"""\ny = "#"', 'N = 0 N = S'],
    ['typescript', 'const x = 1; // one\n/* two\n */ y = `//`', 'N = 0 N = S'],
    ['haskell', '-- one\nx = 1 {- two -}', 'N = 0'],
    ['lua', '--[[ one\n ]] local x = 1 -- two', 'N = 0'],
    ['php', '# one\n$x = 1; // two', 'N = 0'],
    ['rust', "let c: &'a str = 'x';", "N : & ' N N = S"],
    ['ruby', "c = 'a b'", 'N = S'],
  ])('of %s leave comments out: %j', (language, text, expected) => {
    expect(shapes(text, language)).toBe(expected);
  });

  test('say the same of the same loop in three languages', () => {
    const python = shapes('if not found: return None', 'python').replace(' :', '');
    expect(python).toBe('if ! N return nil');
    expect(
      shapes('if !found { return nil }', 'go')
        .replace(/[{}] ?/g, '')
        .trim(),
    ).toBe(python);
  });

  test('know their lines', () => {
    expect(
      lex('a\n\n/* x\n*/ b\n"""\n"""', 'python')
        .map(({ line }) => line)
        .at(0),
    ).toBe(0);
    expect(lex('a\n\n/* x\n*/ b', 'c').map(({ text, line }) => `${text} ${line}`)).toEqual(['a 0', 'b 3']);
  });

  test('come of any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.constantFrom('python', 'rust', 'lua', 'php', 'none'),
        (text, language) => {
          const lines = text.split('\n').length;
          for (const lexeme of lex(text, language)) expect(lexeme.line).toBeLessThan(lines);
        },
      ),
    );
  });
});
