/** A finding: one place where words and code have parted. */

export type Drift = {
  /** What the words name: a documented parameter, a symbol, an argument of a call, a path, a command-line option. */
  readonly what: 'parameter' | 'symbol' | 'call' | 'path' | 'flag';
  readonly path: string;
  readonly line: number;
  readonly name: string;
  /** The line that says it. */
  readonly says: string;
  /** What the code has now, when there is something to show. */
  readonly now: string | undefined;
  readonly why: string;
  /** 0 to 1. */
  readonly certainty: number;
};

/** By kind, for the order: a comment beside its code needs no guess, an option may be another program's (test/eval/results.md). */
export const CERTAINTY = {
  parameter: 0.95,
  parameterAlone: 0.85,
  symbol: 0.8,
  call: 0.8,
  path: 0.7,
  flag: 0.5,
} as const;

const LINE_CHARS_MAX = 200;

/** Text on one line, cut where it gets long. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, LINE_CHARS_MAX);
}
