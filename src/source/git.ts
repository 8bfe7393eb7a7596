/** The only place that runs git: hardened, reading only. Lists a work tree; what history.ts asks goes the same way. */
import { isUtf8 } from 'node:buffer';
import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { DowserError } from '../errors.ts';
import type { Skip } from '../types.ts';
import { isInside } from './confine.ts';

/**
 * Names relative to the folder, as git prints them: nested repositories end in `/`, unmerged names repeat.
 * `warning` is what git said beside a listing that may lack something, such as a folder it could not open.
 */
export type GitListing = { readonly names: string[]; readonly skips: Skip[]; readonly warning?: string };
/** Why git can't list this folder at all; another way to list it has to do. */
export type GitRefusal = { readonly refusal: string };

/** A repository's own configuration can name programs that git would start; these settings outrank it. */
const SETTINGS = [
  '--no-pager',
  ...['-c', 'core.fsmonitor=false'],
  ...['-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'safe.bareRepository=explicit'],
];
const LISTING = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];

/** Where the user's own configuration lies is the user's business; every other GIT_ variable could redirect the listing. */
const KEPT_VARIABLES = new Set(['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM']);

/** A million files list in a few seconds; a minute means a dead network drive or a trap. */
const GIT_MS_MAX = 60_000;
/** About three million names: beyond, memory is at stake. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Enough of a complaint to quote its first line. */
const COMPLAINT_CHARS_MAX = 4_096;
const COMPLAINT_SHOWN_CHARS = 200;

/** Lists the files of a work tree that git tracks or would track. Throws DowserError('git_failed') when it dies half-way. */
export async function listWithGit(folder: string, signal?: AbortSignal): Promise<GitListing | GitRefusal> {
  const outcome = await runGit(folder, LISTING, { signal });
  if ('refusal' in outcome) return outcome;
  const { code, output, said } = outcome;
  if (code !== 0) return { refusal: `git refused: ${said || `exit code ${code}`}` };
  return { ...splitNames(output), ...(said === '' ? {} : { warning: said }) };
}

/** How git ended, what it wrote, and the first line of its complaints. */
export type GitOutcome = { readonly code: number; readonly output: Buffer; readonly said: string };

export type GitInput = { readonly signal?: AbortSignal | undefined; readonly input?: string };

/** Runs a command of git that only reads, with what a repository could have it start switched off. */
export async function runGit(
  folder: string,
  words: readonly string[],
  { signal, input }: GitInput,
): Promise<GitOutcome | GitRefusal> {
  const program = findGit(folder);
  if (program === undefined) return { refusal: 'git is not installed' };
  const { code, output, complaint } = await run(program, folder, [...SETTINGS, ...words], signal, input);
  return { code, output, said: complaint.split('\n', 1)[0]!.slice(0, COMPLAINT_SHOWN_CHARS) };
}

/** A full path from absolute PATH entries outside the folder: a `git` that a repository brings along is never run. */
function findGit(folder: string): string | undefined {
  const file = process.platform === 'win32' ? 'git.exe' : 'git';
  for (const place of (process.env.PATH ?? '').split(delimiter)) {
    if (!isAbsolute(place)) continue;
    try {
      const program = join(place, file);
      accessSync(program, constants.X_OK);
      if (statSync(program).isFile() && !isInside(folder, realpathSync.native(program)) && !isInside(folder, program))
        return program;
    } catch {
      // Not here: the next place may have it.
    }
  }
  return undefined;
}

function quietEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^GIT_/i.test(name) || KEPT_VARIABLES.has(name));
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    // An object may be said to stand for another one; what is read is what was committed.
    GIT_NO_REPLACE_OBJECTS: '1',
    // A partial clone may name any program as its transport; nothing is fetched.
    GIT_NO_LAZY_FETCH: '1',
    GIT_ALLOW_PROTOCOL: 'none',
  };
}

type Outcome = { readonly code: number; readonly output: Buffer; readonly complaint: string };

function run(
  program: string,
  folder: string,
  words: readonly string[],
  signal: AbortSignal | undefined,
  input = '',
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      cwd: folder,
      env: quietEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      timeout: GIT_MS_MAX,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    });
    child.stdin.on('error', () => {}); // it may end before it has read all; its exit code tells
    child.stdin.end(input);
    const parts: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    child.stdout.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else parts.push(part);
    });
    child.stderr.on('data', (part: Buffer) => {
      if (complaint.length < COMPLAINT_CHARS_MAX) complaint += part.toString();
    });
    child.on('error', (cause) => reject(failure(signal, `could not be run (${cause.message})`, cause)));
    child.on('close', (code, killedBy) => {
      if (code === null) reject(failure(signal, `was ended by ${killedBy}`));
      else resolve({ code, output: Buffer.concat(parts), complaint });
    });
  });
}

function failure(signal: AbortSignal | undefined, what: string, cause?: Error): DowserError {
  if (signal?.aborted) return new DowserError('cancelled', 'Asking git was cancelled.', { cause });
  return new DowserError(
    'git_failed',
    `git ${what} while it was asked. Try again; see whether \`git ls-files\` works there.`,
    { cause },
  );
}

function splitNames(output: Buffer): GitListing {
  const names: string[] = [];
  const skips: Skip[] = [];
  if (isUtf8(output)) {
    for (const name of output.toString().split('\0')) if (name !== '') keep(name);
    return { names, skips };
  }
  for (let start = 0, end: number; start < output.length; start = end + 1) {
    end = output.indexOf(0, start);
    if (end === -1) end = output.length;
    const name = output.subarray(start, end);
    if (isUtf8(name)) keep(name.toString());
    else skips.push({ path: showBytes(name), reason: 'bad_name', detail: 'not UTF-8' });
  }
  return { names, skips };

  function keep(name: string): void {
    if (staysBelow(name)) names.push(name);
    else skips.push({ path: name, reason: 'bad_name', detail: 'leads out of its folder' });
  }
}

/** A forged index can hold names that git itself would never write. */
function staysBelow(name: string): boolean {
  if (process.platform === 'win32' && /[\\:]/.test(name)) return false;
  if (!/(^|\/)\.|^\/|\/\//.test(name)) return name !== '';
  const parts = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
}

/** A name as text: what is not ASCII as `\xNN`. */
export function showBytes(name: Buffer): string {
  return name
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
