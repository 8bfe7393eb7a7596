/** A text as lines: the one definition of a line that chunks, snippets and places agree on. */

/** Where each line begins and ends in a text: `\n` ends a line, a `\r` before it belongs to the end; a lone `\r` does not. */
export type LineSpan = { readonly start: number; readonly end: number };

/** Spans of all lines, without their ends. A text that ends with a line end has no further, empty line. */
export function lineSpans(text: string): LineSpan[] {
  const spans: LineSpan[] = [];
  let start = 0;
  while (start < text.length) {
    const at = text.indexOf('\n', start);
    const next = at === -1 ? text.length : at;
    const end = at !== -1 && next > start && text.charCodeAt(next - 1) === 13 ? next - 1 : next;
    spans.push({ start, end });
    if (at === -1) break;
    start = at + 1;
  }
  return spans;
}

/** The text from `startLine` to `endLine` (from 1, included), without the last line's end. */
export function sliceLines(text: string, spans: readonly LineSpan[], startLine: number, endLine: number): string {
  return text.slice(
    spans[startLine - 1]?.start ?? text.length,
    spans[Math.min(endLine, spans.length) - 1]?.end ?? text.length,
  );
}
