/** Model folders: the manifest, and files that are loaded only when they are what the manifest says. */
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DowserError } from '../errors.ts';
import { hashBytes } from '../hash.ts';
import { type ModelManifest, readManifest } from './manifest.ts';

/** The model that ships with dowser. */
export const BUNDLED_MODEL = 'dowser-static-v1';

const MODELS_DIR = fileURLToPath(new URL('../../models/', import.meta.url));
const MANIFEST_FILE = 'model.json';
const MODEL_FILES = ['model.onnx', 'tokenizer.json'] as const;

/** A manifest is a page of JSON; more is not one. */
const MANIFEST_BYTES_MAX = 1 << 20;

/** A model as loaded: the bytes here are the bytes that were checked. */
export type ModelFolder = {
  readonly path: string;
  readonly manifest: ModelManifest;
  readonly model: Uint8Array;
  readonly tokenizer: Uint8Array;
};

/** Reads a model by name, or by the path of its folder (absolute, or starting with `.`), and checks every byte of it. */
export async function openModelFolder(model: string = BUNDLED_MODEL, modelsDir = MODELS_DIR): Promise<ModelFolder> {
  const path = folderOf(model, modelsDir);
  const manifest = parseManifest(path, await readManifestText(path));
  const [onnx, tokenizer] = await Promise.all(MODEL_FILES.map((name) => readChecked(path, name, manifest)));
  return { path, manifest, model: onnx!, tokenizer: tokenizer! };
}

function folderOf(model: string, modelsDir: string): string {
  if (isAbsolute(model) || /^\.\.?([\\/]|$)/.test(model)) return model;
  if (/^[\w][\w.-]*$/.test(model)) return join(modelsDir, model);
  throw new DowserError(
    'bad_argument',
    `"${model}" is not a model: give the name of a folder in ${modelsDir}, or the path of one that starts with / or ./`,
  );
}

async function readManifestText(path: string): Promise<string> {
  const file = join(path, MANIFEST_FILE);
  const bytes = await readModelFile(file, path);
  if (bytes.length > MANIFEST_BYTES_MAX) throw damaged(file, `is ${bytes.length} bytes long, which no manifest is`);
  return bytes.toString('utf8');
}

function parseManifest(path: string, text: string): ModelManifest {
  const file = join(path, MANIFEST_FILE);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(file, 'is not JSON', cause);
  }
  try {
    return readManifest(json);
  } catch (cause) {
    throw damaged(file, `has a field this dowser can't use (${(cause as Error).message})`, cause);
  }
}

async function readChecked(
  path: string,
  name: (typeof MODEL_FILES)[number],
  manifest: ModelManifest,
): Promise<Uint8Array> {
  const file = join(path, name);
  const expected = manifest.files[name];
  const bytes = await readModelFile(file, path);
  if (bytes.length !== expected.bytes) {
    throw damaged(file, `is ${bytes.length} bytes long, not the ${expected.bytes} of its manifest`);
  }
  if (hashBytes(bytes) !== expected.sha256) throw damaged(file, "does not have its manifest's sha256");
  return bytes;
}

async function readModelFile(file: string, folder: string): Promise<Buffer> {
  try {
    return await readFile(file);
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
