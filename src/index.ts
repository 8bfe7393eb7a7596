/** The front door: opens one repository as a CodeIndex that answers, watches and stays in step with the disk. */
import { CHUNKER_VERSION } from './chunk/chunk.ts';
import { findContext } from './complete.ts';
import { type Config, LIMIT_DEFAULT, LIMIT_MAX, MAX_TOKENS_DEFAULT, MAX_TOKENS_MAX, MAX_TOKENS_MIN } from './config.ts';
import { cursorOf } from './cursor.ts';
import { findDuplicates } from './dupes.ts';
import { BUNDLED_MODEL } from './embed/catalog.ts';
import { describeModel, type OpenEmbedder, openEmbedder, settingsOf } from './embed/embedder.ts';
import { DowserError } from './errors.ts';
import { locateModel } from './library/shelf.ts';
import { log, setLogLevel } from './log.ts';
import { type Engine, search } from './search.ts';
import { type Shown, show } from './show.ts';
import { findSimilar, pieceAt } from './similar.ts';
import { MASKS_VERSION } from './source/mask.ts';
import { TOKENS_VERSION, terms } from './tokens.ts';
import type { Answer, AskOptions, CodeIndex } from './types.ts';
import { openUpkeep, type Upkeep } from './upkeep.ts';

export { type Config, resolveConfig } from './config.ts';
export { DowserError, type ErrorCode } from './errors.ts';
export type * from './types.ts';

/** Below this cosine, code of the bundled model has no more than a language in common. */
const SIMILARITY_MIN = 0.3;
/** Words of a question, as written, that pending files are probed for. */
const NEEDLES_MAX = 6;

/** Opens the index of `config.root`. Nothing is read from the repository before the first question, sync() or start(). */
export async function openIndex(config: Config): Promise<CodeIndex> {
  return (await openEngine(config)).index;
}

/** The index and the engine under it, for evaluation. */
export async function openEngine(asked: Config): Promise<{ index: CodeIndex; engine: () => Engine }> {
  setLogLevel(asked.logLevel);
  const { embedder, slow, problem, config } = await openModels(asked);
  const upkeep = await openUpkeep({
    config,
    fingerprint: `${CHUNKER_VERSION} ${TOKENS_VERSION} ${MASKS_VERSION}`,
    model: embedder,
    slow,
  }).catch(async (error: unknown) => {
    await embedder?.close();
    throw error;
  });
  const engine = (): Engine => ({ root: config.root, store: upkeep.store(), embedder, slow: upkeep.slow });
  const notes = problem === undefined ? [] : [problem];

  /** Asks once more where an answer met files that had changed under it, after they were indexed. */
  async function proven<Result extends { readonly shown: Shown }>(ask: () => Promise<Result>): Promise<Result> {
    const first = await ask();
    if (first.shown.vanished.length === 0) return first;
    await upkeep.recheck();
    return ask();
  }

  const index: CodeIndex = {
    root: config.root,
    async search(request) {
      const { limit, maxTokens } = bounds(request);
      const text = request.query;
      await upkeep.freshen(needlesOf(text));
      const found = await proven(() => search(engine(), text, request, limit, maxTokens));
      const { query, shown, weak, confidence } = found;
      return { ...answer(upkeep, query.text, shown, weak, [...notes, ...found.notes]), confidence };
    },
    async similar(request) {
      const { limit, maxTokens } = bounds(request);
      await upkeep.freshen([]);
      const { path, line, code, minSimilarity = SIMILARITY_MIN } = request;
      if (!(minSimilarity >= 0 && minSimilarity <= 1))
        throw new DowserError('bad_argument', `'min_similarity' is a number from 0 to 1, not ${minSimilarity}.`);
      if (code === undefined ? path === undefined || line === undefined : code.trim() === '') {
        throw new DowserError('bad_argument', "Give 'path' and 'line' of the code to compare, or 'code' itself.");
      }
      const { piece, shown } = await proven(async () => {
        const piece = code === undefined ? await pieceAt(engine(), path!, line!) : { code };
        const ranked = await findSimilar(engine(), piece, request, minSimilarity);
        // Of a long chunk, the lines that have what the piece has.
        const words = [...new Set(terms(piece.code))];
        return { piece, shown: await show(config.root, ranked, { terms: words, limit, maxTokens }) };
      });
      const question =
        piece.path === undefined ? 'the given code' : `${piece.path}:${piece.startLine}-${piece.endLine}`;
      return answer(upkeep, question, shown, shown.snippets.length === 0, notes);
    },
    async complete(request) {
      const { limit, maxTokens } = bounds({ limit: LIMIT_MAX, ...request });
      await upkeep.freshen([]);
      const { cursor, shown } = await proven(async () => {
        const cursor = await cursorOf(engine(), request);
        return { cursor, shown: await findContext(engine(), cursor, limit, maxTokens) };
      });
      const question =
        cursor.path === undefined
          ? 'the given code'
          : `${cursor.path}${request.line === undefined ? '' : `:${request.line}`}`;
      return answer(upkeep, question, shown, shown.snippets.length === 0, notes);
    },
    async duplicates(request) {
      await upkeep.freshen([]);
      return findDuplicates(engine(), request);
    },
    async status() {
      await upkeep.freshen([]);
      const counts = upkeep.store().counts();
      return {
        root: config.root,
        storeFile: upkeep.storeFile,
        storeBytes: counts.bytes,
        coverage: upkeep.coverage(),
        freshness: upkeep.freshness(),
        languages: counts.languages,
        model:
          embedder === undefined
            ? undefined
            : { name: embedder.name, dimensions: embedder.dimensions, runtime: embedder.runtime },
        ...(upkeep.slow && { slow: upkeep.slow.status(counts) }),
        role: upkeep.role(),
        ...(counts.lastChange === undefined ? {} : { lastChange: counts.lastChange }),
        health: [
          ...upkeep.health(),
          ...(problem === undefined ? [] : [embedder === undefined ? 'no_vectors' : 'model_unusable']),
        ],
      };
    },
    sync: (onProgress, signal) => upkeep.sync(onProgress, signal),
    readBehind: (onProgress, signal) => upkeep.readBehind(onProgress, signal),
    reading() {
      const { slow, chunks } = upkeep.coverage();
      return slow && slow.embedded < chunks ? { done: slow.embedded, total: chunks, phase: 'reading' } : undefined;
    },
    start: () => upkeep.start(),
    async close() {
      await upkeep.close();
      await embedder?.close();
    },
  };
  return { index: cancelling(index), engine };
}

/** The same index, where a question that its caller gave up, or under which the index is closed, is cancelled. */
function cancelling(index: CodeIndex): CodeIndex {
  let closing: Promise<void> | undefined;
  async function run<Value>(signal: AbortSignal | undefined, work: () => Promise<Value>): Promise<Value> {
    const check = (): void => {
      if (closing !== undefined) throw new DowserError('cancelled', 'The index is closed.');
      if (signal?.aborted) throw new DowserError('cancelled', 'The question was given up.');
    };
    check();
    // What fails since the store was closed under it says so, too.
    return await work().finally(check);
  }
  return {
    ...index,
    search: (request) => run(request.signal, () => index.search(request)),
    similar: (request) => run(request.signal, () => index.similar(request)),
    complete: (request) => run(request.signal, () => index.complete(request)),
    duplicates: (request) => run(request.signal, () => index.duplicates(request)),
    status: () => run(undefined, () => index.status()),
    sync: (onProgress, signal) => run(signal, () => index.sync(onProgress, signal)),
    readBehind: (onProgress, signal) => run(signal, () => index.readBehind(onProgress, signal)),
    close: () => (closing ??= index.close()),
  };
}

type Models = Pick<Parameters<typeof openUpkeep>[0], 'slow'> & {
  readonly embedder: OpenEmbedder | undefined;
  /** What the user is told with each answer. */
  readonly problem: string | undefined;
  /** As asked for, but for the model, which is a folder by now or another one. */
  readonly config: Config;
};

/**
 * A slow model comes beside the bundled one, which answers until the other has read the code. A model that can't be used
 * costs its meaning, never the answer: the bundled one stands in for it, and words for that.
 */
async function openModels(config: Config): Promise<Models> {
  const none = { embedder: undefined, slow: undefined, problem: undefined, config };
  if (config.model === 'none') return none;
  try {
    const model = locateModel(config.model, config.cacheDir);
    const described = await describeModel({ model, dimensions: config.dimensions });
    // A bundled model beside it has a size and a runtime of its own.
    const embedder = await openEmbedder(described.isSlow ? {} : { ...settingsOf(config), model });
    const slow = described.isSlow ? described : undefined;
    return { embedder, slow, problem: undefined, config: { ...config, model } };
  } catch (error) {
    if (!(error instanceof DowserError)) throw error;
    log.warn(error.message);
    if (config.model === BUNDLED_MODEL)
      return { ...none, problem: `Meaning is not searched, words alone: ${error.message}` };
    const bundled = await openModels({ ...config, model: BUNDLED_MODEL, dimensions: undefined });
    return { ...bundled, problem: bundled.problem ?? `The bundled model stands in: ${error.message}` };
  }
}

function bounds({ limit = LIMIT_DEFAULT, maxTokens = MAX_TOKENS_DEFAULT }: Pick<AskOptions, 'limit' | 'maxTokens'>) {
  const check = (name: string, value: number, min: number, max: number): number => {
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new DowserError('bad_argument', `'${name}' is a whole number from ${min} to ${max}, not ${value}.`);
  };
  return {
    limit: check('limit', limit, 1, LIMIT_MAX),
    maxTokens: check('max_tokens', maxTokens, MAX_TOKENS_MIN, MAX_TOKENS_MAX),
  };
}

/** The longest words of a question first: the rarer, the better they tell pending files apart. */
function needlesOf(text: string): string[] {
  const words = [...new Set(text.match(/[\p{L}_$][\p{L}\p{N}_$]{2,}/gu) ?? [])];
  return words.sort((a, b) => b.length - a.length || (a < b ? -1 : 1)).slice(0, NEEDLES_MAX);
}

function answer(upkeep: Upkeep, question: string, shown: Shown, weak: boolean, notes: readonly string[]): Answer {
  return {
    question,
    snippets: shown.snippets,
    tokens: shown.tokens,
    omitted: { budget: shown.overBudget, vanished: shown.vanished.length },
    weak,
    coverage: upkeep.coverage(),
    freshness: upkeep.freshness(),
    notes,
  };
}
