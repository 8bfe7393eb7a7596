/** Says whether a path that a caller gave lies inside the root, and what it is called there. */
import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { DowserError } from '../errors.ts';
import { lstatOrNothing } from './lstat.ts';

const ON_WINDOWS = process.platform === 'win32';
const URL_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const DRIVE_START = /^[a-z]:/i;

/**
 * The root-relative path of `argument`, with forward slashes and links resolved; '' is the root itself.
 * It need not exist. `root` must be a real path, as `findRoot` gives it. Throws DowserError('outside_root').
 */
export function confine(root: string, argument: string): string {
  if (argument === '')
    throw new DowserError('bad_argument', 'The path is empty. Give one relative to the root, such as src/main.ts.');
  if (argument.includes('\0')) throw refusal(argument, root);
  if (URL_START.test(argument) || /^file:/i.test(argument)) throw refusal(argument, root);
  const path = withSystemSeparators(root, argument);
  if (ON_WINDOWS ? path.slice(2).includes(':') : DRIVE_START.test(path) && path[2] === '/')
    throw refusal(argument, root);
  const real = realPathOf(resolve(root, path), argument, root);
  if (!isInside(root, real)) throw refusal(argument, root);
  return relative(root, real).split(sep).join('/');
}

/** True when `path` is `root` or lies below it. Both must be real, absolute paths. */
export function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Where there is no such file, a backslash is taken for a separator that came from another system. */
function withSystemSeparators(root: string, argument: string): string {
  if (ON_WINDOWS || !argument.includes('\\')) return argument;
  return lstatOrNothing(resolve(root, argument)) ? argument : argument.replaceAll('\\', '/');
}

/** The real path of the nearest part that exists, and the rest as given. */
function realPathOf(path: string, argument: string, root: string): string {
  const rest: string[] = [];
  let existing = path;
  for (;;) {
    try {
      // A dangling or circular link exists for lstat, so it is resolved, fails, and is refused.
      if (lstatSync(existing, { throwIfNoEntry: false }) !== undefined)
        return join(realpathSync.native(existing), ...rest);
    } catch (cause) {
      throw refusal(argument, root, cause);
    }
    const parent = resolve(existing, '..');
    if (parent === existing) throw refusal(argument, root);
    rest.unshift(relative(parent, existing));
    existing = parent;
  }
}

function refusal(argument: string, root: string, cause?: unknown): DowserError {
  const shown = argument.length > 200 ? `${argument.slice(0, 200)}...` : argument;
  return new DowserError(
    'outside_root',
    `${JSON.stringify(shown)} does not lead to a place inside ${root}. Give a path relative to that folder.`,
    { cause },
  );
}
