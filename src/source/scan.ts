/** Lists what is on disk below the root, with the fingerprint of each file. Reads no file's content. */
import { type BigIntStats, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { DowserError } from '../errors.ts';
import type { Entry, Skip, SkipReason } from '../types.ts';
import { fingerprintOf } from './fingerprint.ts';
import { listWithGit } from './git.ts';
import { createOwnRules, readRules } from './ignore.ts';
import { lstatOrNothing } from './lstat.ts';
import { Pacer } from './pacer.ts';
import { isWorkTree, workTreeAround } from './root.ts';
import { isSecretName } from './secrets.ts';
import { walk } from './walk.ts';

export type ScanResult = {
  /** Regular files that may be read, sorted by path in code-unit order. */
  readonly entries: readonly Entry[];
  /** What was found and will not be read, sorted likewise. */
  readonly skips: readonly Skip[];
  /** What listed the root itself. */
  readonly via: 'git' | 'walk';
  /** Whole sentences on what the listing could not do or left out as a whole. */
  readonly notes: readonly string[];
};

export type ScanOptions = { readonly signal?: AbortSignal };

/** Each costs a git process; a tree with more repositories than this is a collection, not a project. */
const NESTED_MAX = 500;
/** Beyond, the lists alone take gigabytes. */
const FILES_MAX = 1_000_000;
/** Folders named in a note, notes, and characters of each: enough to see the pattern. */
const NOTE_NAMES_MAX = 5;
const NOTES_MAX = 20;
const NOTE_CHARS_MAX = 400;

/** Lists the root and the repositories in it. Throws DowserError: bad_root, disk_failed, git_failed, cancelled. */
export async function scan(root: string, { signal }: ScanOptions = {}): Promise<ScanResult> {
  const scanner = new Scanner(root, signal);
  const waiting = [''];
  let listed = 0;
  for (let base = waiting.shift(); base !== undefined; base = waiting.shift()) {
    if (listed++ > NESTED_MAX) {
      scanner.notes.push(
        `Only ${NESTED_MAX} nested repositories were listed; give one as the root, or name folders in .dowserignore.`,
      );
      break;
    }
    waiting.push(...(await scanner.list(base)));
  }
  return scanner.result();
}

class Scanner {
  readonly notes: string[] = [];
  readonly #root: string;
  readonly #signal: AbortSignal | undefined;
  readonly #pacer: Pacer;
  readonly #excludes: (path: string, isFolder: boolean) => boolean;
  readonly #entries = new Map<string, Entry>();
  readonly #skips = new Map<string, Skip>();
  readonly #realFolders = new Map<string, boolean>([['', true]]);
  readonly #made: string[] = [];
  #via: 'git' | 'walk' = 'walk';

  constructor(root: string, signal: AbortSignal | undefined) {
    if (!lstatOrNothing(root)?.isDirectory())
      throw new DowserError('bad_root', `${root} is no longer a folder. Start again with a folder that exists.`);
    this.#root = root;
    this.#signal = signal;
    this.#pacer = new Pacer(signal);
    this.#excludes = createOwnRules(root, this.notes);
  }

  /** Lists one repository or plain folder; returns the repositories found in it. */
  async list(base: string): Promise<string[]> {
    const names = (await this.#gitNames(base)) ?? (await this.#walkedNames(base));
    const nested: string[] = [];
    for (const name of names) {
      if (this.#pacer.isDue()) await this.#pacer.rest();
      if (this.#entries.size >= FILES_MAX) {
        this.notes.push(
          `Only the first ${FILES_MAX} files were listed; give a smaller root, or name folders in .dowserignore.`,
        );
        break;
      }
      const path = name.endsWith('/') ? name.slice(0, -1) : name;
      if (this.#examine(path) === 'folder' && path !== base && this.#isOwnRepository(path)) nested.push(path);
    }
    return nested;
  }

  result(): ScanResult {
    if (this.#made.length > 0) {
      const names = this.#made.slice(0, NOTE_NAMES_MAX).join(', ');
      const more = this.#made.length > NOTE_NAMES_MAX ? ` and ${this.#made.length - NOTE_NAMES_MAX} more` : '';
      this.notes.push(
        `Left out as made by tools: ${names}${more}. A line such as \`!build/\` in .gitignore keeps a folder.`,
      );
    }
    const inOrder = <T>(found: Map<string, T>): T[] => [...found.keys()].sort().map((path) => found.get(path)!);
    return {
      entries: inOrder(this.#entries),
      skips: inOrder(this.#skips),
      via: this.#via,
      notes: presentable(this.notes),
    };
  }

  async #gitNames(base: string): Promise<string[] | undefined> {
    const folder = join(this.#root, base);
    if (base !== '' ? !isWorkTree(folder) : workTreeAround(folder) === undefined) return undefined;
    const listing = await listWithGit(folder, this.#signal);
    if ('refusal' in listing) {
      this.notes.push(
        `${base === '' ? 'The root' : base} was listed without git (${listing.refusal}): ` +
          'files that are tracked although ignored are left out, and ignore rules outside of it do not apply.',
      );
      return undefined;
    }
    // Around this folder is a repository that ignores all of it, such as a home folder kept in git.
    if (base === '' && listing.names.length === 0 && !isWorkTree(folder)) return undefined;
    if (listing.warning !== undefined)
      this.notes.push(`The listing of ${base || 'the root'} may lack something; git says: ${listing.warning}`);
    if (base === '') this.#via = 'git';
    return this.#under(base, listing);
  }

  async #walkedNames(base: string): Promise<string[]> {
    const listing = await walk(join(this.#root, base), {
      pacer: this.#pacer,
      excludes: (path, isFolder) => this.#excludes(below(base, path), isFolder),
      problems: this.notes,
      filesMax: FILES_MAX,
    });
    this.#made.push(...listing.builtIn.map((path) => below(base, path)));
    return this.#under(base, { names: [...listing.names, ...listing.nested], skips: listing.skips });
  }

  #under(base: string, { names, skips }: { names: string[]; skips: Skip[] }): string[] {
    for (const skip of skips) this.#skip(below(base, skip.path), skip.reason, skip.detail);
    return base === '' ? names : names.map((name) => below(base, name));
  }

  #examine(path: string): 'folder' | 'other' {
    if (this.#entries.has(path) || !this.#isRealFolder(parentOf(path)) || this.#excludes(path, false)) return 'other';
    const stats = this.#lstat(path);
    if (stats === undefined) return 'other';
    if (stats.isDirectory()) return this.#excludes(path, true) ? 'other' : 'folder';
    if (!stats.isFile()) this.#skip(path, 'not_regular', stats.isSymbolicLink() ? 'symbolic link' : 'special file');
    else if (isSecretName(path)) this.#skip(path, 'secret_name');
    else this.#entries.set(path, { path, fingerprint: fingerprintOf(stats) });
    return 'other';
  }

  /** False below a symbolic link: what git once tracked there is no longer part of the tree. */
  #isRealFolder(folder: string): boolean {
    const known = this.#realFolders.get(folder);
    if (known !== undefined) return known;
    const real = this.#isRealFolder(parentOf(folder)) && this.#lstat(folder)?.isDirectory() === true;
    this.#realFolders.set(folder, real);
    return real;
  }

  /** What can't be looked at is counted as such. */
  #lstat(path: string): BigIntStats | undefined {
    try {
      return lstatSync(`${this.#root}/${path}`, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      this.#skip(path, 'unreadable', (error as NodeJS.ErrnoException).code);
      return undefined;
    }
  }

  #isOwnRepository(folder: string): boolean {
    if (!isLinkedWorkTree(join(this.#root, folder))) return true;
    this.notes.push(`${folder} is another work tree of a repository and was left out: it has an index of its own.`);
    return false;
  }

  #skip(path: string, reason: SkipReason, detail?: string): void {
    this.#skips.set(path, { path, reason, ...(detail === undefined ? {} : { detail }) });
  }
}

/** A second checkout of one repository (`git worktree add`), not a repository of its own. */
function isLinkedWorkTree(folder: string): boolean {
  try {
    return /^gitdir: .*[\\/]worktrees[\\/][^\\/]+\s*$/.test(readRules(join(folder, '.git')) ?? '');
  } catch {
    return false; // a folder: a repository of its own
  }
}

/** Notes quote names that anybody may have chosen: no control characters, no flood. */
function presentable(notes: readonly string[]): string[] {
  const shown = notes
    .slice(0, NOTES_MAX)
    .map((note) => note.replace(/[\p{Cc}\p{Cf}]/gu, '\uFFFD').slice(0, NOTE_CHARS_MAX));
  return notes.length > NOTES_MAX ? [...shown, `${notes.length - NOTES_MAX} more notes were left out.`] : shown;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function below(base: string, path: string): string {
  return base === '' ? path : `${base}/${path}`;
}
