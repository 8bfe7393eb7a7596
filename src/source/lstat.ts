/** `lstat` for questions of the kind "is there such a thing": what can't be looked at counts as not there. */
import { lstatSync, type Stats } from 'node:fs';

export function lstatOrNothing(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
