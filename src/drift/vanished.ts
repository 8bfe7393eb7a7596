/** Proves by the history that what prose names was once there: a name that never was is somebody else's. */
import { chunkFile } from '../chunk/chunk.ts';
import { readSignatures } from '../chunk/signatures.ts';
import { languageOf } from '../languages.ts';
import { type Commit, findPast, listPast, readBlobs } from '../source/history.ts';
import { kindOf } from '../source/kinds.ts';
import { splitIdentifier } from '../tokens.ts';
import type { SourceFile } from '../types.ts';
import { isDiary } from './mentions.ts';

/** What was once there, and where it was last seen. */
export type Proof = { readonly commit: Commit; readonly path: string };

/** What an example defines is the example's, as in the prose around it; what was carried along is there still, elsewhere. */
const EXAMPLES =
  /(?:^|\/)(?:examples?|samples?|demos?|docs?|snippets?|tutorials?|_?vendor(?:ed)?|third[_-]?party|deps|extern(?:al)?)\/|\w\/packages\//i;
/** Files in which a word stood that are looked into for its definition. */
const FILES_MAX = 40;

export type Wanted = {
  readonly symbols: ReadonlySet<string>;
  /** From the root. */
  readonly paths: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
  /** Parameters that a call in prose names, as `function(parameter`. */
  readonly passed: ReadonlySet<string>;
};

/** Looks from the newest of these commits to the oldest; what is proven is not looked for again. */
export async function proveVanished(
  root: string,
  commits: readonly Commit[],
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<Map<string, Proof>> {
  const proofs = new Map<string, Proof>();
  const open = (names: ReadonlySet<string>): string[] => [...names].filter((name) => !proofs.has(name));
  for (const commit of commits) {
    const [symbols, paths, flags, passed] = [wanted.symbols, wanted.paths, wanted.flags, wanted.passed].map(open);
    if (symbols!.length + paths!.length + flags!.length + passed!.length === 0) break;
    const files = await listPast(root, commit, signal);
    const blobs = new Map(files.map(({ path, blob }) => [path, blob]));
    for (const path of paths!) if (blobs.has(path)) proofs.set(path, { commit, path });
    const functions = passed!.map((call) => call.split('(')[0]!);
    const found = await findPast(root, commit, [...new Set([...symbols!, ...flags!, ...functions])], signal);
    const code = (word: string): string[] =>
      (found.get(word) ?? []).filter((path) => kindOf(path, languageOf(path)) === 'code' && !EXAMPLES.test(path));
    // Prose that named it only after it was gone means something else.
    const isNamed = (word: string): boolean =>
      (found.get(word) ?? []).some((path) => kindOf(path, languageOf(path)) === 'docs' && !isDiary(path));
    const named = [...symbols!, ...flags!, ...functions].filter(isNamed);
    const looked = new Map(named.map((word) => [word, code(word).slice(0, FILES_MAX)]));
    const past = await readPast(root, [...new Set([...looked.values()].flat())], blobs, signal);
    for (const name of symbols!) {
      const path = looked.get(name)?.find((path) => past.get(path)?.symbols.has(name));
      if (path !== undefined) proofs.set(name, { commit, path });
    }
    for (const flag of flags!) {
      const path = looked.get(flag)?.find((path) => past.get(path)?.quoted.has(flag));
      if (path !== undefined) proofs.set(flag, { commit, path });
    }
    for (const call of passed!) {
      const [name = '', parameter = ''] = call.split('(');
      const path = looked.get(name)?.find((path) => past.get(path)?.heads.get(name)?.has(parameter));
      if (path !== undefined) proofs.set(call, { commit, path });
    }
  }
  return proofs;
}

/** What a file defines: all its symbols, and for functions the words of their signatures. */
export type Defined = {
  readonly symbols: ReadonlySet<string>;
  readonly heads: ReadonlyMap<string, ReadonlySet<string>>;
};

export async function readDefined(file: SourceFile): Promise<Defined> {
  const chunks = await chunkFile(file);
  const heads = new Map<string, Set<string>>();
  for (const { name, head } of (await readSignatures(file)).all)
    if (name !== undefined)
      heads.set(name, new Set([...(heads.get(name) ?? []), ...(head.match(/[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? [])]));
  return { symbols: new Set(chunks.flatMap(({ symbols }) => symbols)), heads };
}

/** A program's own option stands in quotes in its code; another program's in a comment or a command line. */
const QUOTED_FLAG = /["'`](--[a-z][\w-]+)(?=["'`=, ])/g;

type Past = Defined & { readonly quoted: ReadonlySet<string> };

async function readPast(
  root: string,
  paths: readonly string[],
  blobs: ReadonlyMap<string, string>,
  signal: AbortSignal | undefined,
): Promise<Map<string, Past>> {
  const wanted = paths.flatMap((path) => blobs.get(path) ?? []);
  const texts = await readBlobs(root, wanted, signal);
  const past = new Map<string, Past>();
  for (const path of paths) {
    const text = texts.get(blobs.get(path) ?? '');
    if (text === undefined) continue;
    const quoted = new Set([...text.matchAll(QUOTED_FLAG)].map(([, flag]) => flag!));
    past.set(path, { ...(await readDefined(pastFile(path, text))), quoted });
  }
  return past;
}

function pastFile(path: string, text: string): SourceFile {
  const language = languageOf(path, text.slice(0, 200).split(/[\r\n]/, 1)[0]);
  const fingerprint = { size: 0, mtimeNs: '0', ctimeNs: '0', inode: '0' };
  return { path, language, kind: 'code', depth: 'full', text, hash: '', fingerprint, encoding: 'utf-8' };
}

/** The one of these names that shares most parts with a lost one, when it shares half of them and is of its sort. */
export function nearestName(lost: string, names: Iterable<string>): string | undefined {
  const parts = new Set(splitIdentifier(lost));
  let best: { name: string; share: number } | undefined;
  for (const name of names) {
    if (/^\p{Lu}/u.test(name) !== /^\p{Lu}/u.test(lost)) continue; // a class and a function
    const own = new Set(splitIdentifier(name));
    const share = [...parts].filter((part) => own.has(part)).length / Math.max(parts.size, own.size);
    if (share >= 0.5 && (best === undefined || share > best.share)) best = { name, share };
  }
  return best?.name;
}
