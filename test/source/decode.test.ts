import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode } from '../../src/source/decode.ts';

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
const swapped = (text: string): Buffer => utf16(text).swap16();
const joined = (...parts: (Buffer | string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

describe('decode', () => {
  test.each([
    ['ASCII', Buffer.from('a\r\nb\rc\n'), 'a\r\nb\rc\n', 'utf-8'],
    ['nothing', Buffer.alloc(0), '', 'utf-8'],
    ['UTF-8', Buffer.from('über \u{1F600} 日本'), 'über \u{1F600} 日本', 'utf-8'],
    ['UTF-8 with a mark', joined([0xef, 0xbb, 0xbf], 'hé'), 'hé', 'utf-8'],
    ['a mark alone', Buffer.from([0xef, 0xbb, 0xbf]), '', 'utf-8'],
    ['UTF-16 LE with a mark', joined([0xff, 0xfe], utf16('héllo\n')), 'héllo\n', 'utf-16le'],
    ['UTF-16 BE with a mark', joined([0xfe, 0xff], swapped('héllo\n')), 'héllo\n', 'utf-16be'],
    ['UTF-16 with half a character at its end', joined([0xff, 0xfe], utf16('ab'), [0x41]), 'ab\uFFFD', 'utf-16le'],
    ['UTF-16 with half a pair', joined([0xff, 0xfe], [0x00, 0xd8], utf16('b')), '\uFFFDb', 'utf-16le'],
    ['UTF-16 LE without a mark', utf16('const answer = 42;\n'), 'const answer = 42;\n', 'guessed'],
    ['UTF-16 BE without a mark', swapped('const answer = 42;\n'), 'const answer = 42;\n', 'guessed'],
    ['a broken byte in good UTF-8', joined('über ', [0xff], ' größe'), 'über \uFFFD größe', 'guessed'],
    ['Latin-1', Buffer.from('größe für münchen', 'latin1'), 'größe für münchen', 'guessed'],
  ])('reads %s', (_what, bytes, text, encoding) => {
    expect(decode(bytes)).toEqual({ text, encoding });
  });

  test.each([
    ['a NUL', Buffer.from('abc\0def')],
    ['a NUL at the very end', Buffer.from(`${'text\n'.repeat(10_000)}\0`)],
    ['UTF-32', joined([0xff, 0xfe, 0, 0], [0x41, 0, 0, 0])],
    ['PDF', joined('%PDF-1.7\n', [0xe2, 0xe3])],
    ['compressed data without a NUL', Buffer.from(Array.from({ length: 4_000 }, (_, at) => ((at * 7919) % 255) + 1))],
    ['WebAssembly', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])],
  ])('finds no text in %s', (_what, bytes) => {
    expect(decode(bytes)).toBeUndefined();
  });

  test('keeps the ASCII words of Shift-JIS and GBK', () => {
    expect(decode(joined('int count; // ', [0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea]))).toMatchObject({
      text: expect.stringMatching(/^int count; \/\/ /),
      encoding: 'guessed',
    });
    expect(decode(joined('int count; // ', [0xd6, 0xd0, 0xce, 0xc4]))).toMatchObject({
      text: expect.stringMatching(/^int count;/),
      encoding: 'guessed',
    });
  });

  test('gives well-formed text or nothing for any bytes, and back what UTF-8 text was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decode(Buffer.from(bytes));
        return (
          decoded === undefined ||
          (Buffer.from(decoded.text).toString() === decoded.text && !decoded.text.includes('\0'))
        );
      }),
      { numRuns: 2_000, seed: 11 },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 100 }), (text) => {
        fc.pre(!/\0|^\uFEFF|^%PDF-/.test(text));
        expect(decode(Buffer.from(text))).toEqual({ text, encoding: 'utf-8' });
      }),
      { numRuns: 500, seed: 12 },
    );
  });
});
