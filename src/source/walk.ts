/** Lists a folder where git can't: every file that no ignore rule leaves out. */
import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Skip } from '../types.ts';
import { showBytes } from './git.ts';
import { IgnoreFiles, readRules } from './ignore.ts';
import { diskFailed, isDiskFailure, lstatOrNothing } from './lstat.ts';
import type { Pacer } from './pacer.ts';
import { isWorkTree } from './root.ts';

/** Names relative to the walked folder; `nested` are repositories of their own, to be listed on their own. */
export type WalkListing = {
  readonly names: string[];
  readonly nested: string[];
  readonly skips: Skip[];
  readonly builtIn: string[];
};

export type WalkOptions = {
  readonly pacer: Pacer;
  /** Rules that apply on top, so that a folder they leave out is not entered. */
  readonly excludes: (path: string, isFolder: boolean) => boolean;
  readonly problems: string[];
  /** Enough; what lies beyond is not looked for. */
  readonly filesMax: number;
};

/** Never sources, whatever the ignore files say. */
const REPOSITORY_FOLDERS = new Set(['.git', '.hg', '.svn', '.jj', '.bzr', 'CVS']);

/** Installed packages, caches and environments: left out of folders without git unless a rule speaks of them. */
const MADE_FOLDERS = new Set([
  ...['node_modules', 'bower_components', 'jspm_packages', '.yarn', '.pnpm-store'],
  ...['__pycache__', '.venv', 'venv', '.tox', '.nox', '.eggs', 'site-packages', '.ipynb_checkpoints'],
  ...['.mypy_cache', '.pytest_cache', '.ruff_cache', '.cache', '.parcel-cache', '.turbo', '.nyc_output'],
  ...['.gradle', '.terraform', '.next', '.nuxt', '.svelte-kit', '.angular', '.dart_tool', '.build', 'DerivedData'],
]);
/** Made by a build only where the project's own manifest lies beside them; elsewhere the names may mean sources. */
const BUILT_FOLDERS = new Set(['dist', 'build', 'out', 'target', 'obj', '_build']);
const MANIFEST =
  /^(package\.json|Cargo\.toml|pom\.xml|build\.gradle(\.kts)?|pyproject\.toml|setup\.py|mix\.exs|.*\.(csproj|fsproj|cabal))$/;
/** A file that says so of its folder (bford.info/cachedir, PEP 405). */
const MADE_MARKERS = ['CACHEDIR.TAG', 'pyvenv.cfg'];

/** Walks `top`. Deep trees cost memory, not stack. */
export async function walk(top: string, { pacer, excludes, problems, filesMax }: WalkOptions): Promise<WalkListing> {
  const listing: WalkListing = { names: [], nested: [], skips: [], builtIn: [] };
  const hasGit = isWorkTree(top);
  const rules = new IgnoreFiles(
    top,
    { name: '.gitignore', everyFolder: true },
    problems,
    hasGit ? localExcludes(top) : undefined,
  );
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined && listing.names.length <= filesMax; folder = waiting.pop()) {
    const children = readFolder(top, folder, listing.skips);
    for (const child of children) {
      if (pacer.isDue()) await pacer.rest();
      const path = folder === '' ? child.name : `${folder}/${child.name}`;
      if (!child.isDirectory()) {
        if (rules.judge(path, false) !== true) listing.names.push(path);
        continue;
      }
      if (REPOSITORY_FOLDERS.has(child.name)) continue;
      const verdict = rules.judge(path, true);
      if (verdict === true || excludes(path, true)) continue;
      if (isWorkTree(join(top, path))) listing.nested.push(path);
      else if (verdict === undefined && !hasGit && isMade(join(top, path), child.name, children))
        listing.builtIn.push(path);
      else waiting.push(path);
    }
  }
  return listing;
}

/** Rules that belong to one clone and are not in the tree. A `.git` that is a file has them elsewhere. */
function localExcludes(top: string): string | undefined {
  try {
    return readRules(join(top, '.git', 'info', 'exclude'));
  } catch (error) {
    if (isDiskFailure(error)) throw diskFailed(error);
    return undefined;
  }
}

function readFolder(top: string, folder: string, skips: Skip[]): Dirent[] {
  const place = join(top, folder);
  try {
    const children = readdirSync(place, { withFileTypes: true });
    if (children.every(({ name }) => !name.includes('\uFFFD'))) return children;
    // Names that are not UTF-8 can't be opened by their decoded form.
    for (const { name } of readdirSync(place, { withFileTypes: true, encoding: 'buffer' })) {
      const shown = showBytes(name);
      if (lstatOrNothing(join(place, name.toString()))) continue;
      skips.push({ path: folder === '' ? shown : `${folder}/${shown}`, reason: 'bad_name', detail: 'not UTF-8' });
    }
    return children.filter(({ name }) => lstatOrNothing(join(place, name)) !== undefined);
  } catch (error) {
    skips.push({ path: folder, reason: 'unreadable', detail: (error as NodeJS.ErrnoException).code ?? 'unknown' });
    return [];
  }
}

function isMade(place: string, name: string, siblings: readonly Dirent[]): boolean {
  if (MADE_FOLDERS.has(name)) return true;
  if (BUILT_FOLDERS.has(name) && siblings.some((sibling) => sibling.isFile() && MANIFEST.test(sibling.name)))
    return true;
  return MADE_MARKERS.some((marker) => lstatOrNothing(join(place, marker)) !== undefined);
}
