/** `dowser docs-drift`: prints where prose and comments no longer say what the code does. */
import type { DriftReport } from '../drift/drift.ts';
import { findDrift } from '../drift/drift.ts';
import type { Drift } from '../drift/finding.ts';
import { number } from '../mcp/text.ts';
import { visibleLine } from '../mcp/visible.ts';
import { configFor, refuseWords } from './actions.ts';
import type { Options } from './flags.ts';
import { toJson, wantsColor } from './format.ts';

/** What is surer than this was right 18 times of 18 by hand; below it stand symbols, right in two of three names. */
const CERTAINTY_MIN = 0.8;

/** Exit codes: 0, or 1 when something was found and --fail asks for that. */
export async function docsDrift(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  refuseWords('docs-drift', words);
  const { root } = configFor(options, []);
  const { paths, since, minCertainty = CERTAINTY_MIN } = options;
  const all = await findDrift(root, { ...(paths && { paths }), ...(since && { since }), signal });
  const found = all.found.filter(({ certainty }) => certainty >= minCertainty);
  const less = all.found.length - found.length;
  const unsure = `${number(less)} less certain ${less === 1 ? 'one is' : 'ones are'} left out: --min-certainty 0 shows all.`;
  const report = { ...all, found, notes: less === 0 ? all.notes : [...all.notes, unsure] };
  if (options.json) process.stdout.write(`${toJson(report)}\n`);
  else {
    const color = wantsColor(process.stdout, process.env, options.noColor);
    for (const one of report.found) process.stdout.write(`${driftText(one, color)}\n\n`);
    if (!options.quiet) process.stderr.write(`${summary(report)}\n`);
  }
  return options.fail && found.length > 0 ? 1 : 0;
}

function driftText({ path, line, says, now, why, certainty }: Drift, color: boolean): string {
  const place = `${visibleLine(path, 1_000)}:${line}`;
  const shown = now === undefined ? [] : [`  now:  ${visibleLine(now)}`];
  return [
    `${color ? `\u001b[1;36m${place}\u001b[0m` : place}  ${certainty.toFixed(2)}`,
    `  says: ${visibleLine(says)}`,
    ...shown,
    `  why:  ${visibleLine(why)}`,
  ].join('\n');
}

function summary({ found, files, commits, notes }: DriftReport): string {
  const history = commits > 0 ? ` and ${number(commits)} commits` : '';
  return [`${number(found.length)} found in ${number(files)} files${history}.`, ...notes].join('\n');
}
