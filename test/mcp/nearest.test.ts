import { expect, test } from 'vitest';
import { nearest } from '../../src/mcp/nearest.ts';

const NAMES = ['query', 'paths', 'languages', 'kind', 'limit', 'max_tokens', 'min_similarity'];

test.each([
  ['maxTokens', 'max_tokens'],
  ['max-tokens', 'max_tokens'],
  ['path', 'paths'],
  ['language', 'languages'],
  ['limt', 'limit'],
  ['Query', 'query'],
])('%s was meant to be %s', (typed, meant) => {
  expect(nearest(typed, NAMES)).toBe(meant);
});

test.each(['', 'zzzzzz', 'x'.repeat(10_000)])('%j is near to nothing', (typed) => {
  expect(nearest(typed, NAMES)).toBeUndefined();
});

test('without candidates there is no guess', () => {
  expect(nearest('query', [])).toBeUndefined();
});
