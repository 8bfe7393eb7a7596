/** Keeps the process small: V8 would rather have memory than collect garbage, and what it has it keeps. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * To be called before there is much garbage. Young objects then stay in the few megabytes that every heap begins with:
 * 100 questions on 10,000 files peak at 233 MB instead of 333, and take the same processor time.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

const forgetting: (() => void)[] = [];

/** Whenever memory is given back, `forget` drops what was only kept to be faster. */
export function forgetWhenIdle(forget: () => void): void {
  forgetting.push(forget);
}

/** Collects all garbage and returns the memory to the system: 311 MB to 151 in 0.1 to 0.3 s, so not while anyone waits. */
export function giveBackMemory(): void {
  for (const forget of forgetting) forget();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  setFlagsFromString('--no-expose-gc');
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
