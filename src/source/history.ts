/** What a repository was: its commits, the files of one, their contents, and which of them hold a word. Objects are read, nothing is written or run. */
import { DowserError } from '../errors.ts';
import { runGit } from './git.ts';

export type Commit = { readonly id: string /** ISO date. */; readonly day: string };
/** A file of a commit; paths are relative to the folder that was asked about, which may lie below the work tree's top. */
export type Past = { readonly path: string; readonly blob: string };

/** Words asked for at once: git compares each with every line. */
const WORDS_MAX = 2_000;
/** Blobs read at once: all of them are held in memory. */
const BLOBS_MAX = 200;
const BLOB_BYTES_MAX = 1024 * 1024;

/** The commits of the main line, newest first; none where there is no repository or no commit yet. */
export async function listCommits(root: string, signal?: AbortSignal): Promise<Commit[]> {
  const output = await ask(root, ['rev-list', '--first-parent', '--timestamp', 'HEAD'], { signal });
  return (output?.toString() ?? '').split('\n').flatMap((line) => {
    const [seconds, id] = line.split(' ');
    return id === undefined ? [] : [{ id, day: new Date(Number(seconds) * 1_000).toISOString().slice(0, 10) }];
  });
}

/** The commit that a name such as `v1.2` or `HEAD~10` stands for. Throws DowserError('bad_argument') when there is none. */
export async function findCommit(root: string, name: string, signal?: AbortSignal): Promise<Commit> {
  const words = ['rev-list', '--max-count=1', '--timestamp', '--end-of-options', `${name}^{commit}`];
  const [seconds, id] = ((await ask(root, words, { signal }))?.toString() ?? '').trim().split(' ');
  if (id === undefined || name.startsWith('-'))
    throw new DowserError('bad_argument', `Git knows no commit '${name}' here. Give a tag, a branch or a commit id.`);
  return { id, day: new Date(Number(seconds) * 1_000).toISOString().slice(0, 10) };
}

/** The files of a commit. */
export async function listPast(root: string, { id }: Commit, signal?: AbortSignal): Promise<Past[]> {
  const output = await ask(root, ['ls-tree', '-r', '-z', id], { signal });
  return (output?.toString() ?? '').split('\0').flatMap((line) => {
    const found = /^100\d{3} blob ([0-9a-f]+)\t(.+)$/s.exec(line);
    return found === null ? [] : [{ path: found[2]!, blob: found[1]! }];
  });
}

/** Which of these words the text files of a commit hold, each as a whole word: word -> paths. */
export async function findPast(
  root: string,
  { id }: Commit,
  words: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const asked = words.filter((word) => word !== '' && !word.includes('\n')).slice(0, WORDS_MAX);
  const found = new Map<string, Set<string>>();
  if (asked.length === 0) return new Map();
  const grep = [
    'grep',
    '--no-textconv',
    '--no-recurse-submodules',
    '--no-color',
    '--no-column',
    '--no-line-number',
    '--no-full-name',
  ];
  const output = await ask(root, [...grep, '-I', '-F', '-w', '-o', '-z', '-f', '-', id], {
    signal,
    input: asked.join('\n'),
  });
  for (const line of (output?.toString() ?? '').split('\n')) {
    const [place, word] = line.split('\0');
    if (place === undefined || word === undefined) continue;
    found.set(word, (found.get(word) ?? new Set()).add(place.slice(id.length + 1)));
  }
  return new Map([...found].map(([word, paths]) => [word, [...paths]]));
}

/** The contents of blobs, as UTF-8; ones that are missing or very large are left out. */
export async function readBlobs(
  root: string,
  blobs: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (let at = 0; at < blobs.length; at += BLOBS_MAX) {
    const input = `${blobs.slice(at, at + BLOBS_MAX).join('\n')}\n`;
    keepBlobs(await ask(root, ['cat-file', '--batch'], { signal, input }), texts);
  }
  return texts;
}

function keepBlobs(output: Buffer | undefined, texts: Map<string, string>): void {
  for (let at = 0; output !== undefined && at < output.length; ) {
    const end = output.indexOf(10, at);
    if (end === -1) break;
    const [blob = '', type, size] = output.subarray(at, end).toString().split(' ');
    at = end + 1;
    if (size === undefined) continue; // missing
    const bytes = Number(size);
    if (type === 'blob' && bytes <= BLOB_BYTES_MAX) texts.set(blob, output.subarray(at, at + bytes).toString());
    at += bytes + 1;
  }
}

/** What git wrote; undefined where it can't answer (no repository, no such thing, objects that a partial clone lacks). */
async function ask(
  root: string,
  words: readonly string[],
  input: { readonly signal?: AbortSignal | undefined; readonly input?: string },
): Promise<Buffer | undefined> {
  const outcome = await runGit(root, words, input);
  return 'refusal' in outcome || outcome.code !== 0 ? undefined : outcome.output;
}
