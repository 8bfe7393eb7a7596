/** `dowser models`: what there is, what can be fetched, and which is used. */
import { type Config, resolveConfig } from '../config.ts';
import { BUNDLED_MODEL, bundledFolder } from '../embed/catalog.ts';
import { DowserError } from '../errors.ts';
import { type Offer, readOffers } from '../library/offers.ts';
import { chooseModel, chosenModel, locateModel, lockOf, shelfIn, surveyShelf, unshelve } from '../library/shelf.ts';
import { setLogLevel } from '../log.ts';
import { nearest } from '../mcp/nearest.ts';
import { visibleLine } from '../mcp/visible.ts';
import { type Options, UsageError } from './flags.ts';
import { toJson } from './format.ts';
import { listed, modelsText } from './modelsText.ts';
import { bytesLine, Progress } from './progress.ts';

type Action = (options: Options, words: readonly string[], signal: AbortSignal) => Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = { list, pull, add, verify, use, remove };

/** Exit codes: 0 when it is done, 1 when it could not be, 2 for a command line that can't be carried out. */
export async function models(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  const [name = 'list', ...rest] = words;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action !== undefined) return action(options, rest, signal);
  const guess = nearest(name, Object.keys(ACTIONS)) ?? Object.keys(ACTIONS).join(', ');
  throw new UsageError(`models can't '${visibleLine(name, 80)}'. Did you mean: ${guess}?`);
}

async function list(options: Options, words: readonly string[]): Promise<number> {
  if (words.length > 0) throw new UsageError('models list takes options only.');
  const { cacheDir } = configFor(options);
  const shown = listed(readOffers(), surveyShelf(shelfIn(cacheDir)), chosenModel(cacheDir) ?? BUNDLED_MODEL);
  print(options.json ? toJson({ shelf: shelfIn(cacheDir), models: shown }) : modelsText(shown));
  return 0;
}

async function pull(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  const offer = offerOf(onlyWord('pull', 'NAME', words));
  const { name } = offer;
  const { cacheDir, modelMirror } = configFor(options);
  const { pull: fetchModel } = await import('../library/pull.ts');
  const progress = new Progress(process.stderr, options.quiet);
  const startedMs = performance.now();
  if (offer.notice !== undefined && options.acceptLicence) tell(options, `${offer.name}: ${offer.notice}`);
  let first: number | undefined;
  const pulled = await fetchModel(offer, {
    shelf: shelfIn(cacheDir),
    mirror: modelMirror,
    acceptsLicence: options.acceptLicence,
    signal,
    onWait: () => tell(options, `Another dowser is fetching ${name}: waiting for it.`),
    onProgress(step) {
      first ??= step.done;
      const fetched = step.done - first;
      progress.draw((elapsedMs) => bytesLine('Fetching', { ...step, fetched }, elapsedMs));
    },
  }).finally(() => progress.clear());
  const { path, how, source } = pulled;
  if (options.json) print(toJson({ name, path, how, ...(source && { source }) }));
  else if (how === 'there') {
    print(`${name} is there: ${visibleLine(path, 4_096)}`);
    tell(options, `To see that it is whole: dowser models verify ${name}`);
  } else {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    print(`Fetched ${name} in ${seconds} s, licence ${offer.licence}: ${visibleLine(path, 4_096)}`);
    const unknown = Object.values(source!.checked).filter((by) => by === 'first download').length;
    if (unknown > 0)
      tell(
        options,
        `Nobody names a checksum of ${unknown} of its files: what came is recorded, and is what must be there from now on.`,
      );
    tell(options, `To use it from now on: dowser models use ${name}`);
  }
  return 0;
}

async function add(options: Options, words: readonly string[]): Promise<number> {
  if (options.url !== undefined) return addOnServer(options, onlyWord('add --url', 'NAME', words));
  const folder = onlyWord('add', 'FOLDER', words);
  const { cacheDir } = configFor(options);
  const { add: addModel } = await import('../library/add.ts');
  const { pooling, dimensions, padding, tokenLimit, queryPrefix, passagePrefix, licence } = options;
  const progress = new Progress(process.stderr, options.quiet);
  const { name, path } = await addModel(folder, {
    shelf: shelfIn(cacheDir),
    offers: readOffers(),
    as: options.as,
    description: { pooling, dimensions, padding, maxTokens: tokenLimit, queryPrefix, passagePrefix, licence },
    acceptsLicence: options.acceptLicence,
    onProgress: (step) => progress.draw((elapsedMs) => bytesLine('Copying', { ...step, fetched: 0 }, elapsedMs)),
  }).finally(() => progress.clear());
  print(options.json ? toJson({ name, path }) : `Added ${name}: ${visibleLine(path, 4_096)}`);
  if (!options.json) tell(options, `To see that it works: dowser models verify ${name}`);
  return 0;
}

async function addOnServer(options: Options, name: string): Promise<number> {
  const { url, remoteModel, allowHost, as, taskNames, keyVariable } = options;
  const { dimensions, tokenLimit, queryPrefix, passagePrefix, licence } = options;
  if (remoteModel === undefined)
    throw new UsageError('models add --url needs --remote-model: what the server calls the model.');
  const { cacheDir } = configFor(options);
  const { addRemote } = await import('../library/addRemote.ts');
  const added = await addRemote(name, {
    shelf: shelfIn(cacheDir),
    ...{ url: url!, model: remoteModel, allowedHost: allowHost, taskNames, keyVariable },
    like: as === undefined ? undefined : offerOf(as),
    description: { dimensions, maxTokens: tokenLimit, queryPrefix, passagePrefix, licence },
    acceptsLicence: options.acceptLicence,
  });
  if (options.json) print(toJson({ name, ...added }));
  else {
    print(`Added ${name}, ${added.dimensions} dimensions, on ${visibleLine(added.host, 300)}.`);
    tell(options, `Once it is used, questions and code are sent there. To use it: dowser models use ${name}`);
  }
  return 0;
}

/** All of the user's, and the bundled one, when none is named. */
async function verify(options: Options, words: readonly string[], signal: AbortSignal): Promise<number> {
  if (words.length > 1) throw new UsageError('models verify takes one NAME, or none for all.');
  const { cacheDir } = configFor(options);
  const names =
    words[0] === undefined ? [BUNDLED_MODEL, ...surveyShelf(shelfIn(cacheDir)).map(({ name }) => name)] : words;
  const { verifyModel } = await import('../library/verify.ts');
  const results: { name: string; ok: boolean; message: string }[] = [];
  for (const name of names) {
    signal.throwIfAborted();
    try {
      const { files, bytes, dimensions, host } = await verifyModel(locateModel(name, cacheDir));
      const what = host === undefined ? `${files} files, ${(bytes / 1e6).toFixed(1)} MB` : `answers on ${host}`;
      const message = `${what}, ${dimensions} dimensions`;
      results.push({ name, ok: true, message });
    } catch (error) {
      if (!(error instanceof DowserError)) throw error;
      results.push({ name, ok: false, message: error.message });
    }
    const { ok, message } = results.at(-1)!;
    if (!options.json) print(`${name}: ${ok ? 'ok' : 'WRONG'}, ${visibleLine(message, 2_000)}`);
  }
  if (options.json) print(toJson({ models: results }));
  return results.every(({ ok }) => ok) ? 0 : 1;
}

async function use(options: Options, words: readonly string[]): Promise<number> {
  const name = onlyWord('use', 'NAME', words);
  const { cacheDir } = configFor(options);
  chooseModel(name, cacheDir);
  if (options.json) print(toJson({ model: name }));
  else {
    print(`From now on ${name} is used, unless --model or DOWSER_MODEL says otherwise.`);
    tell(options, 'Servers that run already keep theirs. What is indexed with another model is embedded again.');
  }
  return 0;
}

async function remove(options: Options, words: readonly string[]): Promise<number> {
  const name = onlyWord('remove', 'NAME', words);
  const { cacheDir } = configFor(options);
  const shelf = shelfIn(cacheDir);
  if (bundledFolder(name) !== undefined)
    throw new DowserError(
      'bad_argument',
      `${name} is part of dowser and stays. Fetched and added models can be removed.`,
    );
  if (!/^\w[\w.-]*$/.test(name)) throw new UsageError(`'${visibleLine(name, 80)}' is no name of a model.`);
  const lock = lockOf(shelf, name);
  let isRemoved: boolean;
  try {
    if (!lock.tryLead()) throw new DowserError('bad_argument', `Another dowser is fetching ${name}. Stop it first.`);
    isRemoved = await unshelve(shelf, name);
  } finally {
    lock.release();
  }
  if (!isRemoved)
    throw new DowserError(
      'model_missing',
      `There is no model "${visibleLine(name, 100)}" here: dowser models list shows what there is.`,
    );
  const wasChosen = chosenModel(cacheDir) === name;
  if (wasChosen) chooseModel(BUNDLED_MODEL, cacheDir);
  print(options.json ? toJson({ removed: name }) : `Removed ${name}.`);
  if (wasChosen && !options.json) tell(options, `It was the one in use: from now on that is ${BUNDLED_MODEL}.`);
  return 0;
}

function offerOf(name: string): Offer {
  const offers = readOffers();
  const offer = offers.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (offer !== undefined) return offer;
  const guess = nearest(
    name,
    offers.map((candidate) => candidate.name),
  );
  const hint = guess === undefined ? '"dowser models list" shows what it has.' : `Did you mean ${guess}?`;
  const message = `The catalog has no model "${visibleLine(name, 100)}". ${hint} Others that run on ONNX can be added from a folder: dowser models add --help`;
  throw new DowserError('bad_argument', message);
}

function onlyWord(action: string, what: string, words: readonly string[]): string {
  const [word, ...more] = words;
  if (word === undefined || more.length > 0) throw new UsageError(`models ${action} needs one ${what}.`);
  return word;
}

function configFor({ logLevel, quiet }: Options): Config {
  const level = logLevel ?? (quiet ? 'error' : undefined);
  const config = resolveConfig({ root: '', ...(level && { logLevel: level }) }, process.env);
  setLogLevel(config.logLevel);
  return config;
}

function tell({ quiet, json }: Options, line: string): void {
  if (!quiet && !json) process.stderr.write(`${visibleLine(line, 2_000)}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
