/** Settings: which source wins, what is refused, and that a refusal names the setting. */
import { describe, expect, test } from 'vitest';
import { resolveConfig, WORKERS_MAX } from '../src/config.ts';
import { DowserError } from '../src/errors.ts';

const ROOT = { root: '/repository' };

function refusal(flags: Record<string, unknown>, environment: Record<string, string> = {}): string {
  try {
    resolveConfig({ ...ROOT, ...flags }, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(DowserError);
    expect((error as DowserError).code).toBe('bad_argument');
    return (error as DowserError).message;
  }
  throw new Error('was not refused');
}

test('without any setting every default holds', () => {
  const config = resolveConfig(ROOT);
  expect(config).toEqual({
    root: '/repository',
    cacheDir: undefined,
    model: 'dowser-static-v1',
    runtime: 'auto',
    dimensions: undefined,
    provider: 'cpu',
    modelThreads: undefined,
    pause: 'battery',
    workers: expect.any(Number),
    modelMirror: undefined,
    logLevel: 'warn',
  });
  expect(config.workers).toBeGreaterThanOrEqual(1);
  expect(config.workers).toBeLessThanOrEqual(WORKERS_MAX);
  expect(Object.isFrozen(config)).toBe(true);
});

test('a flag wins over its variable, a variable over the default', () => {
  const environment = { DOWSER_MODEL: 'none', DOWSER_WORKERS: '2', DOWSER_LOG: 'debug', DOWSER_CACHE: '/cache' };
  expect(resolveConfig(ROOT, environment)).toMatchObject({
    model: 'none',
    workers: 2,
    logLevel: 'debug',
    cacheDir: '/cache',
  });
  const flags = { model: 'tiny', workers: 3, logLevel: 'error', cacheDir: '/other' };
  expect(resolveConfig({ ...ROOT, ...flags }, environment)).toMatchObject(flags);
});

test('what the user chose for good wins over the default, and over nothing else', () => {
  const chosen = { model: 'mine' };
  expect(resolveConfig(ROOT, {}, chosen).model).toBe('mine');
  expect(resolveConfig(ROOT, { DOWSER_MODEL: 'none' }, chosen).model).toBe('none');
  expect(resolveConfig({ ...ROOT, model: 'tiny' }, {}, chosen).model).toBe('tiny');
  expect(resolveConfig(ROOT, {}, { model: undefined }).model).toBe('dowser-static-v1');
});

test('how a neural model runs is set by variables', () => {
  const environment = { DOWSER_DIMENSIONS: '256', DOWSER_PROVIDER: 'cuda', DOWSER_MODEL_THREADS: '3' };
  expect(resolveConfig(ROOT, environment)).toMatchObject({ dimensions: 256, provider: 'cuda', modelThreads: 3 });
});

test('the key of a server is no part of it', () => {
  expect(JSON.stringify(resolveConfig(ROOT, { DOWSER_REMOTE_KEY: 'sk-1' }))).not.toContain('sk-1');
});

test('an empty variable counts as not set, and foreign ones do not matter', () => {
  expect(resolveConfig(ROOT, { DOWSER_MODEL: '', PATH: '/bin', NODE_OPTIONS: 'x' }).model).toBe('dowser-static-v1');
});

describe('what can not be used is refused by name', () => {
  test.each([
    [{ modle: 'x' }, {}, 'modle'],
    [{ __proto__x: 1 }, {}, '__proto__x'],
    [{ toString: 1 }, {}, 'toString'],
    [{}, { DOWSER_MODLE: 'x' }, 'DOWSER_MODLE'],
    [{ model: '' }, {}, 'model'],
    [{ model: 7 }, {}, 'model'],
    [{ model: 'a\0b' }, {}, 'model'],
    [{ cacheDir: '' }, {}, 'cacheDir'],
    [{ runtime: 'gpu' }, {}, 'runtime'],
    [{ runtime: 'AUTO' }, {}, 'runtime'],
    [{}, { DOWSER_RUNTIME: 'gpu' }, 'runtime'],
    [{ logLevel: 'loud' }, {}, 'logLevel'],
    [{ workers: 0 }, {}, 'workers'],
    [{ workers: -1 }, {}, 'workers'],
    [{ workers: 1.5 }, {}, 'workers'],
    [{ workers: Number.NaN }, {}, 'workers'],
    [{ workers: WORKERS_MAX + 1 }, {}, 'workers'],
    [{ workers: true }, {}, 'workers'],
    [{ workers: [2] }, {}, 'workers'],
    [{ dimensions: 0 }, {}, 'dimensions'],
    [{ dimensions: 100_000 }, {}, 'dimensions'],
    [{}, { DOWSER_DIMENSIONS: 'small' }, 'dimensions'],
    [{}, { DOWSER_PROVIDER: 'tpu' }, 'cpu, cuda, coreml, dml, webgpu'],
    [{}, { DOWSER_MODEL_THREADS: '0' }, 'modelThreads'],
    [{}, { DOWSER_WORKERS: 'many' }, 'workers'],
    [{}, { DOWSER_WORKERS: ' ' }, 'workers'],
  ])('%j %j', (flags, environment: Record<string, string>, name) => {
    expect(refusal(flags, environment)).toContain(name);
  });

  test('a long or odd value does not break the message', () => {
    expect(refusal({ runtime: { deep: ['x'] } })).toContain('auto, onnx, table');
  });
});
