/** Blocks of code, as indentation shows them in any language, and which of them are alike though some lines are other. Pure. */
import { anchorsOf, type LexedFile, linesOf, type Pair, type Region } from './copies.ts';

/** Lexemes of an anchor, and of how many neighbours one is kept: short, since a rewritten block has few long equal runs. */
const ANCHOR = 8;
const WINDOW = 4;
/** What more places have is the language's own. */
const PLACES_MAX = 24;
/** Blocks one within another that are looked at from any place. */
const NESTED_MAX = 4;
/** A block around a place begins within so many blocks before it, or is too large to be one copy. */
const BLOCKS_BEFORE_MAX = 40;

/** Lexemes of a run: what is compared in the end. */
const RUN = 4;
const LEXEMES_MIN = 24;
/** The shorter block is at least this share of the longer one. */
const SIZE_MIN = 0.6;
/** Share of the smaller block's anchors that both have, before they are compared at all. */
const ANCHORS_MIN = 0.3;
/** Pairs with less in common are not copies any more. Copies keep some names (of what they call, of fields, of types): form alone is chance. */
const SIMILARITY_MIN = 0.68;
const KEPT_MIN = 0.35;
/** Shorter blocks are alike by chance more easily: they have to be nearly the same. */
const SHORT_LEXEMES = 60;
const SHORT_SIMILARITY_MIN = 0.85;
const SHORT_KEPT_MIN = 0.45;
/**
 * Blocks of nearly the same form are copies with fewer names kept: of such pairs in 42 repositories, 1 % of all that are
 * reported, all but one were copies by the measure of test/eval/duplicates.ts, and a third of the planted ones that were missed are among them.
 */
const SURE_SIMILARITY = 0.87;
const SURE_KEPT_MIN = 0.2;
const SURE_SHORT_KEPT_MIN = 0.3;

type Block = Region & { anchors: number };

/** Pairs of blocks alike. `shapes` are those of the files' lexemes. */
export function pairBlocks(files: readonly LexedFile[], shapes: readonly Int32Array[], minLines: number): Pair[] {
  const blocks = files.map((file, at) => blocksOf(file, at).filter((block) => linesOf(block, files) >= minLines));
  const places = new Map<number, Block[][]>();
  for (const [file, shape] of shapes.entries())
    for (const { hash, at } of anchorsOf(shape, ANCHOR, WINDOW)) {
      const around = blocksAround(blocks[file]!, at);
      for (const block of around) block.anchors++;
      if (around.length === 0) continue;
      const known = places.get(hash);
      if (known === undefined) places.set(hash, [around]);
      else if (known.length <= PLACES_MAX) known.push(around);
    }
  const pairs: Pair[] = [];
  const profiles = new Map<Block, Profile>();
  const profileOf = (block: Block): Profile => {
    const known = profiles.get(block) ?? profile(block, files, shapes);
    profiles.set(block, known);
    return known;
  };
  for (const [one, others] of countShared(places.values()))
    for (const [other, shared] of others) {
      if (shared < ANCHORS_MIN * Math.min(one.anchors, other.anchors)) continue;
      const [left, right] = [profileOf(one), profileOf(other)];
      const similarity = inCommon(left.runs, right.runs);
      if (isCopy(one, similarity, inCommon(left.names, right.names))) {
        const [first, second] = one.file <= other.file ? [one, other] : [other, one];
        pairs.push({ one: first, other: second, similarity });
      }
    }
  return pairs;
}

function isCopy({ from, to }: Region, similarity: number, kept: number): boolean {
  const isShort = to - from + 1 < SHORT_LEXEMES;
  if (similarity >= SURE_SIMILARITY) return kept >= (isShort ? SURE_SHORT_KEPT_MIN : SURE_KEPT_MIN);
  return (
    similarity >= (isShort ? SHORT_SIMILARITY_MIN : SIMILARITY_MIN) && kept >= (isShort ? SHORT_KEPT_MIN : KEPT_MIN)
  );
}

/** How many anchors each two blocks of about the same size share. */
function countShared(places: Iterable<readonly Block[][]>): Map<Block, Map<Block, number>> {
  const shared = new Map<Block, Map<Block, number>>();
  for (const list of places) {
    if (list.length < 2 || list.length > PLACES_MAX) continue;
    for (let i = 0; i < list.length; i++)
      for (let j = i + 1; j < list.length; j++)
        for (const one of list[i]!)
          for (const other of list[j]!) {
            const [a, b] = [one.to - one.from, other.to - other.from];
            if (Math.min(a, b) < SIZE_MIN * Math.max(a, b)) continue;
            if (one.file === other.file && one.from <= other.to && other.from <= one.to) continue;
            const known = shared.get(one) ?? new Map<Block, number>();
            known.set(other, (known.get(other) ?? 0) + 1);
            shared.set(one, known);
          }
  }
  return shared;
}

type Profile = { readonly runs: ReadonlyMap<number, number>; readonly names: ReadonlyMap<string, number> };

/** How often each short run of shapes and each name occurs. */
function profile({ file, from, to }: Region, files: readonly LexedFile[], shapes: readonly Int32Array[]): Profile {
  const runs = new Map<number, number>();
  const names = new Map<string, number>();
  const shape = shapes[file]!;
  for (let at = from; at <= to; at++) {
    const lexeme = files[file]!.lexemes[at]!;
    if (lexeme.shape === 'N') names.set(lexeme.text, (names.get(lexeme.text) ?? 0) + 1);
    if (at + RUN - 1 > to) continue;
    let hash = 0;
    for (let i = 0; i < RUN; i++) hash = Math.imul(hash ^ shape[at + i]!, 0x9e3779b1) ^ (hash >>> 15);
    runs.set(hash, (runs.get(hash) ?? 0) + 1);
  }
  return { runs, names };
}

/** Dice's coefficient of two bags, 0 to 1. */
function inCommon<Item>(one: ReadonlyMap<Item, number>, other: ReadonlyMap<Item, number>): number {
  let [common, all] = [0, 0];
  for (const [item, count] of one) {
    common += Math.min(count, other.get(item) ?? 0);
    all += count;
  }
  for (const count of other.values()) all += count;
  return all === 0 ? 0 : (2 * common) / all;
}

/** The innermost blocks around a lexeme that are large enough. */
function blocksAround(blocks: readonly Block[], at: number): Block[] {
  const found: Block[] = [];
  const last = firstAfter(blocks, at) - 1;
  for (let i = last; i >= 0 && i > last - BLOCKS_BEFORE_MAX && found.length < NESTED_MAX; i--)
    if (blocks[i]!.to >= at) found.push(blocks[i]!);
  return found;
}

/** Index of the first block that begins after a lexeme; blocks come in order of their beginnings. */
function firstAfter(blocks: readonly Block[], at: number): number {
  let [low, high] = [0, blocks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (blocks[middle]!.from <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What a line at the head's own depth begins with that goes on with the block. */
const GOES_ON =
  /^\s*(?:[)\]{}]|(?:end|else|elsif|elif|elseif|fi|done|esac|rescue|ensure|except|catch|finally|then|do|begin|where|deriving)\b)/;
/** And that ends it. */
const ENDS = /^\s*(?:\}+[;,)\]]*|end[.\w() ]*|fi|done|esac|endif|\)+[;,]*)\s*$/;

/** A line, all that is indented deeper behind it, and its end. */
function blocksOf({ lexemes, lines }: LexedFile, file: number): Block[] {
  const indents = lines.map((line) => line.search(/\S/));
  const open: { line: number; indent: number }[] = [];
  const spans: [number, number][] = [];
  let last = -1;
  const closeTo = (indent: number, isOn: boolean): void => {
    while (open.length > 0 && (open.at(-1)!.indent > indent || (open.at(-1)!.indent === indent && !isOn)))
      spans.push([open.pop()!.line, last]);
  };
  for (const [line, indent] of indents.entries()) {
    if (indent < 0) continue;
    const goesOn = GOES_ON.test(lines[line]!);
    closeTo(indent, goesOn);
    last = line;
    if (open.at(-1)?.indent === indent) {
      if (ENDS.test(lines[line]!)) closeTo(indent, false);
    } else if (!goesOn) open.push({ line, indent });
  }
  closeTo(-1, false);
  const firstOf = firstLexemes(lexemes, lines.length);
  return spans
    .map(([from, to]) => ({ file, from: firstOf[from]!, to: firstOf[to + 1]! - 1, anchors: 0 }))
    .filter(({ from, to }) => to - from + 1 >= LEXEMES_MIN)
    .sort((a, b) => a.from - b.from || b.to - a.to);
}

/** The index of the first lexeme on each line or after it. */
function firstLexemes(lexemes: LexedFile['lexemes'], lines: number): Int32Array {
  const first = new Int32Array(lines + 2).fill(lexemes.length);
  for (let at = lexemes.length - 1; at >= 0; at--) first[lexemes[at]!.line] = at;
  for (let line = lines; line >= 0; line--) if (first[line] === lexemes.length) first[line] = first[line + 1]!;
  return first;
}
