/** Questions of a repository's own words: names that it defines and phrases of its comments. The same every time. */
import { readUnmasked } from '../../src/source/read.ts';
import { scan } from '../../src/source/scan.ts';

/** Enough for a p95 that is more than the slowest one. */
const QUESTIONS = 40;
/** Reading more files than these finds no better words. */
const FILES_MAX = 400;
const SEED = 20_240_817;

const DEFINITION =
  /\b(?:class|struct|enum|interface|trait|protocol|module|object|type|def|defp|func|fun|fn|function|sub|proc|impl)\s+([A-Za-z_]\w{4,40})/g;
const COMMENT = /^\s*(?:\/\/+|#+|\*|\/\*+|--+|;+|"""|''')\s*((?:[A-Za-z][a-z']+[ ,]+){4,}[a-z]+)/gm;
/** In texts without either, any long word will do. */
const WORD = /\b[A-Za-z_]\w{5,30}\b/g;
const PHRASE_WORDS_MAX = 8;

/** Half names, half phrases, in turns. */
export async function questionsOf(root: string): Promise<string[]> {
  const next = randomNumbers(SEED);
  const { entries } = await scan(root);
  const paths = shuffled(
    entries.map(({ path }) => path),
    next,
  ).slice(0, FILES_MAX);
  const names = new Set<string>();
  const phrases = new Set<string>();
  const words = new Set<string>();
  for (const path of paths) {
    const read = readUnmasked(root, path);
    if (!('text' in read)) continue;
    const pick = (pattern: RegExp): string | undefined => {
      const found = [...read.text.slice(0, 100_000).matchAll(pattern)];
      const match = found[Math.floor(next() * found.length)];
      return match?.[1] ?? match?.[0];
    };
    for (let i = 0; i < 2; i++) {
      add(names, pick(DEFINITION));
      add(phrases, pick(COMMENT)?.split(/[ ,]+/).slice(0, PHRASE_WORDS_MAX).join(' '));
      add(words, pick(WORD));
    }
  }
  const half = QUESTIONS / 2;
  const mixed: string[] = [];
  const spare = [...words];
  for (let i = 0; i < half; i++) {
    for (const list of [[...names], [...phrases]]) {
      const question = list[i] ?? spare.shift();
      if (question !== undefined) mixed.push(question);
    }
  }
  return mixed;
}

function add(set: Set<string>, value: string | undefined): void {
  if (value !== undefined) set.add(value);
}

/** Mulberry32: small, and the same on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function shuffled<Item>(items: readonly Item[], next: () => number): Item[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const at = Math.floor(next() * (i + 1));
    [order[i], order[at]] = [order[at]!, order[i]!];
  }
  return order;
}
