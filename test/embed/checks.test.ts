import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openModelFolder } from '../../src/embed/catalog.ts';
import { DowserError } from '../../src/errors.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/models/decoder-past', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'dowser-checks-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let folder: string;
let cache: string;
let weights: string;
beforeEach(() => {
  const own = mkdtempSync(join(scratch, 'model-'));
  [folder, cache] = [join(own, 'model'), join(own, 'cache')];
  weights = join(folder, 'model.onnx_data');
  cpSync(FIXTURE, folder, { recursive: true });
});

const open = () => openModelFolder(folder, undefined, cache);
const memory = () => readdirSync(join(cache, 'checked')).map((name) => join(cache, 'checked', name));
/** As if nothing had been written to the file for a while: ctime can't be set back, so the clock goes on. */
const rest = () => new Promise((resolve) => setTimeout(resolve, 2_100));

async function refusal(): Promise<DowserError> {
  const error = await open().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DowserError);
  return error as DowserError;
}

/** Another content of the same length and time. */
function alter(file: string): void {
  const { atime, mtime } = statSync(file);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
  utimesSync(file, atime, mtime);
}

describe('weights that are loaded by path', () => {
  it('are given as a path, once every file was checked', async () => {
    expect((await open()).model).toBe(join(folder, 'model.onnx'));
  });

  it.each(['model.onnx', 'model.onnx_data', 'tokenizer.json'])(
    'are refused when %s is not what it was',
    async (name) => {
      alter(join(folder, name));
      const error = await refusal();
      expect(error.code).toBe('model_damaged');
      expect(error.message).toContain(`${name} does not have`);
    },
  );

  it('are refused when a part is missing or of another length', async () => {
    writeFileSync(weights, readFileSync(weights).subarray(1));
    expect((await refusal()).message).toContain('bytes long');
    rmSync(weights);
    expect((await refusal()).code).toBe('model_missing');
  });

  it('are known again without being read, and refused when they changed meanwhile, even with the same time', async () => {
    await rest();
    await open();
    const [file] = memory();
    const before = statSync(file!).ctimeMs;
    expect(Object.keys(JSON.parse(readFileSync(file!, 'utf8')))).toHaveLength(2);
    await open();
    expect(statSync(file!).ctimeMs).toBe(before);
    alter(weights);
    expect((await refusal()).message).toContain('model.onnx_data does not have');
  });

  it('are hashed again when they were written just now, or when what was remembered is of no use', async () => {
    await open();
    expect(existsSync(join(cache, 'checked'))).toBe(false);
    await rest();
    await open();
    const [file] = memory();
    const remembered = readFileSync(file!, 'utf8');
    for (const text of ['', 'null', '{"x":', '[1]', JSON.stringify({ [weights]: 'of old' })]) {
      writeFileSync(file!, text);
      await open();
      expect(readFileSync(file!, 'utf8')).toBe(remembered);
    }
  });

  it('open where nothing can be remembered', async () => {
    writeFileSync(cache, 'a file where a folder belongs');
    expect((await open()).manifest.name).toBe('decoder-past');
  });
});
