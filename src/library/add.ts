/** Takes a model that lies in a folder onto the shelf: one with a model.json, or files that were fetched by hand. */
import { constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, open, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MANIFEST_FILE } from '../embed/catalog.ts';
import { hashFile } from '../embed/checks.ts';
import { type ModelFile, type ModelManifest, type Pooling, readManifest } from '../embed/manifest.ts';
import { TASKS } from '../embed/tasks.ts';
import { DowserError } from '../errors.ts';
import { checkRoom } from './download.ts';
import { manifestOf, type Offer, wholePrefixes } from './offers.ts';
import { checkLicence } from './pull.ts';
import { adding, makeDraft, shelve } from './shelf.ts';

/** What the user says of a model that neither a model.json nor the catalog describes. */
export type Description = {
  readonly pooling?: Pooling | undefined;
  readonly dimensions?: number | undefined;
  readonly padding?: 'left' | 'right' | undefined;
  readonly maxTokens?: number | undefined;
  readonly queryPrefix?: string | undefined;
  readonly passagePrefix?: string | undefined;
  readonly licence?: string | undefined;
};

export type AddOptions = {
  readonly shelf: string;
  readonly offers: readonly Offer[];
  /** Name of an offer, or a name of the user's own for a model that `description` is of. */
  readonly as?: string | undefined;
  readonly description: Description;
  readonly acceptsLicence: boolean;
  readonly onProgress?:
    | ((step: { readonly done: number; readonly total: number; readonly file: string }) => void)
    | undefined;
};

/** Tokens of a text that are read where nobody says: what the encoders of sentence embeddings were trained with. */
const MAX_TOKENS_DEFAULT = 512;

/** A file to take: its name on the shelf, where it lies, and what it must be if that is known. */
type Piece = { readonly name: string; readonly from: string; readonly expected: Partial<ModelFile> };

type Found = {
  readonly name: string;
  readonly notice?: string | undefined;
  readonly pieces: readonly Piece[];
  manifest(files: Readonly<Record<string, ModelFile>>): { readonly name: string };
};

/**
 * Copies the model of a folder onto the shelf (by reference, where the disk can), its checksums in its model.json, and
 * returns its folder there. Throws DowserError: 'bad_argument' where the folder holds no model, or nobody says what it
 * is; 'model_damaged' where a file is not what its description says; 'not_accepted', 'disk_failed'.
 */
export async function add(
  folder: string,
  options: AddOptions,
): Promise<{ readonly name: string; readonly path: string }> {
  const found = find(folder, options);
  checkLicence(found, options.acceptsLicence);
  return adding(options.shelf, found.name, async () => ({ name: found.name, path: await take(found, options) }));
}

async function take({ name, pieces, manifest }: Found, { shelf, onProgress }: AddOptions): Promise<string> {
  const draft = join(shelf, `.${name}.add`);
  await rm(draft, { recursive: true, force: true });
  makeDraft(draft);
  try {
    const sizes = await Promise.all(pieces.map(async ({ from }) => (await stat(from)).size));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    await checkRoom(join(draft, MANIFEST_FILE), total);
    const files: Record<string, ModelFile> = {};
    let done = 0;
    for (const [at, piece] of pieces.entries()) {
      onProgress?.({ done, total, file: piece.name });
      files[piece.name] = await copyIn(piece, join(draft, piece.name));
      done += sizes[at]!;
    }
    const described = manifest(files);
    readManifest(described);
    return await shelve(draft, shelf, described);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error instanceof DowserError
      ? error
      : new DowserError(
          'disk_failed',
          `The model can't be taken: ${(error as Error).message}. Make room, or name a folder on another disk in DOWSER_CACHE.`,
          { cause: error },
        );
  }
}

/** Copies, and hashes the copy: what is recorded is what will be loaded. */
async function copyIn({ from, expected }: Piece, to: string): Promise<ModelFile> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const handle = await open(to, 'r+');
  try {
    await handle.chmod(0o600);
    await handle.sync();
  } finally {
    await handle.close();
  }
  const file = { sha256: await hashFile(to), bytes: (await stat(to)).size };
  const isRight = (expected.sha256 ?? file.sha256) === file.sha256 && (expected.bytes ?? file.bytes) === file.bytes;
  if (isRight) return file;
  const message = `${from} is not the file that is known by this name: it has ${file.bytes} bytes and sha256 ${file.sha256}. Fetch it again; or, if it is meant to be another model, add it with --as and a name of its own.`;
  throw new DowserError('model_damaged', message);
}

function find(folder: string, { as, offers, description }: AddOptions): Found {
  if (existsSync(join(folder, MANIFEST_FILE))) {
    if (as !== undefined)
      throw new DowserError('bad_argument', `${folder} has a model.json, which says what it is: leave --as out.`);
    return described(folder);
  }
  if (as === undefined) {
    const names = offers.map(({ name }) => name).join(', ');
    throw new DowserError(
      'bad_argument',
      `${folder} has no model.json. Say what it is: --as NAME with a name of the catalog (${names}), or with one of yours and --pooling and --dimensions.`,
    );
  }
  const offer = offers.find(({ name }) => name === as);
  return offer === undefined ? foreign(folder, as, description) : offered(folder, offer);
}

/** A folder as dowser itself writes them. */
function described(folder: string): Found {
  const file = join(folder, MANIFEST_FILE);
  let json: { readonly name: string };
  let manifest: ModelManifest;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
    manifest = readManifest(json);
  } catch (cause) {
    throw new DowserError('model_damaged', `${file} can't be used: ${(cause as Error).message}.`, { cause });
  }
  if (manifest.kind === 'remote')
    throw new DowserError('bad_argument', `${file} is of a model on a server: there is nothing to copy.`);
  const pieces = Object.entries(manifest.files).map(([name, expected]) => ({
    name,
    from: lying(folder, [name]),
    expected,
  }));
  return { name: manifest.name, notice: manifest.notice, pieces, manifest: () => json };
}

/** Files of the catalog, laid out as on the hub or all in one folder. */
function offered(folder: string, offer: Offer): Found {
  const pieces = offer.files.map(({ name, path, sha256, bytes }) => ({
    name,
    from: lying(folder, [path, basename(path), name]),
    expected: { ...(sha256 && { sha256 }), ...(bytes && { bytes }) },
  }));
  const source = { repository: offer.repository, revision: offer.revision };
  const checked = Object.fromEntries(
    offer.files.map(({ name, sha256 }) => [
      name,
      sha256 === undefined ? ('first download' as const) : ('catalog' as const),
    ]),
  );
  return {
    name: offer.name,
    notice: offer.notice,
    pieces,
    manifest: (files) => manifestOf(offer, files, { ...source, checked }),
  };
}

/** A model that only the user knows. */
function foreign(folder: string, name: string, description: Description): Found {
  const { pooling, dimensions, padding = 'right', maxTokens = MAX_TOKENS_DEFAULT, licence = 'unknown' } = description;
  if (pooling === undefined || dimensions === undefined) {
    const message = `"${name}" is not in the catalog: say how it makes an embedding, with --pooling and --dimensions.`;
    throw new DowserError('bad_argument', message);
  }
  const model = lying(folder, ['model.onnx', 'onnx/model.onnx']);
  const pieces = [model, lying(folder, ['tokenizer.json']), ...weightsBeside(model)];
  const prefix = { query: description.queryPrefix ?? '', passage: description.passagePrefix ?? '' };
  const prefixes = wholePrefixes(Object.fromEntries(TASKS.map((task) => [task, prefix])));
  const fields = { dimensions, matryoshka: [dimensions], maxTokens, pooling, padding, prefixes, sides: {}, licence };
  return {
    name,
    pieces: pieces.map((from) => ({ name: basename(from), from, expected: {} })),
    manifest: (files) => ({ name, kind: 'transformer', version: 1, ...fields, files }),
  };
}

/** The files beside model.onnx that it names: a folder of a hub holds those of other precisions, too. */
function weightsBeside(model: string): string[] {
  const folder = dirname(model);
  const candidates = readdirSync(folder).filter((name) => /^\w[\w.-]*[._]data(_\d+)?$/.test(name));
  if (candidates.length === 0) return [];
  const graph = readFileSync(model);
  return candidates.filter((name) => graph.includes(name)).map((name) => join(folder, name));
}

function lying(folder: string, paths: readonly string[]): string {
  const found = paths.map((path) => join(folder, path)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new DowserError(
    'bad_argument',
    `${folder} has no ${[...new Set(paths)].join(' nor ')}. Copy all files of the model into it.`,
  );
}
