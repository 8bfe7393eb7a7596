/** Text to search terms: one function for writing and for asking, so that both sides always agree. */

/** Changes whenever the same text gives other terms: part of the store's fingerprint. */
export const TOKENS_VERSION = 'tokens-2';

/** Longer words are data (base64, hashes), not language; they are cut to this many UTF-16 units. */
const WORD_CHARS_MAX = 64;

/** A word: letters, marks, digits and underscores of any script; `$` starts identifiers in PHP, shell and JavaScript. */
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;

/** Scripts without blanks between words; the ー, of no script, prolongs a vowel in Katakana. */
const UNSPACED = String.raw`\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}ー`;

/** Where an identifier splits: lower to upper, the end of an acronym, letters to digits and back, underscores, other scripts. */
const PART = new RegExp(
  [
    String.raw`\p{Lu}{2,}s(?![\p{L}\p{M}])`,
    String.raw`\p{Lu}+(?!\p{Ll})\p{M}*`,
    String.raw`\p{Lu}?[[\p{Ll}\p{Lo}\p{Lm}\p{Lt}\p{M}]--[${UNSPACED}]]+`,
    String.raw`[${UNSPACED}\p{M}]+`,
    String.raw`\p{N}+|\p{Lu}`,
  ].join('|'),
  'gv',
);

const PLAIN = /^[a-z]+$/;
/** An acronym in the plural: `URLs`. */
const ACRONYMS = /^\p{Lu}{2,}s$/u;
const UNSPACED_RUN = new RegExp(`^[${UNSPACED}]{2}`, 'v');

/**
 * Search terms of a text in reading order, repeats kept: each word split into stemmed parts (`parseHTTPUrl` gives
 * parse, http, url), and whole as well (`parsehttpurl`) when it has several parts. Never throws.
 */
export function terms(text: string): string[] {
  const found: string[] = [];
  for (const [word] of inOneForm(text).matchAll(WORD)) appendTerms(word, found);
  return found;
}

/** Terms of a question: words that carry no meaning are left out where others remain (`works`, not `worker`). */
export function tellingTerms(text: string): string[] {
  const words = inOneForm(text).match(WORD) ?? [];
  const telling = words.filter((word) => !isStopWord(word));
  const found: string[] = [];
  for (const word of telling.length > 0 ? telling : words) appendTerms(word, found);
  return found;
}

/** An accent may be written with its letter or after it (as macOS does in file names). */
function inOneForm(text: string): string {
  return text.normalize('NFC');
}

function appendTerms(word: string, found: string[]): void {
  if (PLAIN.test(word)) {
    found.push(stem(word.slice(0, WORD_CHARS_MAX)));
    return;
  }
  const cut = word.slice(0, WORD_CHARS_MAX);
  const parts = splitIdentifier(cut);
  for (const part of parts) {
    if (UNSPACED_RUN.test(part)) appendBigrams(part, found);
    else found.push(stem(part));
  }
  if (parts.length > 1) found.push(cut.replaceAll('_', '').toLowerCase());
}

const NAME = /[\p{L}_$][\p{L}\p{N}_$]{2,}/gu;
/** The same where all letters are plain: four times as fast. */
const PLAIN_NAME = /[A-Za-z_$][A-Za-z0-9_$]{2,}/g;
const NOT_PLAIN = /[\u0080-\uffff]/;
/** Ruby's and Elixir's `empty?` and `save!`; elsewhere the mark is an operator. */
const MARKED_NAME = /[\p{L}_$][\p{L}\p{N}_$]{2,}[!?](?![.:=!?])/gu;

/** Identifiers of three characters or more as written, in reading order, repeats kept; behind them, those with a mark at their end. */
export function namesIn(text: string): string[] {
  const names = text.match(NOT_PLAIN.test(text) ? NAME : PLAIN_NAME) ?? [];
  const marked = text.includes('?') || text.includes('!') ? text.match(MARKED_NAME) : null;
  return marked === null ? names : [...names, ...marked];
}

/** Lower-case parts of one identifier, in order. */
export function splitIdentifier(identifier: string): string[] {
  return (identifier.match(PART) ?? []).map((part) => (ACRONYMS.test(part) ? part.slice(0, -1) : part).toLowerCase());
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
  if (/ie[sd]$/.test(base) && base.length > 4) base = `${base.slice(0, -3)}y`;
  else if (/(?:ss|sh|ch|x)es$/.test(base)) base = base.slice(0, -2);
  else if (base.endsWith('s') && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1);
  base = cutEnding(base, ENDINGS, word);
  // What `filtering` and `renderer` leave ends as `filter` and `render` do.
  base = cutEnding(base, AGENTS, word);
  if (base.endsWith('e') && base.length > 3) base = base.slice(0, -1);
  return base;
}

/** An ending, and how many letters must stand before it. */
type Ending = readonly [ending: string, lettersBefore: number];

/** Cuts the first ending that fits, and one of the two letters that it may have doubled (`runner`). */
function cutEnding(base: string, endings: readonly Ending[], word: string): string {
  let head = base;
  for (const [ending, lettersBefore] of endings) {
    if (!base.endsWith(ending)) continue;
    const cut = base.slice(0, -ending.length);
    if (cut.length < lettersBefore || !VOWEL.test(cut)) continue;
    head = cut;
    break;
  }
  return head !== word && head.length > 3 && /([bdfgmnprt])\1$/.test(head) ? head.slice(0, -1) : head;
}

/** Who or what does it. */
const AGENTS: readonly Ending[] = [
  ['er', 4],
  ['or', 4],
];
/** The first that fits is cut. */
const ENDINGS: readonly Ending[] = [
  ['ization', 3],
  ['ation', 4],
  ['izer', 3],
  ['izing', 3],
  ['ized', 3],
  ['ator', 4],
  ['ating', 4],
  ['ated', 4],
  ['ate', 4],
  ['ize', 3],
  ['ing', 3],
  ['ment', 4],
  ['ion', 5],
  ...AGENTS,
  ['ed', 3],
  ['ly', 4],
];

/** Words that carry no meaning in a question about code; left out of a query where other terms remain. */
const STOP_WORDS = new Set(
  `a an and are as at be been being but by can could did do does doing done for from get gets had has have having how i if in
  into is it its itself me my of on onto or our ours out over own so such than that the their them then there these they this
  those through to too under until up us using use used uses very via was we were what when where which while who whom why
  will with within without would you your code function functions method methods implement implements implemented implementing
  implementation file files find finds show shows work works working worked happen happens happening handle handles handled`.split(
    /\s+/,
  ),
);

/** True for a word, as written, of no weight in a question ('the', 'Where'). */
export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word.toLowerCase());
}
