/** Answers and reports for a terminal, and as JSON for programs. Pure: text in, text out. */
import { groupText } from '../mcp/prompts.ts';
import { confidenceText, coverageLine, likenessText, number, slowReach, strongestReasons } from '../mcp/text.ts';
import { visible, visibleLine } from '../mcp/visible.ts';
import type { Answer, Duplicates, Snippet, SyncReport } from '../types.ts';

export type Look = { readonly color: boolean; readonly explain: boolean };

/** Colours help on a terminal that shows them, and nowhere else. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
  refused: boolean,
): boolean {
  return stream.isTTY === true && !refused && !environment.NO_COLOR && environment.TERM !== 'dumb';
}

/** The results of an answer: place, names, score and numbered lines, best first. */
export function resultsText(answer: Answer, look: Look): string {
  return answer.snippets.map((snippet) => snippetText(snippet, look)).join('\n');
}

/** What a person should know beside the results. */
export function remarks(answer: Answer): string[] {
  const lines: string[] = [];
  if (answer.coverage.filesTotal === 0)
    lines.push('There are no files to search here. Go into a project, or name one with --root.');
  else if (answer.snippets.length === 0)
    lines.push(`Nothing found for '${visibleLine(answer.question, 200)}'. Try other words, or fewer filters.`);
  else if (answer.weak)
    lines.push(
      `No good match${confidenceText(answer)}: these are guesses. Try the name of a symbol, or words that the code would use.`,
    );
  lines.push(...answer.notes.map((note) => visibleLine(note)));
  const read = slowReach(answer.coverage);
  if (read !== undefined) lines.push(`${read}: 'dowser index' has it read all.`);
  const masked = answer.snippets.reduce((sum, snippet) => sum + snippet.masked, 0);
  if (masked > 0) lines.push(`${number(masked)} ${masked === 1 ? 'secret' : 'secrets'} masked.`);
  if (answer.omitted.budget > 0)
    lines.push(`${number(answer.omitted.budget)} more found: raise --max-tokens to see them.`);
  if (answer.omitted.vanished > 0)
    lines.push(`${number(answer.omitted.vanished)} left out: changed or gone since they were indexed.`);
  if (answer.freshness.state !== 'fresh') lines.push(`Searched ${coverageLine(answer.coverage, answer.freshness)}.`);
  return lines;
}

export function answerJson(answer: Answer): string {
  const results = answer.snippets.map(
    ({ path, startLine, endLine, language, symbols, score, reasons, likeness, masked, text }) => {
      return { path, startLine, endLine, language, symbols, score, reasons, likeness, masked, text };
    },
  );
  const { question, coverage, freshness, weak, confidence, omitted, tokens, notes } = answer;
  return toJson({ query: question, results, coverage, freshness, weak, confidence, omitted, tokens, notes });
}

export function duplicatesText({ groups }: Duplicates): string {
  return groups.map((group) => `${groupText(group)}\n\n`).join('');
}

export function duplicatesRemarks({ groups, filesRead, filesChanged }: Duplicates, shown: number): string[] {
  const reach = `${number(filesRead)} files read${filesChanged === undefined ? '' : `, ${number(filesChanged)} of them changed`}`;
  if (groups.length === 0) return [`No code stands in two places (${reach}).`];
  const lines = groups.reduce((sum, { saving }) => sum + saving, 0);
  const more = groups.length > shown ? ` ${number(groups.length - shown)} more: raise --limit to see them.` : '';
  return [
    `${number(groups.length)} ${groups.length === 1 ? 'group' : 'groups'}, ${number(lines)} lines in all (${reach}).${more}`,
  ];
}

/** JSON whose hidden characters are written as \uXXXX: the same value, and harmless on a terminal. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[\p{Cf}\u007f-\u009f\u2028\u2029]/gu, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

export function reportText(report: SyncReport): string {
  const seconds = (report.ms / 1_000).toFixed(1);
  if (report.filesChanged === 0 && report.filesRemoved === 0)
    return `Up to date: ${number(report.filesSeen)} files, checked in ${seconds} s`;
  const removed = report.filesRemoved === 0 ? '' : `, ${number(report.filesRemoved)} removed`;
  return `Indexed ${number(report.filesChanged)} of ${number(report.filesSeen)} files${removed}: ${number(report.chunksWritten)} chunks in ${seconds} s`;
}

function snippetText(snippet: Snippet, { color, explain }: Look): string {
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const byName = snippet.startLine === 0; // a file of which only the name is known
  const place = `${paint('1;36', visibleLine(snippet.path, 1_000))}${byName ? '' : `:${snippet.startLine}-${snippet.endLine}`}`;
  const names = snippet.symbols
    .slice(0, 5)
    .map((name) => visibleLine(name, 60))
    .join(', ');
  const reasons = strongestReasons(snippet).join(', ');
  const alike = likenessText(snippet);
  const score = paint('2', `${snippet.score.toFixed(2)}${reasons === '' ? '' : ` (${reasons})`}`);
  const head = [place, ...(names === '' ? [] : [paint('33', names)]), score, ...(alike === '' ? [] : [alike])].join(
    '  ',
  );
  const width = String(snippet.endLine).length;
  const lines = (byName ? [] : snippet.text.split(/\r?\n/)).map((line, index) => {
    return `${paint('2', `${String(snippet.startLine + index).padStart(width + 2)}  `)}${visible(line).text}`;
  });
  return [head, ...(explain ? [explanation(snippet)] : []), ...lines, ''].join('\n');
}

function explanation({ reasons, score }: Snippet): string {
  const parts = [...reasons].sort((a, b) => Math.abs(b.amount) - Math.abs(a.amount));
  return `  = ${parts.map(({ name, amount }) => `${amount < 0 ? '-' : '+'}${Math.abs(amount).toFixed(3)} ${name}`).join('  ')}  (${score.toFixed(3)})`;
}
