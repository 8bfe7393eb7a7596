/** One model for several servers: real sockets, real processes that are killed. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askShared, type Question, shareModel, socketOf } from '../src/share.ts';
import type { Embedding } from '../src/types.ts';
import { makeFolder } from './source/tree.ts';

const lengthOf = async ({ text, task }: Question): Promise<Embedding | undefined> => {
  if (text === '') return undefined;
  if (text === 'slow') await new Promise((resolve) => setTimeout(resolve, 200));
  if (text === 'fail') throw new Error('the model failed');
  return Float32Array.of(text.length, task.length, 1 / 3);
};

describe('a model that is shared', () => {
  let path: string;
  let shared: { close(): void } | undefined;
  beforeEach(() => {
    path = socketOf(makeFolder(), 'tiny-3')!;
  });
  afterEach(() => shared?.close());

  const share = async (): Promise<void> => {
    shared = shareModel(path, lengthOf);
    while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('answers many at once, each its own question, to the last bit', async () => {
    await share();
    const texts = Array.from({ length: 200 }, (_, at) => `größe ${'x'.repeat(at * 50)}\n`);
    const answers = await Promise.all(texts.map((text) => askShared(path, { text, task: 'qa' })));
    expect(answers).toEqual(texts.map((text) => Float32Array.of(text.length, 2, 1 / 3)));
  });

  test('is waited for', async () => {
    await share();
    expect(await askShared(path, { text: 'slow', task: 'qa' })).toEqual(Float32Array.of(4, 2, 1 / 3));
  });

  test('has no answer where the model has none, or fails', async () => {
    await share();
    expect(await askShared(path, { text: '', task: 'qa' })).toBeUndefined();
    expect(await askShared(path, { text: 'fail', task: 'qa' })).toBeUndefined();
    expect(await askShared(path, { text: 'x', task: 'qa' })).toEqual(Float32Array.of(1, 2, 1 / 3));
  });

  test('is nobody where none was shared, and no answer where its leader was killed; the next leader takes its place', async () => {
    expect(await askShared(path, { text: 'x', task: 'qa' })).toBe('nobody');
    const listening = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(spawnSync(process.execPath, ['-e', listening]).signal).toBe('SIGKILL');
    expect(statSync(path).isSocket()).toBe(true);
    expect(await askShared(path, { text: 'x', task: 'qa' })).toBeUndefined();
    shared = shareModel(path, lengthOf);
    expect(await askShared(path, { text: 'xy', task: 'qa' })).toEqual(Float32Array.of(2, 2, 1 / 3));
  });

  test('leaves nothing behind when it is closed, and whoever waits hears so', async () => {
    shared = shareModel(path, () => new Promise(() => {}));
    const asking = askShared(path, { text: 'x', task: 'qa' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    shared.close();
    expect(await asking).toBeUndefined();
    expect(existsSync(path)).toBe(false);
  });

  test('is not disturbed by what is no question', async () => {
    await share();
    for (const text of ['nonsense\n', '{}\n', '\n', 'no end', 'y'.repeat(5_000_000)]) {
      const socket = connect(path);
      await new Promise((resolve) => {
        socket
          .on('error', () => {})
          .once('close', resolve)
          .resume();
        socket.end(text);
      });
    }
    expect(await askShared(path, { text: 'x', task: 'qa' })).toEqual(Float32Array.of(1, 2, 1 / 3));
  });

  test('has a place of its own for each model, and none where a path would be too long', () => {
    expect(socketOf('/cache', 'one')).not.toBe(socketOf('/cache', 'other'));
    expect(socketOf(join('/', 'deep'.repeat(30)), 'one')).toBeUndefined();
  });
});
