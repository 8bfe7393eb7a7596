/** Makes what can't be seen, or would steer a terminal, visible as \u{..}: for text that comes out of a repository. */

/**
 * Control characters but tab and line ends, format characters (bidi, zero-width, tags), variation selectors that can
 * carry hidden data (the two that choose between text and emoji stay), line separators, fillers that look like blanks, and halves of surrogate pairs.
 */
const HIDDEN =
  /(?!\t|\n|\r\n|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Variation_Selector}\u{115f}\u{1160}\u{2800}\u{3164}\u{ffa0}]/gu;

export type Visible = { readonly text: string; readonly count: number };

/** The text with every hidden character written out, and how many there were. Tabs and line ends stay. */
export function visible(text: string): Visible {
  let count = 0;
  const shown = text.replace(HIDDEN, (character) => {
    count++;
    return escaped(character);
  });
  return { text: shown, count };
}

/** The text on one line: hidden characters and line ends written out, cut to `charsMax`. For names, paths and messages. */
export function visibleLine(text: string, charsMax = 500): string {
  const line = visible(text).text.replace(/[\t\r\n]/g, escaped);
  return line.length <= charsMax ? line : `${cutText(line, charsMax - 1)}…`;
}

/** The first `charsMax` UTF-16 units, without half of a surrogate pair at the end. */
export function cutText(text: string, charsMax: number): string {
  return text.slice(0, charsMax).replace(/[\ud800-\udbff]$/, '');
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
