/** Looks for a question's names in files that are not indexed yet, so that those that matter are indexed first. */
import { readUnmasked } from './source/read.ts';

/** How strongly a file speaks for a question; higher is better, and files without any sign are left out. */
export type Probed = { readonly path: string; readonly score: number; readonly defines: boolean };

/** A line that looks like a definition of the needle counts as much as this many mentions. */
const DEFINITION_MENTIONS = 50;
const MENTIONS_MAX = 20;

/** A keyword of some language, then the needle: a definition, most likely. */
const DEFINING = String.raw`(?:class|struct|enum|interface|trait|protocol|module|namespace|object|record|type|typedef|def|defp|defmodule|defmacro|func|fun|fn|function|sub|proc|impl|extension|data|newtype|instance|macro|const|let|var|val|static|#define)\s+(?:self\.|\([^)]*\)\s*)?`;

/** Probes files for needles as written. Reading alone, no parsing: about a hundred megabytes a second. */
export function probeFiles(root: string, paths: readonly string[], needles: readonly string[]): Probed[] {
  if (needles.length === 0) return [];
  const defining = needles.map((needle) => new RegExp(`${DEFINING}${asPattern(needle)}\\b`));
  const found: Probed[] = [];
  for (const path of paths) {
    const read = readUnmasked(root, path);
    if (!('text' in read)) continue;
    let score = 0;
    let defines = false;
    needles.forEach((needle, at) => {
      const mentions = countMentions(read.text, needle);
      if (mentions === 0) return;
      const isDefined = defining[at]!.test(read.text);
      score += 1 + mentions / MENTIONS_MAX + (isDefined ? DEFINITION_MENTIONS : 0);
      defines ||= isDefined;
    });
    if (score > 0) found.push({ path, score, defines });
  }
  return found;
}

function countMentions(text: string, needle: string): number {
  let count = 0;
  for (let at = text.indexOf(needle); at !== -1 && count < MENTIONS_MAX; at = text.indexOf(needle, at + needle.length))
    count++;
  return count;
}

function asPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
