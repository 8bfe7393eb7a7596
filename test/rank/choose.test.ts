/** Lines are bought by what they show for their price, within the budget, each name paid for once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countTokens, SNIPPET_HEAD_TOKENS, SNIPPET_NEXT_TOKENS } from '../../src/rank/budget.ts';
import { type Choice, choose, type Source, type Worth } from '../../src/rank/choose.ts';

const NONE = { name: '', amount: 0 };

function source(path: string, lines: readonly string[], symbols: readonly string[] = [], prior = NONE): Source {
  return { path, lines: lines.map((line) => `${line}\n`), symbols, prior, muted: new Uint8Array(lines.length) };
}

const worth = (names: Record<string, number>): Map<string, Worth> =>
  new Map(Object.entries(names).map(([name, value]) => [name, { used: 0.9 * value, defined: value }]));

/** What the choices cost, as an answer that groups them by file does. */
function costOf(sources: readonly Source[], choices: readonly Choice[]): number {
  const paths = new Set(choices.map(({ source }) => sources[source]!.path));
  const lines = choices.flatMap(({ source, from, to }) => sources[source]!.lines.slice(from, to + 1));
  const heads = paths.size * SNIPPET_HEAD_TOKENS + (choices.length - paths.size) * SNIPPET_NEXT_TOKENS;
  return heads + lines.reduce((sum, line) => sum + countTokens(line), 0);
}

const PLAIN = Array.from({ length: 40 }, (_, at) => `  step(${at});`);

describe('choosing', () => {
  test("takes a definition's head rather than the long body behind it", () => {
    const lines = ['/** Opens. */', 'function openDesk(', '  name: string,', '): Desk {', ...PLAIN, '}'];
    const choices = choose([source('a.ts', lines, ['openDesk'])], worth({ openDesk: 0.5 }), 2_000);
    expect(choices).toEqual([{ source: 0, from: 1, to: 3, reasons: [{ name: 'defines openDesk', amount: 0.5 }] }]);
  });

  test('shows a use with the lines around it, and says so', () => {
    const [choice] = choose([source('a.ts', [...PLAIN, '  openDesk();', ...PLAIN])], worth({ openDesk: 0.5 }), 2_000);
    expect(choice!.from).toBeLessThanOrEqual(40);
    expect(choice!.to).toBeGreaterThanOrEqual(40);
    expect(choice!.to - choice!.from).toBeGreaterThanOrEqual(5);
    expect(choice!.reasons).toEqual([{ name: 'uses openDesk', amount: 0.45 }]);
  });

  test('pays for a name once, where it is cheapest', () => {
    const short = source('short.ts', ['function openDesk() {}'], ['openDesk']);
    const long = source('long.ts', ['function openDesk(name) { return waitForever(name, name, name); }'], ['openDesk']);
    const choices = choose([long, short], worth({ openDesk: 0.5 }), 2_000);
    expect(choices.map(({ source }) => source)).toEqual([1]);
  });

  test('finds the line that defines a name behind ones that only have it', () => {
    const lines = ['// openDesk is kept for old callers', 'wrap(openDesk)', 'export function openDesk() {', '}'];
    const choices = choose([source('a.ts', lines, ['openDesk'])], worth({ openDesk: 1 }), 60);
    expect(choices).toMatchObject([{ from: 2, to: 2 }]);
  });

  test('does not buy what a line only imports', () => {
    const muted = { ...source('a.ts', ["import { openDesk } from './desk';"]), muted: new Uint8Array([1]) };
    expect(choose([muted], worth({ openDesk: 1 }), 2_000)).toEqual([]);
  });

  test('shows what is worth seeing whatever names it has', () => {
    const choices = choose([source('a.ts', PLAIN, [], { name: 'test of this file', amount: 0.2 })], new Map(), 200);
    expect(choices.flatMap(({ reasons }) => reasons.map(({ name }) => name))).toEqual(['test of this file']);
  });

  test('stays within any budget, in order, without showing a line twice, with amounts that are the worth of each name', () => {
    const line = fc.constantFrom(
      '',
      '  a();',
      'function alpha() {',
      '  beta(gamma);',
      '}',
      'x'.repeat(200),
      'gamma = 1',
      '((((',
    );
    const sources = fc.array(
      fc.record({
        path: fc.constantFrom('a.ts', 'b.ts', 'c.ts'),
        lines: fc.array(line, { minLength: 1, maxLength: 30 }),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(sources, fc.integer({ min: 0, max: 600 }), (given, maxTokens) => {
        const made = given.map(({ path, lines }) =>
          source(path, lines, ['alpha', 'gamma'], { name: 'alike', amount: 0.01 }),
        );
        const choices = choose(made, worth({ alpha: 0.5, beta: 0.3, gamma: 0.2 }), maxTokens);
        expect(costOf(made, choices)).toBeLessThanOrEqual(Math.max(maxTokens, 0));
        const shown = choices.flatMap(({ source, from, to }) =>
          Array.from({ length: to - from + 1 }, (_, at) => `${source} ${from + at}`),
        );
        expect(new Set(shown).size).toBe(shown.length);
        for (const name of ['alpha', 'beta', 'gamma']) {
          const paid = choices.flatMap(({ reasons }) => reasons.filter((reason) => reason.name.endsWith(` ${name}`)));
          expect(paid.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});
