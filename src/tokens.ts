/** Text to search terms: one function for writing and for asking, so that both sides always agree. */

/** Changes whenever the same text gives other terms: part of the store's fingerprint. */
export const TOKENS_VERSION = 'tokens-1';

/** Longer words are data (base64, hashes), not language; they are cut to this many UTF-16 units. */
const WORD_CHARS_MAX = 64;

/** A word: letters, marks, digits and underscores of any script; `$` starts identifiers in PHP, shell and JavaScript. */
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;

/** Where an identifier splits: lower to upper, the end of an acronym, letters to digits and back, underscores. */
const PART = /\p{Lu}+(?!\p{Ll})\p{M}*|\p{Lu}?[\p{Ll}\p{Lo}\p{Lm}\p{Lt}\p{M}]+|\p{N}+|\p{Lu}/gu;

const PLAIN = /^[a-z]+$/;
const IDEOGRAPHS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]{2,}/u;

/**
 * Search terms of a text in reading order, repeats kept: each word split into stemmed parts (`parseHTTPUrl` gives
 * parse, http, url), and whole as well (`parsehttpurl`) when it has several parts. Never throws.
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  for (const [word] of text.matchAll(WORD)) appendTerms(word, found);
  return found;
}

function appendTerms(word: string, found: string[]): void {
  if (PLAIN.test(word)) {
    found.push(stem(word.slice(0, WORD_CHARS_MAX)));
    return;
  }
  const cut = word.slice(0, WORD_CHARS_MAX);
  const parts = splitIdentifier(cut);
  for (const part of parts) {
    if (IDEOGRAPHS.test(part)) appendBigrams(part, found);
    else found.push(stem(part));
  }
  if (parts.length > 1) found.push(cut.replaceAll('_', '').toLowerCase());
}

/** Lower-case parts of one identifier, in order. */
export function splitIdentifier(identifier: string): string[] {
  return (identifier.match(PART) ?? []).map((part) => part.toLowerCase());
}

/** Scripts without blanks: every two neighbouring characters are a term, so that any phrase can be found. */
function appendBigrams(run: string, found: string[]): void {
  const characters = [...run];
  for (let i = 0; i + 1 < characters.length; i++) found.push(characters[i]! + characters[i + 1]!);
}

const VOWEL = /[aeiouy]/;

/**
 * Light English stemmer for code words: plurals, -ing and -ed, and the noun endings that turn a verb of an API into
 * its noun (validate, validator, validation). A lighter hand than Porter's: code words are short, and `string`,
 * `class`, `process` must stay themselves.
 */
export function stem(word: string): string {
  if (word.length < 4 || !PLAIN.test(word)) return word;
  let base = word;
  if (base.endsWith('ies') && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (/(?:ss|sh|ch|x|z)es$/.test(base)) base = base.slice(0, -2);
  else if (base.endsWith('s') && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1);
  for (const [ending, kept] of ENDINGS) {
    if (!base.endsWith(ending)) continue;
    const head = base.slice(0, -ending.length);
    if (head.length < kept || !VOWEL.test(head)) continue;
    base = head;
    break;
  }
  if (base !== word && /([bdfgmnprt])\1$/.test(base) && base.length > 3) base = base.slice(0, -1);
  if (base.endsWith('e') && base.length > 3) base = base.slice(0, -1);
  return base;
}

/** Ending, and how many letters must stand before it; the first that fits is cut. */
const ENDINGS: readonly (readonly [string, number])[] = [
  ['ization', 3],
  ['ation', 3],
  ['izer', 3],
  ['ator', 4],
  ['ating', 4],
  ['ated', 4],
  ['ate', 4],
  ['ize', 3],
  ['ing', 3],
  ['ment', 4],
  ['ion', 5],
  ['er', 4],
  ['or', 4],
  ['ed', 3],
  ['ly', 4],
];

/** Words that carry no meaning in a question about code; left out of a query where other terms remain. */
const STOP_WORDS = new Set(
  `a an and are as at be been being but by can could did do does doing done for from get gets had has have having how i if in
  into is it its itself me my of on onto or our ours out over own so such than that the their them then there these they this
  those through to too under until up us using use used uses very via was we were what when where which while who whom why
  will with within without would you your code function method implement implemented implementation file find show works work
  happen happens handled`.split(/\s+/),
);
const STOP_TERMS = new Set([...STOP_WORDS].map(stem));

/** True for a term of no weight in a question ('the', 'where'). */
export function isStopTerm(term: string): boolean {
  return STOP_WORDS.has(term) || STOP_TERMS.has(term);
}
