/** Text -> token ids of one model; the door to @huggingface/tokenizers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { DowserError } from '../errors.ts';

export type Tokenize = (text: string) => number[];

/**
 * Longest piece of text looked at for one token of the limit. Words and indentation of real code stay far below it on
 * average, so it cuts nothing that would have counted, and a line of megabytes costs no more than a long chunk.
 */
export const CHARS_PER_TOKEN_MAX = 32;

/** Words whose ids are remembered: code says the same words again and again, and looking them up is 3 times as fast. */
const WORDS_REMEMBERED_MAX = 50_000;

/** A longer word is a slice that would keep its whole text in memory (V8 copies up to here), and is rare. */
const REMEMBERED_CHARS_MAX = 12;

/**
 * Reads tokenizer.json; the result gives at most `maxTokens` ids: the first ones of the text and, when `framed`, the
 * tokens that the file itself puts before and after every text, which are never cut. We add none.
 */
export function openTokenizer(tokenizerJson: Uint8Array, maxTokens: number, framed = false): Tokenize {
  try {
    const json: TokenizerJson = JSON.parse(new TextDecoder().decode(tokenizerJson));
    const tokenizer = new Tokenizer(json, {});
    const { before, after } = framed ? frameOf(tokenizer) : NO_FRAME;
    const room = maxTokens - before.length - after.length;
    if (room < 0)
      throw new Error(`${before.length + after.length} tokens belong to every text, and ${maxTokens} are allowed`);
    const encode: Tokenize = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids.slice(0, room);
    const tokenize = isWordByWord(json) ? wordByWord(tokenizer, json, encode, room) : encode;
    return (text) => [...before, ...tokenize(cut(text, maxTokens * CHARS_PER_TOKEN_MAX)), ...after];
  } catch (cause) {
    throw new DowserError('model_damaged', "The model's tokenizer.json can't be used. Reinstall dowser.", { cause });
  }
}

type Frame = { readonly before: readonly number[]; readonly after: readonly number[] };
const NO_FRAME: Frame = { before: [], after: [] };

/** A text of which any tokenizer makes a token. */
const SAMPLE = 'a';

/** The tokens before and after every text ([CLS], [SEP], an end of text): what is around those of a sample. */
function frameOf(tokenizer: Tokenizer): Frame {
  const inside: number[] = tokenizer.encode(SAMPLE, { add_special_tokens: false }).ids;
  const whole: number[] = tokenizer.encode(SAMPLE, { add_special_tokens: true }).ids;
  const start = whole.findIndex((_id, at) => inside.length > 0 && inside.every((id, i) => whole[at + i] === id));
  if (start === -1) throw new Error('its post-processor does not keep the tokens of a text together');
  return { before: whole.slice(0, start), after: whole.slice(start + inside.length) };
}

/** What we read of tokenizer.json ourselves. */
type TokenizerJson = {
  readonly added_tokens: readonly { readonly content: string; readonly normalized: boolean }[];
  readonly model: { readonly type?: string; readonly fuse_unk?: boolean };
};

/** Whether the ids of a word depend on that word alone, and added tokens can be seen in the text as it is. */
function isWordByWord({ model, added_tokens }: TokenizerJson): boolean {
  return model.type === 'WordPiece' && model.fuse_unk !== true && added_tokens.every(({ normalized }) => !normalized);
}

/** The same ids as `encode`, with the words' ids remembered, and without looking at words beyond the limit. */
function wordByWord(tokenizer: Tokenizer, json: TokenizerJson, encode: Tokenize, maxTokens: number): Tokenize {
  const { normalizer, pre_tokenizer: split, model } = tokenizer;
  const addedTokens = json.added_tokens.map(({ content }) => content);
  const remembered = new Map<string, readonly number[]>();

  const idsOf = (word: string): readonly number[] => {
    const known = remembered.get(word);
    if (known !== undefined) return known;
    const ids = model!.encode([word]).map((token: string) => tokenizer.token_to_id(token)!);
    if (remembered.size >= WORDS_REMEMBERED_MAX) remembered.clear();
    if (word.length <= REMEMBERED_CHARS_MAX) remembered.set(word, ids);
    return ids;
  };

  return (text) => {
    if (addedTokens.some((token) => text.includes(token))) return encode(text);
    const normal = normalizer === null ? text : normalizer(text);
    const ids: number[] = [];
    for (const word of split === null ? [normal] : split(normal)) {
      for (const id of idsOf(word)) ids.push(id);
      if (ids.length >= maxTokens) return ids.slice(0, maxTokens);
    }
    return ids;
  };
}

/** The first `maxChars` UTF-16 units, one less where that would split a surrogate pair. */
export function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}
