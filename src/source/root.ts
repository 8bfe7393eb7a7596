/** Decides which folder dowser speaks of. */
import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, parse, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DowserError } from '../errors.ts';
import { isInside } from './confine.ts';
import { lstatOrNothing } from './lstat.ts';

export type RootChoices = {
  /** `--root`. */
  readonly explicit?: string | undefined;
  /** `DOWSER_ROOT`. */
  readonly env?: string | undefined;
  /** `CLAUDE_PROJECT_DIR`. */
  readonly projectDir?: string | undefined;
  /** What an MCP client calls its roots: `file:` URLs, or paths. The first that is a folder is taken. */
  readonly clientRoots?: readonly string[] | undefined;
  readonly cwd: string;
  readonly home: string;
};

/**
 * The real path of the root: the first choice that was given, then up to the work tree around it.
 * Throws DowserError('bad_root') for one that does not exist, a file-system root, and the home folder.
 */
export function findRoot(choices: RootChoices): string {
  const { given, source } = firstGiven(choices);
  const start = realFolder(resolve(choices.cwd, given), given, source);
  const home = realOrGiven(choices.home);
  if (isTooWide(start, home)) {
    throw new DowserError(
      'bad_root',
      `${start} (from ${source}) is too wide to index. Start dowser in a project, or give one with --root or DOWSER_ROOT.`,
    );
  }
  const workTree = workTreeAround(start);
  // A home folder kept in git must not widen the project inside it.
  return workTree === undefined || isTooWide(workTree, home) ? start : workTree;
}

/** The nearest folder, from this one upwards, that git would call a work tree; undefined outside of git. */
export function workTreeAround(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (isWorkTree(at)) return at;
    if (dirname(at) === at) return undefined;
  }
}

/** True for a folder with a repository of its own: `.git` is a file (submodule, linked work tree) or holds a HEAD. */
export function isWorkTree(folder: string): boolean {
  const git = lstatOrNothing(join(folder, '.git'));
  if (git === undefined) return false;
  return git.isFile() || lstatOrNothing(join(folder, '.git', 'HEAD')) !== undefined;
}

function firstGiven({ explicit, env, projectDir, clientRoots, cwd }: RootChoices): { given: string; source: string } {
  if (explicit !== undefined) return { given: explicit, source: '--root' };
  if (env) return { given: env, source: 'DOWSER_ROOT' };
  if (projectDir) return { given: projectDir, source: 'CLAUDE_PROJECT_DIR' };
  const folder = clientRoots?.map(pathOfRoot).find((path) => path !== undefined && lstatOrNothing(path)?.isDirectory());
  if (folder !== undefined) return { given: folder, source: "the client's roots" };
  return { given: cwd, source: 'the current folder' };
}

function pathOfRoot(root: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]+:/i.test(root)) return root;
  try {
    return fileURLToPath(root);
  } catch {
    return undefined;
  }
}

function realFolder(path: string, given: string, source: string): string {
  try {
    const real = realpathSync.native(path);
    if (given !== '' && lstatSync(real).isDirectory()) return real;
  } catch (cause) {
    throw new DowserError(
      'bad_root',
      `${JSON.stringify(given)} (from ${source}) can't be opened. Give a folder that exists.`,
      { cause },
    );
  }
  throw new DowserError(
    'bad_root',
    `${JSON.stringify(given)} (from ${source}) is not a folder. Give the folder of a project.`,
  );
}

/** A file-system root, the home folder, or a folder that holds it. */
function isTooWide(folder: string, home: string): boolean {
  return parse(folder).root === folder || (home !== '' && isInside(folder, home));
}

function realOrGiven(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
