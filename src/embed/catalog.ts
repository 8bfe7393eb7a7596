/** Model folders: the manifest, and files that are loaded only when they are what the manifest says. */
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DowserError } from '../errors.ts';
import { hashBytes } from '../hash.ts';
import { checkFiles, WRONG_HASH, wrongSize } from './checks.ts';
import { type LocalManifest, type ModelManifest, readManifest } from './manifest.ts';

/** The model that ships with dowser. */
export const BUNDLED_MODEL = 'dowser-static-v1';

const MODELS_DIR = fileURLToPath(new URL('../../models/', import.meta.url));
export const MANIFEST_FILE = 'model.json';

/** A manifest is a page of JSON; more is not one. */
const MANIFEST_BYTES_MAX = 1 << 20;

export type ModelFolder = {
  readonly path: string;
  readonly manifest: LocalManifest;
  /**
   * Of a static model, its bytes: those that were checked, in shared memory, so that threads need not load their own. Of
   * a transformer, the path of model.onnx: it may be gigabytes, and weights that lie beside it are found by that path.
   */
  readonly model: Uint8Array | string;
  readonly tokenizer: Uint8Array;
};

/**
 * Reads a model by name, or by the path of its folder (absolute, or starting with `.`), and checks every byte of it; of
 * what is loaded by path, every byte that may have changed since it was last checked, if `rememberIn` names a folder to
 * keep that in.
 */
export async function openModelFolder(
  model: string = BUNDLED_MODEL,
  modelsDir = MODELS_DIR,
  rememberIn?: string,
): Promise<ModelFolder> {
  const path = folderOf(model, modelsDir);
  const manifest = await readIn(path);
  if (manifest.kind === 'remote')
    throw damaged(join(path, MANIFEST_FILE), 'is of a model on a server, which has no files');
  const tokenizer = readChecked(path, 'tokenizer.json', manifest);
  const weights =
    manifest.kind === 'static' ? readChecked(path, 'model.onnx', manifest) : checkWeights(path, manifest, rememberIn);
  const [bytes, onnx] = await Promise.all([tokenizer, weights]);
  return { path, manifest, model: onnx, tokenizer: bytes };
}

/** The folder of a model that ships with dowser; undefined for any other name. */
export function bundledFolder(name: string): string | undefined {
  const folder = join(MODELS_DIR, name);
  return /^\w[\w.-]*$/.test(name) && existsSync(join(folder, MANIFEST_FILE)) ? folder : undefined;
}

/** What a model says of itself, by its name or folder: nothing of its weights is read. */
export function readModelManifest(model: string = BUNDLED_MODEL, modelsDir = MODELS_DIR): Promise<ModelManifest> {
  return readIn(folderOf(model, modelsDir));
}

/** Checks all that is loaded by path, and returns the path. */
async function checkWeights(path: string, { files }: LocalManifest, rememberIn?: string): Promise<string> {
  const names = Object.keys(files).filter((name) => name !== 'tokenizer.json');
  const weights = names.map((name) => ({ path: join(path, name), expected: files[name]! }));
  const wrong = await reading(path, () => checkFiles(weights, rememberIn));
  if (wrong !== undefined) throw damaged(wrong.path, wrong.wrong);
  return join(path, 'model.onnx');
}

function folderOf(model: string, modelsDir: string): string {
  if (isAbsolute(model) || /^\.\.?([\\/]|$)/.test(model)) return model;
  if (/^[\w][\w.-]*$/.test(model)) return join(modelsDir, model);
  throw new DowserError(
    'bad_argument',
    `"${model}" is not a model: give the name of a folder in ${modelsDir}, or the path of one that starts with / or ./`,
  );
}

async function readIn(path: string): Promise<ModelManifest> {
  const file = join(path, MANIFEST_FILE);
  const bytes = await reading(path, () => readFile(file));
  if (bytes.length > MANIFEST_BYTES_MAX) throw damaged(file, `is ${bytes.length} bytes long, which no manifest is`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw damaged(file, 'is not JSON', cause);
  }
  try {
    return readManifest(json);
  } catch (cause) {
    throw damaged(file, `has a field this dowser can't use (${(cause as Error).message})`, cause);
  }
}

async function readChecked(path: string, name: string, manifest: LocalManifest): Promise<Uint8Array> {
  const file = join(path, name);
  const expected = manifest.files[name]!;
  const bytes = await reading(path, () => readShared(file, expected.bytes));
  if (typeof bytes === 'number') throw damaged(file, wrongSize(bytes, expected));
  if (hashBytes(bytes) !== expected.sha256) throw damaged(file, WRONG_HASH);
  return bytes;
}

/** The bytes of the file, or how many there are when that is not what it should be. */
async function readShared(file: string, length: number): Promise<Uint8Array | number> {
  const handle = await open(file);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error(`${file} is not a file`);
    if (stat.size !== length) return stat.size;
    const bytes = new Uint8Array(new SharedArrayBuffer(length));
    let at = 0;
    for (let read = -1; read !== 0 && at < length; at += read) {
      read = (await handle.read(bytes, at, length - at, at)).bytesRead;
    }
    return at === length ? bytes : at;
  } finally {
    await handle.close();
  }
}

async function reading<Result>(folder: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DowserError(
      'model_missing',
      `The model in ${folder} can't be read (${reason}). Reinstall dowser to restore the bundled model, or choose another model folder.`,
      { cause },
    );
  }
}

function damaged(file: string, what: string, cause?: unknown): DowserError {
  const message = `${file} ${what}. Reinstall dowser, or fetch the model again.`;
  return new DowserError('model_damaged', message, { cause });
}
