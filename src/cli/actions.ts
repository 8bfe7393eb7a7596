/** What the commands do: open the index, bring it in step, ask, print. Each resolves to its exit code. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { text as readAll } from 'node:stream/consumers';
import { type Config, LIMIT_DEFAULT, resolveConfig } from '../config.ts';
import { DowserError } from '../errors.ts';
import { setLogLevel } from '../log.ts';
import { statusText } from '../mcp/statusText.ts';
import { visibleLine } from '../mcp/visible.ts';
import { findRoot } from '../source/root.ts';
import type { Answer, CodeIndex, SyncProgress } from '../types.ts';
import { type Options, UsageError } from './flags.ts';
import {
  answerJson,
  duplicatesRemarks,
  duplicatesText,
  remarks,
  reportText,
  resultsText,
  toJson,
  wantsColor,
} from './format.ts';
import { fromRoot, placeOf } from './places.ts';
import { Progress } from './progress.ts';

export async function search(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  const query = words.join(' ').trim();
  if (query === '') throw new UsageError('search needs a query: dowser search "where are sessions stored".');
  return ask(options, signal, (opened) => opened.search({ ...asked(options), query, signal }));
}

export async function similar(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) throw new UsageError('similar needs one place: dowser similar PATH:LINE.');
  const place: { path?: string; line?: number; code?: string } =
    word === '-' ? { code: await readText('-') } : placeOf(word, false);
  const floor = options.minSimilarity === undefined ? {} : { minSimilarity: options.minSimilarity };
  return ask(options, signal, (opened) =>
    opened.similar({ ...asked(options), ...floor, ...rooted(opened, place), signal }),
  );
}

export async function complete(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  const [word, ...more] = words;
  const { prefixFile, suffixFile } = options;
  if (more.length > 0 || (word === undefined && prefixFile === undefined)) {
    throw new UsageError('complete needs one place: dowser complete PATH:LINE[:COLUMN], or --prefix-file FILE.');
  }
  if (suffixFile && !prefixFile) throw new UsageError('--suffix-file goes with --prefix-file.');
  const place = prefixFile === undefined ? placeOf(word!, true) : await unsavedOf(prefixFile, suffixFile, word);
  return ask(options, signal, (opened) => opened.complete({ ...asked(options), ...rooted(opened, place), signal }));
}

export async function dupes(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  refuseWords('dupes', words);
  return withIndex(options, async (opened) => {
    await synced(opened, options, signal);
    const { minLines, since, limit = LIMIT_DEFAULT } = options;
    const found = await opened.duplicates({
      ...asked(options),
      ...(minLines && { minLines }),
      ...(since && { since }),
      signal,
    });
    const shown = { ...found, groups: found.groups.slice(0, limit) };
    process.stdout.write(
      options.json ? `${toJson({ ...shown, found: found.groups.length })}\n` : duplicatesText(shown),
    );
    if (!options.json) tell(options, duplicatesRemarks(found, limit));
    return options.fail && found.groups.length > 0 ? 1 : 0;
  });
}

export async function index(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  refuseWords('index', words);
  return withIndex(options, async (opened) => {
    const report = await synced(opened, options, signal);
    await withProgress(options, signal, (onProgress) => opened.readBehind(onProgress, signal));
    process.stdout.write(options.json ? `${toJson(report)}\n` : `${reportText(report)}\n`);
    return 0;
  });
}

export async function status(options: Options, words: readonly string[]): Promise<number> {
  refuseWords('status', words);
  return withIndex(options, async (opened) => {
    const state = await opened.status();
    process.stdout.write(options.json ? `${toJson(state)}\n` : `${statusText(state)}\n`);
    if (state.coverage.pending > 0)
      tell(options, ["Not all is indexed: 'dowser index' does it now, a search does it first."]);
    return 0;
  });
}

export async function serve(options: Options, words: readonly string[]): Promise<number> {
  refuseWords('serve', words);
  if (process.stdin.isTTY) {
    throw new UsageError(
      'serve speaks MCP with a program, not with a person. Register it with your agent, such as:\n\n  claude mcp add dowser -- npx -y dowser serve\n\nTo search from here: dowser search "..."\n',
    );
  }
  const { serveMcp } = await import('../mcp/server.ts');
  await serveMcp({
    rootIsConfigured: options.root !== undefined || Boolean(process.env.DOWSER_ROOT || process.env.CLAUDE_PROJECT_DIR),
    async open(clientRoots) {
      const opened = await openFor(options, clientRoots);
      opened.start();
      return opened;
    },
  });
  return 0;
}

/** Brings the index in step, asks, prints. */
async function ask(
  options: Options,
  signal: AbortSignal,
  question: (opened: CodeIndex) => Promise<Answer>,
): Promise<number> {
  return withIndex(options, async (opened) => {
    await synced(opened, options, signal);
    const answer = await question(opened);
    if (options.json) {
      process.stdout.write(`${answerJson(answer)}\n`);
    } else {
      const color = wantsColor(process.stdout, process.env, options.noColor);
      const text = resultsText(answer, { color, explain: options.explain });
      if (text !== '') process.stdout.write(`${text}\n`);
      tell(options, remarks(answer));
    }
    return answer.snippets.length > 0 ? 0 : 1;
  });
}

function synced(opened: CodeIndex, options: Options, signal: AbortSignal): ReturnType<CodeIndex['sync']> {
  return withProgress(options, signal, (onProgress) => opened.sync(onProgress, signal));
}

async function withProgress<Value>(
  { quiet }: Options,
  signal: AbortSignal,
  work: (onProgress: (step: SyncProgress) => void) => Promise<Value>,
): Promise<Value> {
  const progress = new Progress(process.stderr, quiet);
  try {
    const value = await work((step) => progress.update(step));
    signal.throwIfAborted();
    return value;
  } finally {
    progress.clear();
  }
}

async function withIndex(options: Options, task: (opened: CodeIndex) => Promise<number>): Promise<number> {
  const opened = await openFor(options, []);
  try {
    return await task(opened);
  } finally {
    await opened.close();
  }
}

async function openFor(options: Options, clientRoots: readonly string[]): Promise<CodeIndex> {
  const config = configFor(options, clientRoots);
  const { openIndex } = await import('../index.ts'); // heavy: loaded behind a server's handshake
  return openIndex(config);
}

/** The repository that is meant, and how to treat it. */
export function configFor(
  { root, model, dimensions, logLevel, quiet }: Options,
  clientRoots: readonly string[],
): Config {
  const found = findRoot({
    explicit: root,
    env: process.env.DOWSER_ROOT,
    projectDir: process.env.CLAUDE_PROJECT_DIR,
    clientRoots,
    cwd: process.cwd(),
    home: homedir(),
  });
  const level = logLevel ?? (quiet ? 'error' : undefined);
  const config = resolveConfig(
    { root: found, ...(model && { model }), ...(dimensions && { dimensions }), ...(level && { logLevel: level }) },
    process.env,
  );
  setLogLevel(config.logLevel);
  return config;
}

function asked({
  paths,
  languages,
  kind,
  limit,
  maxTokens,
}: Options): Pick<Options, 'paths' | 'languages' | 'kind' | 'limit' | 'maxTokens'> {
  return {
    ...(paths && { paths }),
    ...(languages && { languages }),
    ...(kind && { kind }),
    ...(limit && { limit }),
    ...(maxTokens && { maxTokens }),
  };
}

function rooted<Place extends { path?: string }>(opened: CodeIndex, place: Place): Place {
  return place.path === undefined ? place : { ...place, path: fromRoot(opened.root, place.path) };
}

async function unsavedOf(prefixFile: string, suffixFile: string | undefined, path: string | undefined) {
  return {
    prefix: await readText(prefixFile),
    ...(suffixFile && { suffix: await readText(suffixFile) }),
    ...(path && { path }),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (cause) {
    throw new DowserError(
      'bad_argument',
      `${file === '-' ? 'Standard input' : `'${file}'`} can't be read. Give a text file, or - and pipe the text in.`,
      { cause },
    );
  }
}

export function refuseWords(command: string, words: readonly string[]): void {
  if (words.length > 0) throw new UsageError(`${command} takes options only, not '${visibleLine(words[0]!, 80)}'.`);
}

function tell({ quiet }: Options, lines: readonly string[]): void {
  if (!quiet && lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`);
}
