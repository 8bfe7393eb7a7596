/** The pool with real threads: jobs come back, stuck and dying threads harm nobody else, closing leaves nothing behind. */
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { setLogLevel } from '../src/log.ts';
import { JobLost, openPool, type Pool, type PoolOptions } from '../src/pool.ts';

setLogLevel('error');

type Job = { readonly type: string; readonly value?: unknown };
type Result = { readonly value: unknown; readonly threadId: number; readonly workerData: unknown };

function open(options: Partial<PoolOptions> = {}, script = 'obedient'): Pool<Job, Result> {
  const url = new URL(`./fixtures/threads/${script}.mjs`, import.meta.url);
  const pool = openPool<Job, Result>(url, { count: 1, data: 'hello', jobMsMax: 20_000, ...options });
  onTestFinished(() => pool.close());
  return pool;
}

const echo = (value: unknown): Job => ({ type: 'echo', value });

afterEach(() => {
  vi.useRealTimers();
});

describe('jobs', () => {
  test('come back each to the one who gave it, from as many threads as there may be', async () => {
    const pool = open({ count: 2 });
    const results = await Promise.all(Array.from({ length: 20 }, (_, at) => pool.run(echo(at))));
    expect(results.map(({ value }) => value)).toEqual(Array.from({ length: 20 }, (_, at) => at));
    expect(new Set(results.map(({ threadId }) => threadId)).size).toBe(2);
    expect(results[0]!.workerData).toBe('hello');
  });

  test('are done in the order they came, urgent ones before the others', async () => {
    const pool = open();
    const done: unknown[] = [];
    const run = (value: string, urgent = false) => pool.run(echo(value), urgent).then(() => done.push(value));
    await Promise.all([run('first'), run('a'), run('b'), run('urgent 1', true), run('urgent 2', true)]);
    expect(done).toEqual(['first', 'urgent 1', 'urgent 2', 'a', 'b']);
  });

  test('that fail in order say why, and their thread goes on', async () => {
    const pool = open();
    const before = await pool.run(echo(1));
    await expect(pool.run({ type: 'fail', value: 'no such model' })).rejects.toMatchObject({
      code: 'model_failed',
      message: 'no such model',
    });
    expect((await pool.run(echo(2))).threadId).toBe(before.threadId);
  });
});

describe('a job that ends its thread is lost, and the next one gets a fresh thread', () => {
  test.each(['exit', 'throw'])('%s, as the first job and later', async (type) => {
    const pool = open();
    await expect(pool.run({ type })).rejects.toBeInstanceOf(JobLost);
    const before = await pool.run(echo(1));
    const [lost, after] = await Promise.allSettled([pool.run({ type }), pool.run(echo(2))]);
    expect(lost).toMatchObject({ status: 'rejected', reason: expect.any(JobLost) });
    expect(after).toMatchObject({ status: 'fulfilled', value: { value: 2 } });
    expect(after.status === 'fulfilled' && after.value.threadId).not.toBe(before.threadId);
  });

  test('hang: after as long as a job may take', async () => {
    const pool = open({ jobMsMax: 200 });
    const [lost, after] = await Promise.allSettled([pool.run({ type: 'hang' }), pool.run(echo(2))]);
    expect(lost).toMatchObject({ status: 'rejected', reason: expect.any(JobLost) });
    expect(after.status === 'fulfilled' || after.reason instanceof JobLost).toBe(true);
  });
});

test('a thread that can not begin fails every job, and does not go on for ever', async () => {
  const pool = open({ count: 2 }, 'broken');
  const results = await Promise.allSettled([pool.run(echo(1)), pool.run(echo(2)), pool.run(echo(3))]);
  for (const result of results)
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { code: 'model_failed', message: expect.stringContaining('nothing to run on') },
    });
});

test('a thread without work is ended, and another begins when there is work again', async () => {
  const pool = open();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const before = await pool.run(echo(1));
  expect((await pool.run(echo(2))).threadId).toBe(before.threadId);
  vi.advanceTimersByTime(60_000);
  expect((await pool.run(echo(3))).threadId).not.toBe(before.threadId);
});

describe('closing', () => {
  test('gives up what is under way and what waits', async () => {
    const pool = open();
    const jobs = Promise.allSettled([pool.run({ type: 'hang' }), pool.run(echo(1))]);
    await pool.close();
    for (const job of await jobs) expect(job).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  });

  test('refuses what comes after, may come twice, and needs no thread', async () => {
    const pool = open();
    await pool.close();
    await pool.close();
    await expect(pool.run(echo(1))).rejects.toMatchObject({ code: 'cancelled' });
  });
});
