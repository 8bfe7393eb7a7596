import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openModelFolder } from '../../src/embed/catalog.ts';
import { DowserError } from '../../src/errors.ts';
import { writeTinyModel } from './tinyModel.ts';

const modelsDir = mkdtempSync(join(tmpdir(), 'dowser-models-'));
afterAll(() => rmSync(modelsDir, { recursive: true }));

async function refusal(model: string): Promise<DowserError> {
  const error = await openModelFolder(model, modelsDir).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DowserError);
  return error as DowserError;
}

describe('a model folder', () => {
  it('opens by name and by path, with the bytes that are on disk', async () => {
    const folder = writeTinyModel(modelsDir, 'whole');
    const byName = await openModelFolder('whole', modelsDir);
    expect(byName.path).toBe(folder);
    expect(byName.manifest.name).toBe('whole');
    expect(Buffer.compare(byName.model as Uint8Array, readFileSync(join(folder, 'model.onnx')))).toBe(0);
    expect(Buffer.compare(byName.tokenizer, readFileSync(join(folder, 'tokenizer.json')))).toBe(0);
    expect((await openModelFolder(folder, '/nowhere')).path).toBe(folder);
    const relativePath = relative(process.cwd(), folder);
    expect(
      (await openModelFolder(relativePath.startsWith('.') ? relativePath : `./${relativePath}`)).manifest.name,
    ).toBe('whole');
  });

  it.each(['', '..', '../whole', 'a/b', 'a\\b', '.hidden', 'model\0'])(
    'never reads outside the models folder for the name %j',
    async (name) => {
      expect(['bad_argument', 'model_missing']).toContain((await refusal(name)).code);
    },
  );

  it('that is missing is refused with its place and a way out', async () => {
    const error = await refusal('absent');
    expect(error.code).toBe('model_missing');
    expect(error.message).toContain(join(modelsDir, 'absent'));
    expect(error.message).toMatch(/Reinstall dowser/);
  });

  it.each(['model.onnx', 'tokenizer.json', 'model.json'])('without its %s is refused', async (file) => {
    rmSync(join(writeTinyModel(modelsDir, 'lacking'), file));
    expect((await refusal('lacking')).code).toBe('model_missing');
  });

  it('whose file is a folder is refused', async () => {
    const file = join(writeTinyModel(modelsDir, 'odd'), 'model.onnx');
    rmSync(file);
    mkdirSync(file);
    expect((await refusal('odd')).code).toBe('model_missing');
    rmSync(file, { recursive: true });
  });

  describe.each(['model.onnx', 'tokenizer.json'])('with a damaged %s', (file) => {
    const damage = async (name: string, harm: (path: string, bytes: Buffer) => void): Promise<void> => {
      const path = join(writeTinyModel(modelsDir, name), file);
      harm(path, readFileSync(path));
      const error = await refusal(name);
      expect(error.code).toBe('model_damaged');
      expect(error.message).toContain(path);
      expect(error.message).toMatch(/Reinstall dowser/);
    };

    it.each([0, 0.5, 1])('is refused for one flipped bit at %d of its length', (part) =>
      damage('flipped', (path, bytes) => {
        bytes[Math.floor((bytes.length - 1) * part)]! ^= 1;
        writeFileSync(path, bytes);
      }),
    );
    it('is refused when cut short', () => damage('cut', (path, bytes) => truncateSync(path, bytes.length - 1)));
    it('is refused when empty', () => damage('empty', (path) => truncateSync(path, 0)));
    it('is refused when longer', () =>
      damage('longer', (path, bytes) => writeFileSync(path, Buffer.concat([bytes, Buffer.from([0])]))));
  });
});

describe('a manifest', () => {
  const whole = { sha256: '0'.repeat(64), bytes: 1 };
  const plain = { query: '', passage: '' };
  it.each<[string, Record<string, unknown>]>([
    ['kind', { kind: 'generative' }],
    ['version', { version: 2 }],
    ['dimensions', { dimensions: 0 }],
    ['maxTokens', { maxTokens: '512' }],
    ['pooling', { pooling: 'mean' }],
    ['prefixes.code2nl', { prefixes: { nl2code: plain, qa: plain, code2code: plain, code2completion: plain } }],
    ['sides.qa.query', { sides: { qa: { query: 'left' } } }],
    ['name', { name: '../evil' }],
    ['files.tokenizer.json', { files: { 'model.onnx': whole } }],
    ['files.model.onnx.sha256', { files: { 'tokenizer.json': whole, 'model.onnx': { ...whole, sha256: 'x' } } }],
    ['files.model.onnx.bytes', { files: { 'tokenizer.json': whole, 'model.onnx': { ...whole, bytes: -1 } } }],
  ])('with a wrong %s is refused by that name', async (field, change) => {
    writeTinyModel(modelsDir, 'wrong', change);
    const error = await refusal('wrong');
    expect(error.code).toBe('model_damaged');
    expect(error.message).toContain(`${field}:`);
  });

  it.each(['', 'not json', '[]', 'null', '{"name":'])('that reads %j is refused', async (text) => {
    writeFileSync(join(writeTinyModel(modelsDir, 'garbled'), 'model.json'), text);
    expect((await refusal('garbled')).code).toBe('model_damaged');
  });

  it('may carry fields that this version does not know, and may leave sides out', async () => {
    writeTinyModel(modelsDir, 'newer', { trainedOn: 'public code', sides: undefined });
    expect((await openModelFolder('newer', modelsDir)).manifest.sides).toEqual({});
  });
});
