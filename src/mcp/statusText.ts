/** The state of the index as text, one fact a line: the same for models and for people. */
import type { SkipReason, Status } from '../types.ts';
import { coverageLine, number } from './text.ts';
import { visibleLine } from './visible.ts';

const SKIPPED: Readonly<Record<SkipReason, string>> = {
  secret_name: 'may hold secrets (never read)',
  too_large: 'too large (by name only)',
  binary: 'binary (by name only)',
  minified: 'minified (by name only)',
  generated: 'generated (by name only)',
  empty: 'empty',
  not_regular: 'links and devices',
  bad_name: 'names that are not UTF-8',
  unreadable: 'not readable',
  stuck: 'took too long to take apart',
  changing: 'changing while read',
};

const LANGUAGES_MAX = 12;

export function statusText(status: Status): string {
  const { coverage, model } = status;
  const lines = [
    `Root: ${visibleLine(status.root, 4_096)}`,
    `Files: ${coverageLine(coverage, status.freshness)}`,
    `Chunks: ${number(coverage.chunks)}, ${number(coverage.embedded)} of them with an embedding`,
    `Pending: ${number(coverage.pending)}`,
    `Not searched in full: ${skippedList(coverage.skipped)}`,
    `Languages: ${languageList(status.languages)}`,
    `Model: ${model === undefined ? 'none, words only' : `${visibleLine(model.name)}, ${model.dimensions} dimensions, ${visibleLine(model.runtime)}`}`,
    ...slowLines(status),
    `Last change: ${status.lastChange ?? 'none yet'}`,
    `Store: ${megabytes(status.storeBytes)} in ${visibleLine(status.storeFile, 4_096)}`,
    `Role: ${status.role}`,
    `Health: ${status.health.map((code) => visibleLine(code)).join(', ') || 'ok'}`,
  ];
  return lines.join('\n');
}

function slowLines({ slow, coverage }: Status): string[] {
  if (slow === undefined) return [];
  const read = `${number(coverage.slow?.embedded ?? 0)} of ${number(coverage.chunks)} chunks`;
  const where = slow.host === undefined ? '' : ` (remote: texts are sent to ${visibleLine(slow.host)})`;
  return [
    `Slow model: ${visibleLine(slow.name)}${where}, ${slow.dimensions} dimensions, ${read}; ${visibleLine(slow.state, 300)}`,
  ];
}

function skippedList(skipped: Status['coverage']['skipped']): string {
  const parts = (Object.keys(SKIPPED) as SkipReason[]).flatMap((reason) => {
    const count = skipped[reason] ?? 0;
    return count === 0 ? [] : [`${number(count)} ${SKIPPED[reason]}`];
  });
  return parts.join(', ') || 'none';
}

function languageList(languages: Status['languages']): string {
  const sorted = Object.entries(languages).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const shown = sorted.slice(0, LANGUAGES_MAX).map(([language, count]) => `${language} ${number(count)}`);
  const more = sorted.length - shown.length;
  return shown.length === 0 ? 'none' : `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
