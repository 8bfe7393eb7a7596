/** Hashes against published values, and apart for texts that look alike. */
import { expect, test } from 'vitest';
import { hashBytes, hashText } from '../src/hash.ts';

test('hashBytes is the sha256 of the content (FIPS 180-4, "abc")', () => {
  const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(hashBytes('abc')).toBe(expected);
  expect(hashBytes(Buffer.from('abc'))).toBe(expected);
});

test('hashText is its first half', () => {
  expect(hashText('abc')).toBe('ba7816bf8f01cfea414140de5dae2223');
});

test('line ends, blanks and accents tell texts apart', () => {
  const texts = ['a\nb', 'a\r\nb', 'a\nb\n', 'a\n b', 'ä', 'a\u0308', ''];
  expect(new Set(texts.map(hashText)).size).toBe(texts.length);
});
