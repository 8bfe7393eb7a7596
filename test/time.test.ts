/** Bounded waits. */
import { expect, test } from 'vitest';
import { within } from '../src/time.ts';

const never = new Promise<string>(() => undefined);

test('gives what comes in time, nothing when it does not, and throws what fails in time', async () => {
  expect(await within(10_000, Promise.resolve('done'))).toBe('done');
  expect(await within(1, never)).toBeUndefined();
  await expect(within(10_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed');
});

test('waits not at all when no time is left, but takes what is there already', async () => {
  expect(await within(-5, never)).toBeUndefined();
  expect(await within(0, Promise.resolve('there'))).toBe('there');
});
