/** The prompt for reviews: what a change has in common with other places, on a real repository. */
import { expect, test } from 'vitest';
import { PROMPTS } from '../../src/mcp/prompts.ts';
import { git, write } from '../source/tree.ts';
import { lines, makeProject, openSynced } from '../support.ts';

const COPIED = lines(
  'export function collectCrates(depot) {',
  '  const found = [];',
  ...Array.from({ length: 8 }, (_, at) => `  if (depot.crates[${at}].isOpen) found.push(depot.crates[${at}]);`),
  '  return found;',
  '}',
);
const signal = new AbortController().signal;
const [review] = PROMPTS;

test('a change that repeats code is put before the reviewer with all places, one that does not is let go', async () => {
  const root = makeProject({ 'src/a.js': COPIED, 'src/b.js': 'export const one = 1;\n' });
  git(root, 'add', '--all');
  git(root, 'commit', '-qm', 'one');
  const { index } = await openSynced(root);
  expect(await review!.write(index, {}, signal)).toBe(
    '0 of 2 files differ from HEAD; none of their code stands elsewhere as well. There is nothing to review for copies.',
  );
  write(root, { 'src/b.js': COPIED.replaceAll('Crates', 'Boxes') });
  await index.sync();
  const text = await review!.write(index, { since: 'HEAD' }, signal);
  expect(text).toContain('(1 of 2 files differ from HEAD)');
  expect(text).toMatch(
    /12 lines to save: 2 places of 12 lines or more, renamed\n {2}src\/a\.js:1-12\n {2}src\/b\.js:1-12$/,
  );
});

test.each(['nowhere', '--output=x', 'x'.repeat(201)])("since '%s' is refused with a reason", async (since) => {
  const { index } = await openSynced(makeProject({ 'a.js': COPIED }));
  await expect(review!.write(index, { since }, signal)).rejects.toMatchObject({ code: 'bad_argument' });
});
