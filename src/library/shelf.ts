/** The user's shelf: models that were fetched or added, in the cache folder, and the one that was chosen as default. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BUNDLED_MODEL, bundledFolder, MANIFEST_FILE } from '../embed/catalog.ts';
import { type ModelManifest, readManifest } from '../embed/manifest.ts';
import { DowserError } from '../errors.ts';
import { type Leader, openLeader } from '../store/leader.ts';
import { makePrivateFolder, userCacheFolder } from '../store/place.ts';

/** A name of a model, of a bundled one or of one on the shelf: never a path. */
const NAME = /^\w[\w.-]{0,99}$/;

/** Which model is used where nobody names one. */
const CHOICE_FILE = '.default';

/** The folder of the user's models; `cacheDir` as in Config. */
export function shelfIn(cacheDir: string | undefined): string {
  return join(cacheDir ?? userCacheFolder(), 'models');
}

/** One model on the shelf: its manifest, or what is wrong with it. */
export type Shelved = {
  readonly name: string;
  readonly path: string;
  readonly manifest: ModelManifest | undefined;
  readonly problem: string | undefined;
};

/** Everything on the shelf, by name. Only manifests are read: what the files hold is for verifying. */
export function surveyShelf(shelf: string): Shelved[] {
  const names = namesIn(shelf).filter((name) => NAME.test(name) && existsSync(join(shelf, name, MANIFEST_FILE)));
  return names.map((name) => shelved(name, join(shelf, name)));
}

/** What lies in the folder of a model, as its manifest says. */
export function shelved(name: string, path: string): Shelved {
  try {
    const manifest = readManifest(JSON.parse(readFileSync(join(path, MANIFEST_FILE), 'utf8')));
    return { name, path, manifest, problem: undefined };
  } catch (error) {
    return { name, path, manifest: undefined, problem: (error as Error).message };
  }
}

/**
 * What openEmbedder() finds the model by: bundled names and paths as they are, names on the shelf as the path of their
 * folder. Throws DowserError: 'model_missing' that says how to get it for a name that is neither; 'not_accepted' for the
 * folder of a model on a server that the user did not add.
 */
export function locateModel(model: string, cacheDir: string | undefined): string {
  if (bundledFolder(model) !== undefined) return model;
  if (isAbsolute(model) || !NAME.test(model)) {
    checkConsent(model, cacheDir);
    return model;
  }
  const path = join(shelfIn(cacheDir), model);
  if (existsSync(join(path, MANIFEST_FILE))) return path;
  throw new DowserError(
    'model_missing',
    `There is no model "${model}" here. "dowser models list" shows what there is and what can be fetched; of these, "dowser models pull ${model}" fetches one.`,
  );
}

/**
 * A folder of a repository must not have code sent anywhere, nor a key: a yes counts only where its user gave it, on the
 * shelf, where only dowser's commands put any.
 */
function checkConsent(folder: string, cacheDir: string | undefined): void {
  const { manifest } = shelved(folder, folder);
  if (manifest?.kind !== 'remote' || dirname(resolve(folder)) === resolve(shelfIn(cacheDir))) return;
  const message = `${manifest.name} would send texts to ${manifest.host}, and you did not add it: see dowser models add --help.`;
  throw new DowserError('not_accepted', message);
}

/** The model that the user chose with `dowser models use`, or undefined. A choice that can't be read is none. */
export function chosenModel(cacheDir: string | undefined): string | undefined {
  try {
    const name = readFileSync(join(shelfIn(cacheDir), CHOICE_FILE), 'utf8').trim();
    return NAME.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a model the default of this user: bundled, on the shelf, or 'none' for words alone. */
export function chooseModel(name: string, cacheDir: string | undefined): void {
  if (!NAME.test(name))
    throw new DowserError(
      'bad_argument',
      `"${name}" is no name of a model. A folder is chosen after "dowser models add".`,
    );
  if (name !== 'none') locateModel(name, cacheDir);
  const shelf = shelfIn(cacheDir);
  const file = join(shelf, CHOICE_FILE);
  if (name === BUNDLED_MODEL) {
    rmSync(file, { force: true });
    return;
  }
  makePrivateFolder(file);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${name}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** Where what is not whole yet is kept: out of sight of whoever lists names, and taken up by the next attempt. */
export function draftOf(shelf: string, name: string): { readonly folder: string; readonly journal: string } {
  return { folder: join(shelf, `.${name}.part`), journal: join(shelf, `.${name}.part.json`) };
}

/** Held by whoever puts a model of this name on the shelf, or takes it off. */
export function lockOf(shelf: string, name: string): Leader {
  makePrivateFolder(join(shelf, CHOICE_FILE));
  return openLeader(join(shelf, '.locks', `${name}.db`));
}

/** Does the work that adds a model of this name, while nobody else is at it and there is none. */
export async function adding<Result>(shelf: string, name: string, work: () => Promise<Result>): Promise<Result> {
  checkName(name);
  const lock = lockOf(shelf, name);
  try {
    if (!lock.tryLead())
      throw new DowserError('bad_argument', `Another dowser is at "${name}". Try again when it is done.`);
    if (!existsSync(join(shelf, name))) return await work();
    const message = `There is a model "${name}" already. To replace it: dowser models remove ${name}`;
    throw new DowserError('bad_argument', message);
  } finally {
    lock.release();
  }
}

/** Puts a folder whose files are on the disk onto the shelf: whole, or not at all. */
export async function shelve(draft: string, shelf: string, manifest: { readonly name: string }): Promise<string> {
  const path = join(shelf, manifest.name);
  await writeThrough(join(draft, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  await syncFolder(draft);
  await rename(draft, path);
  await syncFolder(shelf);
  return path;
}

/** Takes a model off the shelf, with what is left of a download. False when there was neither. */
export async function unshelve(shelf: string, name: string): Promise<boolean> {
  const { folder, journal } = draftOf(shelf, name);
  const path = join(shelf, name);
  const isThere = [folder, journal, path].some((place) => existsSync(place));
  // Out of the way in one step: nobody may find half of it under its name.
  const gone = join(shelf, `.${name}.gone-${process.pid}`);
  if (existsSync(path)) await rename(path, gone);
  for (const place of [gone, folder, journal]) await rm(place, { recursive: true, force: true, maxRetries: 3 });
  return isThere;
}

/** Refuses what could lead off the shelf, or hide a bundled model. */
export function checkName(name: string): void {
  if (!NAME.test(name))
    throw new DowserError('bad_argument', `"${name}" is no name for a model: use letters, digits, "-", "." and "_".`);
  if (bundledFolder(name) !== undefined || name === 'none')
    throw new DowserError('bad_argument', `"${name}" is a name of dowser's own. Choose another one.`);
}

/** Makes the folder of a draft, empty or as it was left. */
export function makeDraft(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

async function writeThrough(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** So that a name is on the disk, too. Windows has no such thing, and refuses. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
