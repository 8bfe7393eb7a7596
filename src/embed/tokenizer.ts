/** Text -> token ids of one model; the door to @huggingface/tokenizers. */
import { Tokenizer } from '@huggingface/tokenizers';
import { DowserError } from '../errors.ts';

export type Tokenize = (text: string) => number[];

/**
 * Longest piece of text looked at for one token of the limit. Words and indentation of real code stay far below it on
 * average, so it cuts nothing that would have counted, and a line of megabytes costs no more than a long chunk.
 */
export const CHARS_PER_TOKEN_MAX = 32;

/** Reads tokenizer.json; the result gives at most `maxTokens` ids, the first ones, and adds no token of its own. */
export function openTokenizer(tokenizerJson: Uint8Array, maxTokens: number): Tokenize {
  const tokenizer = load(tokenizerJson);
  const maxChars = maxTokens * CHARS_PER_TOKEN_MAX;
  return (text) => {
    const { ids } = tokenizer.encode(cut(text, maxChars), { add_special_tokens: false });
    return ids.length > maxTokens ? ids.slice(0, maxTokens) : ids;
  };
}

function load(tokenizerJson: Uint8Array): Tokenizer {
  try {
    return new Tokenizer(JSON.parse(new TextDecoder().decode(tokenizerJson)), {});
  } catch (cause) {
    throw new DowserError('model_damaged', "The model's tokenizer.json can't be used. Reinstall dowser.", { cause });
  }
}

/** The first `maxChars` UTF-16 units, one less where that would split a surrogate pair. */
function cut(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const last = text.charCodeAt(maxChars - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars);
}
