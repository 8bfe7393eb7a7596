/** Places in files as people type them. */
import { realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { visibleLine } from '../mcp/visible.ts';
import { UsageError } from './flags.ts';

/** `PATH:LINE`, and where a column makes sense `PATH:LINE:COLUMN`. */
export function placeOf(word: string, withColumn: boolean): { path: string; line: number; column?: number } {
  const three = withColumn ? /^(.+):(\d{1,8}):(\d{1,8})$/s.exec(word) : null;
  const two = three ?? /^(.+):(\d{1,8})(?:-\d{1,8})?$/s.exec(word);
  if (two === null || Number(two[2]) < 1)
    throw new UsageError(`'${visibleLine(word, 200)}' is not a place. It looks like src/store.ts:42.`);
  return { path: two[1]!, line: Number(two[2]), ...(three !== null && { column: Number(three[3]) }) };
}

/** People type paths from where they are; the index knows them from its root. */
export function fromRoot(root: string, path: string): string {
  try {
    const inside = relative(root, realpathSync.native(resolve(path)));
    if (inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside))
      return inside.split(sep).join('/');
  } catch {
    // Not a file from here: then it is one from the root.
  }
  return path;
}
