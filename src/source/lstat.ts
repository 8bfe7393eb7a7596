/** `lstat` for questions of the kind "is there such a thing". */
import { accessSync, constants, lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { DowserError } from '../errors.ts';

/** What is not there or is hidden from us counts as nothing. Throws DowserError('disk_failed') where the system could not tell. */
export function lstatOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isDiskFailure(error)) throw diskFailed(error);
    return undefined;
  }
}

/** A cheap look before a file that could not be read is tried once more. */
export function mayBeRead(root: string, path: string): boolean {
  try {
    accessSync(join(root, path), constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Of the name or of our rights, which are as they are; all other errors are of a moment or of a broken disk. */
const LASTING = new Set([
  ...['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'EMLINK', 'ENAMETOOLONG', 'EINVAL'],
  ...['ERR_INVALID_ARG_VALUE', 'ENXIO'],
]);

/** True for an error of the system after which nothing can be said of what was asked for. */
export function isDiskFailure(error: unknown): error is NodeJS.ErrnoException {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && !LASTING.has(code);
}

export function diskFailed(cause: NodeJS.ErrnoException): DowserError {
  const message = `The files could not be listed (${cause.code}). Try again; see whether other programs can read the folder.`;
  return new DowserError('disk_failed', message, { cause });
}
