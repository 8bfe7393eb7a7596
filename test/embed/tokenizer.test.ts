import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CHARS_PER_TOKEN_MAX, openTokenizer } from '../../src/embed/tokenizer.ts';
import { writeTinyModel } from './tinyModel.ts';

const modelsDir = mkdtempSync(join(tmpdir(), 'dowser-models-'));
afterAll(() => rmSync(modelsDir, { recursive: true }));
const json = readFileSync(join(writeTinyModel(modelsDir), 'tokenizer.json'));
const tokenize = openTokenizer(json, 512);

it('gives the same ids for the same words, split by case and punctuation', () => {
  expect(tokenize('readFile(url)')).toEqual(tokenize('read file url'));
  expect(tokenize('readFile(url)')).toHaveLength(3);
  expect(tokenize('')).toEqual([]);
});

it('gives the ids that the library gives, with words remembered or not, and with added tokens in the text', () => {
  const definition = JSON.parse(json.toString());
  definition.added_tokens = [
    { id: 0, content: '[PAD]', special: true, normalized: false, lstrip: true, rstrip: false },
  ];
  const library = new Tokenizer(definition, {});
  const ours = openTokenizer(Buffer.from(JSON.stringify(definition)), 512);
  const word = fc.constantFrom(
    'read',
    'readFile',
    'unheardOfWordThatIsLong',
    '[PAD]',
    '[UNK]',
    'é',
    ' ',
    '_',
    '9',
    '\n',
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
    fc.string({ unit: 'grapheme' }),
  );
  fc.assert(
    fc.property(text, (sample) => {
      expect(ours(sample)).toEqual(library.encode(sample, { add_special_tokens: false }).ids);
    }),
    { seed: 4, numRuns: 300 },
  );
});

it('forgets words rather than grow without end', () => {
  const words = (from: number) => Array.from({ length: 400 }, (_, index) => `w${from + index}`).join(' ');
  const first = tokenize(words(0));
  for (let from = 400; from < 60_000; from += 400) tokenize(words(from));
  expect(tokenize(words(0))).toEqual(first);
});

it('reads tokenizers whose words depend on each other, too', () => {
  const fused = JSON.parse(json.toString());
  fused.model.fuse_unk = true;
  expect(openTokenizer(Buffer.from(JSON.stringify(fused)), 512)('éé éé read')).toHaveLength(2);
  expect(tokenize('éé éé read')).toHaveLength(3);
});

it('adds no token of its own', () => {
  expect(tokenize('return')).toHaveLength(1);
});

it('stops at the limit and keeps the first ids', () => {
  const ids = tokenize('read file '.repeat(1000));
  expect(ids).toHaveLength(512);
  expect(ids.slice(0, 2)).toEqual(tokenize('read file'));
});

it('looks at a bounded part of a line of megabytes', () => {
  const short = openTokenizer(json, 4);
  const blanks = ' '.repeat(4 * CHARS_PER_TOKEN_MAX - 4);
  expect(short(`${blanks}readfile${'x'.repeat(8_000_000)}`)).toEqual(short('read'));
});

it('never splits a character in two where it cuts', () => {
  const short = openTokenizer(json, 1);
  const filler = ' '.repeat(CHARS_PER_TOKEN_MAX - 1);
  expect(short(`${filler}\u{1F600} read`)).toEqual([]);
});

it('takes any text, and gives ids of its vocabulary only', () => {
  const size = Object.keys(JSON.parse(json.toString()).model.vocab).length;
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme' })), (text) => {
      for (const id of tokenize(text)) expect(Number.isInteger(id) && id >= 0 && id < size).toBe(true);
    }),
    { seed: 3, numRuns: 300 },
  );
  expect(() => tokenize('\ud800 lone \udc00 surrogates \0')).not.toThrow();
});

it.each(['', '{}', 'null', '[1]', '{"model":{"type":"Unheard"}}'])('refuses %j as a tokenizer', (text) => {
  expect(() => openTokenizer(Buffer.from(text), 512)).toThrow(expect.objectContaining({ code: 'model_damaged' }));
});

describe('the tokens that tokenizer.json puts around every text', () => {
  const framed = (file: string, maxTokens: number) =>
    openTokenizer(readFileSync(new URL(`../fixtures/models/${file}/tokenizer.json`, import.meta.url)), maxTokens, true);
  const [cls, sep] = [2, 3];

  it('are there for any text, with nothing of it lost while there is room', () => {
    const tokenize = framed('encoder', 48);
    expect(tokenize('')).toEqual([cls, sep]);
    const ids = tokenize('return name');
    expect([ids[0], ids.at(-1)]).toEqual([cls, sep]);
    expect(tokenize('[SEP] return name')).toEqual([cls, sep, ...ids.slice(1)]);
  });

  it('stay when the text is cut, down to the last place', () => {
    const text = 'read file '.repeat(100);
    const whole = framed('encoder', 48)(text);
    for (const maxTokens of [2, 3, 10]) {
      expect(framed('encoder', maxTokens)(text)).toEqual([...whole.slice(0, maxTokens - 1), sep]);
    }
    expect(() => framed('encoder', 1)).toThrow(expect.objectContaining({ code: 'model_damaged' }));
  });

  it('end a text of a decoder that was trained so, and only there', () => {
    const [plain, ended] = [framed('decoder', 48), framed('decoder-grouped', 48)];
    const ids = plain('return name');
    expect(ended('return name')).toEqual([...ids, 319]);
    expect([plain(''), ended('')]).toEqual([[], [319]]);
  });
});
