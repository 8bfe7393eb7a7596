import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutText, visible, visibleLine } from '../../src/mcp/visible.ts';

describe('visible', () => {
  test.each([
    ['an escape sequence', 'a\u001b[31mb', 'a\\u{1b}[31mb', 1],
    ['a bell', '\u0007', '\\u{7}', 1],
    ['an eight-bit control', '\u009b1m', '\\u{9b}1m', 1],
    ['a bidi override', 'x\u202ey\u202c', 'x\\u{202e}y\\u{202c}', 2],
    ['zero-width characters', 'a\u200bb\u200dc\ufeff', 'a\\u{200b}b\\u{200d}c\\u{feff}', 3],
    ['tag characters', '\u{e0041}\u{e007f}', '\\u{e0041}\\u{e007f}', 2],
    ['variation selectors that carry data', '\u{e0100}\u{fe01}', '\\u{e0100}\\u{fe01}', 2],
    ['line separators', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}', 2],
    ['half of a surrogate pair', 'a\ud800b', 'a\\u{d800}b', 1],
    ['a carriage return that would overwrite its line', 'safe\revil', 'safe\\u{d}evil', 1],
    ['a letter that looks like a blank', 'a\u3164b', 'a\\u{3164}b', 1],
  ])('writes out %s', (_name, text, shown, count) => {
    expect(visible(text)).toEqual({ text: shown, count });
  });

  test.each(['tabs\tand\nline\r\nends', 'plain ASCII `~!@', 'Grüße, 世界, עברית', 'emoji 👩 ❤️'])(
    'leaves %j as it is',
    (text) => {
      expect(visible(text)).toEqual({ text, count: 0 });
    },
  );

  test('leaves nothing hidden in any text, and changes nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const once = visible(text).text;
        expect(once).not.toMatch(/(?!\t|\n|\r\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(visible(once)).toEqual({ text: once, count: 0 });
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

describe('visibleLine', () => {
  test('makes one line of any text, and no more than asked for', () => {
    expect(visibleLine('a\nb\tc\r\n')).toBe('a\\u{a}b\\u{9}c\\u{d}\\u{a}');
    expect(visibleLine('x'.repeat(600))).toHaveLength(500);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 20 }), (text, charsMax) => {
        const line = visibleLine(text, charsMax);
        expect(line.length).toBeLessThanOrEqual(charsMax);
        expect(line).not.toMatch(/[\n\r\u2028\u2029]|\p{Cs}/u);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  test('does not cut a character in two', () => {
    expect(cutText('ab👩', 3)).toBe('ab');
    expect(cutText('ab👩', 4)).toBe('ab👩');
  });
});
