/** Lines: the one definition that chunks, snippets and places agree on. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineSpans, sliceLines } from '../src/lines.ts';

const anyText = fc.string({ unit: fc.constantFrom('a', 'ü', '\n', '\r', '\r\n', ' ', '\u2028', '𝒳'), maxLength: 60 });

function linesOf(text: string): string[] {
  return lineSpans(text).map(({ start, end }) => text.slice(start, end));
}

describe('lineSpans', () => {
  test.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\n\n', ['a', '']],
    ['\n', ['']],
    ['a\r\nb\nc', ['a', 'b', 'c']],
    ['a\rb', ['a\rb']],
    ['a\r', ['a\r']],
    ['\r\n\r\n', ['', '']],
    ['a\r\r\n', ['a\r']],
    ['a\u2028b', ['a\u2028b']],
  ])('%j', (text, lines) => {
    expect(linesOf(text)).toEqual(lines);
  });

  test('gives every character but the line ends once, in order', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const spans = lineSpans(text);
        let at = 0;
        for (const { start, end } of spans) {
          expect(text.slice(at, start)).toMatch(/^(?:\r?\n)?$/);
          expect(end).toBeGreaterThanOrEqual(start);
          at = end;
        }
        expect(text.slice(at)).toMatch(/^(?:\r?\n)?$/);
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe('sliceLines', () => {
  test('gives whole lines with their own ends between them, none after the last', () => {
    const text = 'one\r\ntwo\nthree\n';
    expect(sliceLines(text, lineSpans(text), 1, 2)).toBe('one\r\ntwo');
    expect(sliceLines(text, lineSpans(text), 2, 3)).toBe('two\nthree');
    expect(sliceLines(text, lineSpans(text), 3, 9)).toBe('three');
    expect(sliceLines(text, lineSpans(text), 4, 4)).toBe('');
  });

  test('all lines are the whole text without its last end', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const spans = lineSpans(text);
        if (spans.length > 0) expect(sliceLines(text, spans, 1, spans.length)).toBe(text.replace(/\r?\n$/, ''));
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
