/** Markdown: its headings are what it defines, and a section is not cut without need. */
import type { Definition } from './labels.ts';
import type { CutWeights, Lines } from './lines.ts';

/** Each level of heading makes a cut in front of it a little worse than one in front of the level above. */
const LEVEL_WEIGHT = 0.5;
/** Between two paragraphs, between two lines of one, inside a fence. */
const PARAGRAPH_WEIGHT = 4;
const LINE_WEIGHT = 6;
const FENCE_WEIGHT = 8;
const HEADING_CHARS_MAX = 120;

/** Outline of a Markdown text: its headings, each reaching to the next one of its level or above. */
export function outlineSections(lines: Lines): { weights: CutWeights; definitions: Definition[] } {
  const weights = new Float32Array(lines.count);
  const definitions: { name: string; owners: readonly string[]; row: number; last: number; level: number }[] = [];
  const open: typeof definitions = [];
  let fence = '';
  for (let line = 0; line < lines.count; line++) {
    const text = lines.text.slice(
      lines.starts[line]!,
      Math.min(lines.ends[line]!, lines.starts[line]! + 4 * HEADING_CHARS_MAX),
    );
    const marker = /^ {0,3}(`{3,}|~{3,})/.exec(text)?.[1];
    weights[line] =
      fence !== '' ? FENCE_WEIGHT : line > 0 && lines.indents[line - 1]! < 0 ? PARAGRAPH_WEIGHT : LINE_WEIGHT;
    if (fence !== '') {
      if (marker?.startsWith(fence) && text.trim() === marker) fence = '';
      continue;
    }
    if (marker !== undefined) fence = marker;
    const heading = fence === '' ? readHeading(lines, line, text) : undefined;
    if (heading === undefined) continue;
    weights[line] = LEVEL_WEIGHT * (heading.level - 1);
    while (open.length > 0 && open[open.length - 1]!.level >= heading.level) open.pop()!.last = line - 1;
    const definition = { ...heading, owners: [], row: line, last: lines.count - 1 };
    definitions.push(definition);
    open.push(definition);
  }
  return { weights, definitions };
}

/** `## Name ##`, or a line underlined with = or -. */
function readHeading(lines: Lines, line: number, text: string): { name: string; level: number } | undefined {
  const marks = /^ {0,3}(#{1,6})(?:[ \t]|$)/.exec(text);
  if (marks !== null)
    return named(
      text
        .slice(marks[0].length)
        .trimEnd()
        .replace(/(?:^|[ \t])#{1,20}$/, ''),
      marks[1]!.length,
    );
  const isText = lines.indents[line]! >= 0 && lines.indents[line]! <= 3 && !/^ {0,3}(?:[-+*>|=]|\d+[.)])/.test(text);
  const alone = line === 0 || lines.indents[line - 1]! < 0;
  if (!isText || !alone || line + 1 >= lines.count) return undefined;
  const under = lines.text.slice(lines.starts[line + 1]!, lines.ends[line + 1]!).trimEnd();
  if (under.length > 4 * HEADING_CHARS_MAX || !/^ {0,3}(?:=+|-{2,})$/.test(under)) return undefined;
  return named(text, under.trim().startsWith('=') ? 1 : 2);
}

function named(text: string, level: number): { name: string; level: number } | undefined {
  const name = text
    .trim()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .slice(0, HEADING_CHARS_MAX);
  return name === '' ? undefined : { name, level };
}
