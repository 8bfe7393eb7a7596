/** What is kept to be faster goes when the memory is given back. */
import { expect, test } from 'vitest';
import { forgetWhenIdle, giveBackMemory } from '../src/memory.ts';

test('memory that is given back is first let go of by whoever kept it to be faster', () => {
  let kept: Uint8Array | undefined = new Uint8Array(64 << 20).fill(1);
  forgetWhenIdle(() => {
    kept = undefined;
  });
  const before = process.memoryUsage.rss();
  giveBackMemory();
  expect(kept).toBeUndefined();
  expect(before - process.memoryUsage.rss()).toBeGreaterThan(48 << 20);
});
