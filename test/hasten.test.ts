/** Questions to a cold repository that come together: each look reads every waiting file, so late ones share one. */
import { expect, test } from 'vitest';
import { shareLooks } from '../src/hasten.ts';
import type { Probed } from '../src/probe.ts';

/** A look that ends when told to, and remembers what it was asked. */
function slowLook() {
  const asked: { needles: readonly string[]; end: () => void }[] = [];
  const look = shareLooks(
    (needles) =>
      new Promise<Probed[]>((resolve) => {
        const found = needles.map((path) => ({ path, score: 1, defines: true }));
        asked.push({ needles, end: () => resolve(found) });
      }),
  );
  return { asked, look };
}

test('a question that comes alone is looked for at once', async () => {
  const { asked, look } = slowLook();
  const found = look(['a'], 1);
  asked[0]!.end();
  expect((await found).map(({ path }) => path)).toEqual(['a']);
});

test('questions that come while one looks share a single look, which is for all of their names', async () => {
  const { asked, look } = slowLook();
  const first = look(['a'], 1);
  const others = ['b', 'c', 'd'].map((name) => look([name], 1));
  expect(asked).toHaveLength(1);
  asked[0]!.end();
  await first;
  await new Promise(setImmediate);
  expect(asked).toHaveLength(2);
  expect(asked[1]!.needles).toEqual(['b', 'c', 'd']);
  asked[1]!.end();
  for (const found of await Promise.all(others)) expect(found.map(({ path }) => path)).toEqual(['b', 'c', 'd']);
});

test('a look that fails fails its own question and not the next', async () => {
  let calls = 0;
  const look = shareLooks(async (needles) => {
    calls++;
    if (calls === 1) throw new Error('lost');
    return needles.map((path) => ({ path, score: 1, defines: false }));
  });
  const first = look(['a'], 1);
  const second = look(['b'], 1);
  await expect(first).rejects.toThrow('lost');
  expect((await second).map(({ path }) => path)).toEqual(['b']);
});
