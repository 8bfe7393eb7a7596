/** The line in which changed files wait to be indexed: what is asked for most first, and a thread's helping at a time. */
import { languageOf } from './languages.ts';
import { kindOf } from './source/kinds.ts';
import type { Entry, Kind } from './types.ts';

/** One job: few enough files that the answering thread commits them within some ten milliseconds. */
const JOB_FILES_MAX = 24;
const JOB_BYTES_MAX = 192 * 1024;

/** Code is asked for most, so it is indexed first. */
const KIND_ORDER: readonly Kind[] = ['code', 'docs', 'tests', 'config'];

/** By kind; within a kind as they come. */
export function inOrderOfUse(entries: readonly Entry[]): Map<string, Entry> {
  const lines = new Map<Kind, Entry[]>(KIND_ORDER.map((kind) => [kind, []]));
  for (const entry of entries) lines.get(kindOf(entry.path, languageOf(entry.path)))!.push(entry);
  return new Map([...lines.values()].flat().map((entry) => [entry.path, entry]));
}

/** Takes the first files out of the line, as many as make one job. */
export function takeBatch(line: Map<string, Entry>): Entry[] {
  const batch: Entry[] = [];
  let bytes = 0;
  for (const [path, entry] of line) {
    if (batch.length > 0 && (batch.length >= JOB_FILES_MAX || bytes + entry.fingerprint.size > JOB_BYTES_MAX)) break;
    line.delete(path);
    batch.push(entry);
    bytes += entry.fingerprint.size;
  }
  return batch;
}
