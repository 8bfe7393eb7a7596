/** Ignore files: rules in git's syntax, one set a folder, the deepest that speaks decides. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import createIgnore, { type Ignore } from 'ignore';
import { diskFailed, isDiskFailure, lstatOrNothing } from './lstat.ts';

/** Obeyed on top of any listing. `.dowserignore` in any folder; those of other agents in the root, since people expect it. */
const OWN_FILES: readonly { readonly name: string; readonly everyFolder: boolean }[] = [
  { name: '.dowserignore', everyFolder: true },
  { name: '.cursorignore', everyFolder: false },
  { name: '.cursorindexingignore', everyFolder: false },
  { name: '.aiexclude', everyFolder: false },
  { name: '.aiignore', everyFolder: false },
  { name: '.codeiumignore', everyFolder: false },
  { name: '.claudeignore', everyFolder: false },
  { name: '.geminiignore', everyFolder: false },
];

/** The largest ignore files seen hold a few thousand lines; a megabyte is no ignore file. */
const IGNORE_FILE_BYTES_MAX = 1024 * 1024;

/** What the rules say of a path: true to leave it out, false to keep it, undefined when no rule speaks. */
export type Verdict = boolean | undefined;

/** Rules of one folder's ignore file. `base` is that folder with a final slash, or '' for the top. */
type Layer = { readonly base: string; readonly rules: Ignore };
type Folder = { readonly layers: readonly Layer[]; readonly excluded: boolean };

/** All ignore files of one name below a top folder. Paths are relative to it; folders have no final slash. */
export class IgnoreFiles {
  readonly #top: string;
  readonly #name: string;
  readonly #everyFolder: boolean;
  readonly #problems: string[];
  readonly #folders = new Map<string, Folder>();

  /** `first` holds rules that every ignore file may overrule. What can't be obeyed is told to `problems`. */
  constructor(top: string, file: { name: string; everyFolder: boolean }, problems: string[], first?: string) {
    this.#top = top;
    this.#name = file.name;
    this.#everyFolder = file.everyFolder;
    this.#problems = problems;
    this.#folders.set('', this.#withOwnRules('', first === undefined ? [] : [layer('', first)]));
  }

  /** What the rules say of this path alone, given that its folder is not left out. */
  judge(path: string, isFolder: boolean): Verdict {
    return verdict(this.#folderOf(path).layers, isFolder ? `${path}/` : path);
  }

  /** True when a rule leaves out this path or a folder on the way to it. */
  excludes(path: string, isFolder: boolean): boolean {
    const folder = this.#folderOf(path);
    return folder.excluded || verdict(folder.layers, isFolder ? `${path}/` : path) === true;
  }

  #folderOf(path: string): Folder {
    return this.#folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  }

  #folder(path: string): Folder {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const parent = this.#folderOf(path);
    const excluded = parent.excluded || verdict(parent.layers, `${path}/`) === true;
    const folder = excluded
      ? { layers: [], excluded }
      : this.#withOwnRules(
          path,
          parent.layers.map((one) => keeping(one, path)),
        );
    this.#folders.set(path, folder);
    return folder;
  }

  #withOwnRules(path: string, inherited: readonly Layer[]): Folder {
    const text = this.#everyFolder || path === '' ? this.#read(path) : undefined;
    const layers = text === undefined ? inherited : [...inherited, layer(path === '' ? '' : `${path}/`, text)];
    return { layers, excluded: false };
  }

  #read(folder: string): string | undefined {
    const path = folder === '' ? this.#name : `${folder}/${this.#name}`;
    try {
      return readRules(join(this.#top, path));
    } catch (error) {
      // Without rules that are there, what nobody may see would be indexed.
      if (isDiskFailure(error)) throw diskFailed(error);
      this.#problems.push(`${path} can't be obeyed: ${(error as Error).message}`);
      return undefined;
    }
  }
}

/** A judge over every ignore file that is obeyed on top of a listing. */
export function createOwnRules(root: string, problems: string[]): (path: string, isFolder: boolean) => boolean {
  const obeyed = OWN_FILES.filter(({ name, everyFolder }) => everyFolder || lstatOrNothing(join(root, name)));
  const all = obeyed.map((file) => new IgnoreFiles(root, file, problems));
  return (path, isFolder) => all.some((files) => files.excludes(path, isFolder));
}

/** The text of a small file that git or we obey; undefined when there is none. Follows no link. Throws when it can't be read. */
export function readRules(path: string): string | undefined {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > IGNORE_FILE_BYTES_MAX) throw new Error('it is over 1 MiB');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function layer(base: string, text: string): Layer {
  return { base, rules: createIgnore({ ignorecase: false }).add(text) };
}

function verdict(layers: readonly Layer[], path: string): Verdict {
  for (let at = layers.length - 1; at >= 0; at--) {
    const { base, rules } = layers[at]!;
    const { ignored, unignored } = rules.test(path.slice(base.length));
    if (ignored) return true;
    if (unignored) return false;
  }
  return undefined;
}

/** The rules for what lies in a folder that is kept, though this layer alone would have left it out. */
function keeping({ base, rules }: Layer, folder: string): Layer {
  const path = folder.slice(base.length);
  if (!rules.test(`${path}/`).ignored) return { base, rules };
  const pattern = `!/${path.replace(/[\\*?[\]!# ]/g, '\\$&')}/`;
  return { base, rules: createIgnore({ ignorecase: false }).add(rules).add({ pattern }) };
}
