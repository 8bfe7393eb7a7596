/** Words that the index does not know are read as the nearest that it knows, and nothing else is touched. */
import { expect, test } from 'vitest';
import { parseQuery } from '../src/rank/query.ts';
import { explain, mend, nearest, slips } from '../src/spelling.ts';

const CHUNKS = new Map(
  Object.entries({
    client: 9,
    session: 20,
    clientsession: 5,
    connect: 30,
    pool: 8,
    simpl: 4,
    find: 9,
    git: 7,
    findgit: 2,
  }),
);
const vocabulary = {
  documentFrequency: (terms: readonly string[]) => new Map([...CHUNKS].filter(([term]) => terms.includes(term))),
  termsStarting: (prefix: string) => new Map([...CHUNKS].filter(([term]) => term.startsWith(prefix))),
};
const mended = (text: string) => mend(vocabulary, parseQuery(text, {}, 10, 2_500));

test('a letter left out, doubled, swapped or missed by a key is one slip; another word is more', () => {
  expect(slips('sesion', 'session', 2)).toBe(1);
  expect(slips('sesssion', 'session', 2)).toBe(1);
  expect(slips('sessoin', 'session', 2)).toBe(1);
  expect(slips('sessiom', 'session', 2)).toBe(1);
  expect(slips('simul', 'simpl', 1)).toBe(2);
  expect(slips('transform', 'transport', 2)).toBe(3);
});

test('a slip within the bound is counted the same from either side', () => {
  expect(slips('conect', 'connect', 2)).toBe(slips('connect', 'conect', 2));
});

test('short words are left alone, long ones may have two slips', () => {
  expect(nearest('poll', vocabulary.termsStarting('po'))).toEqual([]);
  expect(nearest('clintsesion', vocabulary.termsStarting('cl'))).toEqual(['clientsession']);
});

test('the commonest of equally near words comes first, and two are enough', () => {
  const terms = new Map(Object.entries({ bard: 1, bars: 9, barns: 5, barbz: 3 }));
  expect(nearest('barbs', terms)).toEqual(['bars', 'barns']);
});

test('a beginning is read as what it begins', () => {
  expect(nearest('clie', vocabulary.termsStarting('cl'))).toEqual(['client', 'clientsession']);
});

test('a question whose words are all known is the same object', () => {
  const query = parseQuery('connection pool', {}, 10, 2_500);
  expect(mend(vocabulary, query).query).toBe(query);
});

test('a mistyped name finds its definition, and the answer can say how it was read', () => {
  const { query, read } = mended('ClientSesion');
  expect(query.terms).toEqual(['client', 'session', 'clientsession']);
  expect(query.names).toContain('clientsession');
  expect([...read]).toEqual([
    ['clientsesion', ['clientsession']],
    ['sesion', ['session']],
  ]);
});

test('known words in another order are no slip', () => {
  expect(mended('GitFind').read.size).toBe(0);
});

test('what was pasted is left as it is', () => {
  expect(mended("TypeError: 'ClientSesion' has no attribute 'conect'").read.size).toBe(0);
});

test('how a word was read is said as it was written', () => {
  const text = 'the Conectors of a pool';
  expect(explain(text, mended(text).read)).toEqual(["'Conectors' occurs nowhere here: read as 'connect…'."]);
});
