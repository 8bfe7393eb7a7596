/** Excerpts: whole lines in one run, within the budget, around what was asked for. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countTokens } from '../../src/rank/budget.ts';
import { excerpt, LINES_MIN } from '../../src/rank/snippet.ts';

const filler = (count: number): string[] => Array.from({ length: count }, (_, at) => `  const value${at} = ${at};`);
const costOf = (lines: readonly string[]): number => countTokens(lines.join('\n'));

describe('excerpt', () => {
  test('shows all lines when they fit', () => {
    expect(excerpt(['a', 'b'], 7, ['x'], 100)).toEqual({ startLine: 7, lines: ['a', 'b'] });
    expect(excerpt([], 0, [], 0)).toEqual({ startLine: 0, lines: [] });
  });

  test('begins at the start where nothing speaks for another place', () => {
    const part = excerpt(['function lease() {', ...filler(50), '}'], 10, ['leas'], 60)!;
    expect(part.startLine).toBe(10);
    expect(part.lines[0]).toBe('function lease() {');
  });

  test('moves to where more of the words stand', () => {
    const lines = ['function start() {', ...filler(40), '  parcel.acquire(lease);', ...filler(40)];
    const part = excerpt(lines, 1, ['parcel', 'acquir', 'leas'], 60)!;
    expect(part.lines).toContain('  parcel.acquire(lease);');
    expect(lines[part.startLine - 1]).toBe(part.lines[0]);
  });

  test('leaves a chunk out rather than show less than a few lines', () => {
    expect(excerpt(['a'.repeat(400), 'b'.repeat(400), 'c'.repeat(400), 'd'], 1, [], 150)).toBeUndefined();
    expect(excerpt(['x'.repeat(1_000_000)], 1, ['x'], 2_000)).toBeUndefined();
    expect(excerpt(['a', 'b'], 1, [], 0)).toBeUndefined();
    expect(excerpt(['a', 'b'], 1, [], -5)).toBeUndefined();
  });

  test('is always a run of the lines, in place, and within the budget', () => {
    const line = fc.oneof(fc.constantFrom('', '  lease', 'parcel', '}'), fc.string({ maxLength: 80 }));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 40 }),
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: -10, max: 300 }),
        (lines, startLine, maxTokens) => {
          const part = excerpt(lines, startLine, ['leas', 'parcel'], maxTokens);
          if (part === undefined) return;
          const from = part.startLine - startLine;
          expect(lines.slice(from, from + part.lines.length)).toEqual(part.lines);
          if (part.lines.length === 0) return;
          expect(costOf(part.lines)).toBeLessThanOrEqual(maxTokens);
        },
      ),
      { seed: 23, numRuns: 500 },
    );
  });

  test('shows at least a few lines wherever that many fit', () => {
    const part = excerpt(filler(30), 1, [], 40)!;
    expect(part.lines.length).toBeGreaterThanOrEqual(LINES_MIN);
  });
});
