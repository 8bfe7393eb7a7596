/** An answer as the text that a model reads: a head line that says what it covers, then each snippet in a fence of its own. */
import { MAX_TOKENS_DEFAULT } from '../config.ts';
import type { Answer, Coverage, Freshness, Snippet } from '../types.ts';
import { cutText, visible, visibleLine } from './visible.ts';

/** Bytes of snippets per token asked for: 9,000 by default, so that with head and tail the answer stays under the 10 kB that every client shows whole. */
const BYTES_PER_TOKEN = 3.6;

/** Longest name and most names shown for one snippet: a Markdown heading is a symbol, and may be any text. */
const SYMBOL_CHARS_MAX = 60;
const PATH_CHARS_MAX = 1_000;
const SYMBOLS_MAX = 5;
const REASONS_MAX = 3;

export type AnswerStyle = {
  readonly maxTokens?: number | undefined;
  /** What to try next when nothing, or nothing strong, was found. */
  readonly advice: string;
  /** Snippets of one file follow each other as one group: reasons and names stand at its first. */
  readonly isGrouped?: boolean;
};

/** The whole answer, its snippets within `maxTokens * BYTES_PER_TOKEN` bytes; what did not fit is counted. */
export function answerText(
  answer: Answer,
  { maxTokens = MAX_TOKENS_DEFAULT, advice, isGrouped = false }: AnswerStyle,
): string {
  const fence = fenceFor(answer.snippets);
  const head = [headLine(answer), ...caveats(answer)];
  if (answer.snippets.length === 0) return [...head, advice].join('\n');
  if (answer.weak) head.push(`No good match${confidenceText(answer)}: take these as guesses. ${advice}`);
  let room = maxTokens * BYTES_PER_TOKEN;
  const blocks: string[] = [];
  for (const snippet of answer.snippets) {
    const isMore = isGrouped && answer.snippets[blocks.length - 1]?.path === snippet.path;
    const whole = block(snippet, blocks.length + 1, fence, isMore);
    const shown =
      Buffer.byteLength(whole) <= room ? whole : blocks.length === 0 ? cutBlock(snippet, fence, room) : undefined;
    if (shown === undefined) break;
    blocks.push(shown);
    room -= Buffer.byteLength(shown) + 2;
  }
  return [head.join('\n'), ...blocks, ...tail(answer, maxTokens, answer.snippets.length - blocks.length)].join('\n\n');
}

/** What is known of how far the index reaches, and how old it is. */
export function coverageLine(coverage: Coverage, freshness: Freshness): string {
  const files = (count: number): string => `${number(count)} ${count === 1 ? 'file' : 'files'}`;
  const partial = coverage.filesIndexed < coverage.filesTotal || coverage.pending > 0;
  const reach = partial
    ? `${number(coverage.filesIndexed)} of ${files(coverage.filesTotal)} searchable`
    : `${files(coverage.filesTotal)}`;
  if (freshness.state === 'fresh') return `${reach}, in step with the disk`;
  if (freshness.state === 'indexing') return `${reach} so far: still indexing, ask again for the rest`;
  if (freshness.state === 'leader_stalled')
    return `${reach}; later edits are missing, because the dowser process that keeps this index in step does not respond (leader_stalled)`;
  const later = coverage.pending > 0 ? `, ${number(coverage.pending)} pending: ask again for those` : '';
  return `${reach}, as of ${freshness.sweptAt ?? 'an earlier run'}${later || ': later edits may be missing'}`;
}

/** How sure an answer is, where it was judged: ` (confidence 0.23)`. */
export function confidenceText({ confidence }: Pick<Answer, 'confidence'>): string {
  return confidence === undefined ? '' : ` (confidence ${confidence.toFixed(2)})`;
}

export function number(count: number): string {
  return count.toLocaleString('en-US');
}

/** Names of the reasons that spoke for a snippet, strongest first. */
export function strongestReasons(snippet: Snippet, most = REASONS_MAX): string[] {
  const speaking = snippet.reasons.filter(({ amount }) => amount > 0).sort((a, b) => b.amount - a.amount);
  return speaking.slice(0, most).map(({ name }) => name);
}

/** Other places of the same code that are named. */
const ALSO_MAX = 8;

/** How far a snippet is like the piece asked for, and where it stands as well; '' where that was not asked. */
export function likenessText({ likeness }: Pick<Snippet, 'likeness'>): string {
  if (likeness === undefined) return '';
  const { verdict, also } = likeness;
  const places = also
    .slice(0, ALSO_MAX)
    .map((one) => `${visibleLine(one.path, 1_000)}:${one.startLine}-${one.endLine}`);
  const more = also.length > ALSO_MAX ? ` and ${also.length - ALSO_MAX} more` : '';
  return `${verdict}${also.length === 0 ? '' : `, also at ${places.join(', ')}${more}`}`;
}

/** One more backtick than the longest run in any of the texts, so that no text can end its own fence. */
function fenceFor(snippets: readonly Snippet[]): string {
  let longest = 2;
  for (const { text } of snippets)
    for (const run of text.match(/`{3,}/g) ?? []) longest = Math.max(longest, run.length);
  return '`'.repeat(longest + 1);
}

function headLine(answer: Answer): string {
  const question = JSON.stringify(visibleLine(answer.question, 200));
  const count = answer.snippets.length;
  const found =
    count === 0
      ? `Nothing found for ${question}.`
      : `${count} ${count === 1 ? 'snippet' : 'snippets'} for ${question}, best first.`;
  return `${found} Index: ${coverageLine(answer.coverage, answer.freshness)}.`;
}

function caveats({ coverage, notes }: Answer): string[] {
  const lines = notes.map((note) => visibleLine(note));
  if (coverage.embedded < coverage.chunks) {
    const percent = Math.floor((coverage.embedded / coverage.chunks) * 100);
    lines.push(
      percent === 0
        ? 'Found by words alone: the code has no embeddings to compare meaning by.'
        : `Search by meaning covers ${percent} % of the code; the rest is found by its words.`,
    );
  }
  const read = slowReach(coverage);
  if (read !== undefined) lines.push(`${read} so far; the rest is judged by the bundled model.`);
  return lines.map((line) => `Note: ${line}`);
}

/** How much a slow model knows of the code, as far as it does not know all. */
export function slowReach({ slow, chunks }: Coverage): string | undefined {
  if (slow === undefined || slow.embedded >= chunks) return undefined;
  return `${visibleLine(slow.name)} has read ${Math.floor((slow.embedded / chunks) * 100)} % of the code`;
}

/** One line that says where and why, then the lines as they are on disk. More of the file before says where, and that shortly. */
function block(snippet: Snippet, position: number, fence: string, isMore = false): string {
  const { text, count } = visible(snippet.text);
  const marks = [
    `${position}. ${place(isMore ? { ...snippet, path: snippet.path.replace(/^.*\//s, '…/') } : snippet)}`,
    ...(snippet.likeness === undefined ? [] : [likenessText(snippet)]),
    ...(isMore ? [] : [`score ${snippet.score.toFixed(2)}${reasonsOf(snippet)}`]),
    ...(isMore || snippet.symbols.length === 0 ? [] : [symbolsOf(snippet)]),
    ...(snippet.masked > 0 ? [`${snippet.masked} ${snippet.masked === 1 ? 'secret' : 'secrets'} masked`] : []),
    ...(count > 0 ? [`${count} hidden ${count === 1 ? 'character' : 'characters'} written as \\u{..}`] : []),
  ];
  if (snippet.startLine === 0) return `${marks.join(' · ')} · known by its name only, its lines are not indexed`;
  const language = /^[\w+#-]{1,20}$/.test(snippet.language) && snippet.language !== 'text' ? snippet.language : '';
  return `${marks.join(' · ')}\n${fence}${language}\n${text}\n${fence}`;
}

/** As many leading lines of the first snippet as there is room for: the answer's best evidence is never left out. */
function cutBlock(snippet: Snippet, fence: string, room: number): string {
  const frame = Buffer.byteLength(block({ ...snippet, text: '' }, 1, fence)) + 100;
  const lines = snippet.text.split('\n');
  let bytes = 0;
  let kept = 0;
  while (kept < lines.length && bytes + Buffer.byteLength(visible(lines[kept]!).text) + 1 <= room - frame) {
    bytes += Buffer.byteLength(visible(lines[kept]!).text) + 1;
    kept++;
  }
  if (kept > 0) {
    const endLine = snippet.startLine + kept - 1;
    const shown = { ...snippet, text: lines.slice(0, kept).join('\n'), endLine };
    return `${block(shown, 1, fence)}\n(lines ${endLine + 1}-${snippet.endLine} cut by the budget)`;
  }
  // Even one line is too long: four bytes a character and eight to write a hidden one leave this many characters for sure.
  const start = cutText(lines[0]!, Math.max(80, Math.floor((room - frame) / 8)));
  return `${block({ ...snippet, text: start, endLine: snippet.startLine }, 1, fence)}\n(a long line, cut by the budget)`;
}

function place({ path, startLine, endLine }: Snippet): string {
  const name = named(path, PATH_CHARS_MAX);
  return startLine === 0 ? name : `${name}:${startLine}-${endLine}`;
}

/** A name out of the repository, without the mark that parts what is said of a snippet: the place ends at the first one. */
function named(text: string, charsMax: number): string {
  return visibleLine(text.replaceAll('·', '\\u{b7}'), charsMax);
}

function reasonsOf(snippet: Snippet): string {
  const names = strongestReasons(snippet);
  return names.length === 0 ? '' : ` (${names.map((name) => named(name, SYMBOL_CHARS_MAX)).join(', ')})`;
}

function symbolsOf({ symbols }: Snippet): string {
  const names = symbols.slice(0, SYMBOLS_MAX).map((name) => named(name, SYMBOL_CHARS_MAX));
  const more = symbols.length - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function tail({ omitted }: Answer, maxTokens: number, cutHere: number): string[] {
  const lines: string[] = [];
  const cut = omitted.budget + cutHere;
  if (cut > 0) {
    lines.push(
      `${cut} more found, left out by max_tokens (${number(maxTokens)}). For them: raise max_tokens, or narrow by paths.`,
    );
  }
  if (omitted.vanished > 0) {
    lines.push(`${omitted.vanished} left out: the file changed or went away since it was indexed.`);
  }
  return lines.length === 0 ? [] : [lines.join('\n')];
}
