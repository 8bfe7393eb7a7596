/** Words of a question that nothing in the index has, read as the nearest words that it has: typing slips, names half remembered. */
import { splitIdentifier, stem, terms } from './tokens.ts';
import type { Query, QueryKind } from './types.ts';

/** What is needed of a store. */
type Vocabulary = {
  documentFrequency(terms: readonly string[]): Map<string, number>;
  termsStarting(prefix: string): Map<string, number>;
};

/** Shorter words have too many neighbours; from the second length on, two slips are forgiven. */
const LETTERS_MIN = 4;
const ONE_SLIP_LETTERS = 5;
const TWO_SLIPS_LETTERS = 8;

/** The beginning is rarely mistyped, and what shares three letters is listed in a tenth of the time that two take. */
const SURE_LETTERS = [3, 2];

/** Each unknown word costs up to 2 ms in a large index. */
const WORDS_MAX = 3;

/** Words that are as near as one another. */
const READINGS_MAX = 2;

/** What a program wrote has no slips of the finger. */
const PASTED: ReadonlySet<QueryKind> = new Set(['code', 'error']);

/** The same query where unknown words are replaced by their nearest, and how they were read. */
export type Mended = { readonly query: Query; readonly read: ReadonlyMap<string, readonly string[]> };

export function mend(vocabulary: Vocabulary, query: Query): Mended {
  if (PASTED.has(query.kind)) return { query, read: new Map() };
  const unknown = unknownTerms(vocabulary, query);
  const read = new Map<string, readonly string[]>();
  for (const term of unknown.sort((a, b) => b.length - a.length).slice(0, WORDS_MAX)) {
    for (const letters of SURE_LETTERS) {
      if (read.has(term)) break;
      const readings = nearest(term, vocabulary.termsStarting(term.slice(0, letters)));
      if (readings.length > 0) read.set(term, readings);
    }
  }
  if (read.size === 0) return { query, read };
  const mended = new Set(query.terms.flatMap((term) => read.get(term) ?? [term]));
  // A name is defined under its whole word.
  const names = query.names.flatMap((name) => [name, ...(read.get(wholeTerm(name)) ?? [])]);
  return { query: { ...query, terms: [...mended], names }, read };
}

/** Sentences that say how words of `text` were read. A reading is a stem: "discover" is known as `discov`. */
export function explain(text: string, read: Mended['read']): string[] {
  const words = text.match(/[\p{L}\p{N}_]+/gu) ?? [];
  return [...read].map(([term, readings]) => {
    const written = words.find((word) => terms(word).includes(term)) ?? term;
    return `'${written}' occurs nowhere here: read as ${readings.map((reading) => `'${reading}…'`).join(' or ')}.`;
  });
}

/** Terms to read anew: plain words that no chunk has. A name whose parts are all known is known, in whatever order they stand. */
function unknownTerms(vocabulary: Vocabulary, { terms, names }: Query): string[] {
  const known = vocabulary.documentFrequency(terms);
  const unknown = terms.filter((term) => !known.has(term) && term.length >= LETTERS_MIN && /^[a-z]+$/.test(term));
  const composed = names.filter((name) => splitIdentifier(name).every((part) => known.has(stem(part)))).map(wholeTerm);
  return unknown.filter((term) => !composed.includes(term));
}

/** The nearest terms by slips of the finger, the commonest first; where there are none, those that it begins. */
export function nearest(term: string, terms: ReadonlyMap<string, number>): string[] {
  const slipsMax = term.length >= TWO_SLIPS_LETTERS ? 2 : term.length >= ONE_SLIP_LETTERS ? 1 : 0;
  let least = slipsMax;
  let found: string[] = [];
  for (const other of terms.keys()) {
    if (Math.abs(other.length - term.length) > least || !/^[a-z]+$/.test(other)) continue;
    const count = slips(term, other, least);
    if (count > least) continue;
    if (count < least) found = [];
    least = count;
    found.push(other);
  }
  if (least === 0 || found.length === 0) found = [...terms.keys()].filter((other) => other.startsWith(term));
  const chunks = (other: string): number => terms.get(other)!;
  return found.sort((a, b) => chunks(b) - chunks(a) || (a < b ? -1 : 1)).slice(0, READINGS_MAX);
}

/**
 * Slips of the finger from one word to the other: a letter left out or added, two neighbours swapped, a key beside the right
 * one, a vowel for a vowel. Any other change counts twice: that is another word (`simulate`, `simple`). `most` + 1 when more.
 */
export function slips(one: string, other: string, most: number): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= other.length; j++) {
      let cost = Math.min(last[j - 1]! + changeCost(one[i - 1]!, other[j - 1]!), last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return Math.min(last[other.length]!, most + 1);
}

const KEYS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm'];
const VOWELS = 'aeiouy';

function changeCost(one: string, other: string): number {
  if (one === other) return 0;
  if (VOWELS.includes(one) && VOWELS.includes(other)) return 1;
  const [rowOfOne, rowOfOther] = [one, other].map((key) => KEYS.findIndex((row) => row.includes(key))) as [
    number,
    number,
  ];
  const distance = Math.abs(KEYS[rowOfOne]!.indexOf(one) - KEYS[rowOfOther]!.indexOf(other));
  return rowOfOne === rowOfOther && distance === 1 ? 1 : 2;
}

function wholeTerm(name: string): string {
  const whole = name.replaceAll('_', '').toLowerCase();
  return /^[a-z]+$/.test(name) ? stem(whole) : whole;
}
