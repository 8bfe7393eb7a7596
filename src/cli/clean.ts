/** `dowser clean`: shows what lies in the cache folder, and removes what is of no use any more. */
import { createInterface } from 'node:readline/promises';
import { resolveConfig } from '../config.ts';
import { log, setLogLevel } from '../log.ts';
import { visibleLine } from '../mcp/visible.ts';
import { type Kept, remove, surveyCache } from '../store/cache.ts';
import { userCacheFolder } from '../store/place.ts';
import { pruneVectors } from '../store/prune.ts';
import { refuseWords } from './actions.ts';
import type { Options } from './flags.ts';
import { toJson } from './format.ts';

const DAY_MS = 86_400_000;

/** Exit codes: 0 when what was asked for is done or nothing was to do, 1 when something could not be removed or was not agreed to. */
export async function clean(options: Options, words: readonly string[]): Promise<number> {
  refuseWords('clean', words);
  const config = resolveConfig({ root: '', ...(options.logLevel && { logLevel: options.logLevel }) }, process.env);
  setLogLevel(config.logLevel);
  const cache = config.cacheDir ?? userCacheFolder();
  const kept = surveyCache(cache);
  const doomed = kept.filter(({ isSpent }) => isSpent || options.all);
  const others = kept.filter((item) => !doomed.includes(item));
  if (!options.json) say(options, surveyText(cache, doomed, others));
  else if (options.dryRun) print(toJson({ cache, wouldRemove: doomed.map(reported), kept: others.map(reported) }));
  if (options.dryRun) return 0;
  if (doomed.length > 0 && !options.yes && process.stdin.isTTY && !(await agrees(doomed))) return 1;
  const { removed, inUse, failed } = removeAll(doomed);
  const embeddings = await prune(cache);
  if (options.json) {
    print(toJson({ cache, removed: removed.map(reported), embeddings, inUse: inUse.map(reported), failed }));
  } else {
    say(options, outcomeText(removed, embeddings, inUse));
  }
  for (const { path, message } of failed) {
    process.stderr.write(`dowser: ${visibleLine(path, 4_096)} can't be removed: ${visibleLine(message, 500)}\n`);
  }
  return failed.length > 0 ? 1 : 0;
}

type Outcome = { removed: Kept[]; inUse: Kept[]; failed: { path: string; message: string }[] };

/** Embeddings that all share go last, and only when no process works on an index that may need them. */
function removeAll(doomed: readonly Kept[]): Outcome {
  const outcome: Outcome = { removed: [], inUse: [], failed: [] };
  const shared = doomed.filter(({ what }) => what === 'shared');
  for (const item of [...doomed.filter(({ what }) => what !== 'shared'), ...shared]) {
    try {
      const isInUse = (item.what === 'shared' && outcome.inUse.length > 0) || remove(item) === 'in_use';
      outcome[isInUse ? 'inUse' : 'removed'].push(item);
    } catch (error) {
      outcome.failed.push({ path: item.path, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return outcome;
}

/** An index that can't be read now may need any of them: then they are looked at the next time. */
async function prune(cache: string): Promise<number> {
  return pruneVectors(cache, Math.floor(Date.now() / DAY_MS), () => true).catch((error: unknown) => {
    log.info('shared embeddings are left as they are', { message: String(error) });
    return 0;
  });
}

async function agrees(doomed: readonly Kept[]): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`Remove ${megabytes(doomed)}? [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

function surveyText(cache: string, doomed: readonly Kept[], others: readonly Kept[]): string {
  if (doomed.length + others.length === 0) return `Nothing in ${visibleLine(cache, 4_096)}.`;
  const list = (title: string, items: readonly Kept[]): string[] =>
    items.length === 0
      ? []
      : [`${title}:`, ...items.map((item) => `  ${megabytes([item]).padStart(10)}  ${describe(item)}`)];
  return [`Cache: ${visibleLine(cache, 4_096)}`, ...list('To remove', doomed), ...list('To keep', others)].join('\n');
}

function outcomeText(removed: readonly Kept[], embeddings: number, inUse: readonly Kept[]): string {
  return [
    removed.length === 0 ? 'Nothing removed.' : `Removed ${megabytes(removed)}.`,
    ...(embeddings > 0 ? [`Removed ${embeddings} shared embeddings that no index has.`] : []),
    ...inUse.map((item) => `Kept, because a running dowser uses it: ${describe(item)}.`),
  ].join('\n');
}

function describe({ what, path, root, whereabouts, changedMs }: Kept): string {
  const of = visibleLine(root ?? path, 4_096);
  const changed = new Date(changedMs).toISOString().slice(0, 10);
  if (what === 'shared') return 'embeddings that all indexes share';
  if (what === 'set_aside') return `damaged and set aside on ${changed}: ${visibleLine(path, 4_096)}`;
  if (what === 'other_version') return `of another version of dowser, last changed ${changed}: ${of}`;
  const why = {
    there: '',
    gone: ' (the folder is gone)',
    away: ' (not there now; its disk may not be mounted)',
    unknown: '',
  };
  return `index of ${of}${why[whereabouts]}`;
}

/** What programs are told of each. */
function reported({ what, path, root, whereabouts, bytes, changedMs }: Kept) {
  return { what, path, root, whereabouts, bytes, changed: new Date(changedMs).toISOString() };
}

function megabytes(items: readonly Kept[]): string {
  return `${(items.reduce((sum, { bytes }) => sum + bytes, 0) / 1_000_000).toFixed(1)} MB`;
}

function say({ quiet }: Options, text: string): void {
  if (!quiet) print(text);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
