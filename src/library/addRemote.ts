/** Takes a model on a server onto the shelf: after plain consent, and once the server has shown that it answers. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readAddress } from '../embed/address.ts';
import { bundledFolder, readModelManifest } from '../embed/catalog.ts';
import { KEY_VARIABLE, type ModelManifest, type RemoteManifest, readManifest } from '../embed/manifest.ts';
import { probeServer, type RemoteOptions } from '../embed/remote.ts';
import { type Prefixes, SIDES, TASKS } from '../embed/tasks.ts';
import { DowserError } from '../errors.ts';
import { manifestOf, type Offer, placeholders, prefixesForAll } from './offers.ts';
import { checkLicence } from './pull.ts';
import { checkName, locateModel, makeDraft, placing, shelve } from './shelf.ts';

export type RemoteRequest = {
  readonly name: string;
  /** Up to and with `/v1`; `/embeddings` at its end is left out. */
  readonly url: string;
  /** What the server calls the model. */
  readonly model: string;
  /** The host of the URL, as the user typed it for consent. */
  readonly allowHost?: string | undefined;
  /** Texts may go unencrypted over the internet. */
  readonly plainHttp: boolean;
  readonly keyVariable?: string | undefined;
  /** The size that the server is to be asked for; what it gives unasked when left out. */
  readonly dimensions?: number | undefined;
  /** A model here or in the catalog whose prefixes, sizes and licence this one has. */
  readonly like?: string | undefined;
  /** The server puts prefixes itself, by the name of the task (`nl2code.query`). */
  readonly sendsTasks: boolean;
  readonly queryPrefix?: string | undefined;
  readonly passagePrefix?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly licence?: string | undefined;
  readonly acceptsLicence: boolean;
};

export type RemotePlaces = RemoteOptions & {
  readonly shelf: string;
  readonly cacheDir: string | undefined;
  readonly offers: readonly Offer[];
  readonly signal?: AbortSignal | undefined;
};

/** Of a chunk some 1,000 are used; servers differ in what they take, and what they refuse is cut and sent again. */
const MAX_TOKENS_DEFAULT = 2_048;
export const KEY_VARIABLE_DEFAULT = 'DOWSER_REMOTE_KEY';

/** The manifest, but for what only the server knows. */
type Draft = Omit<RemoteManifest, 'dimensions' | 'matryoshka' | 'probes'>;

/**
 * Asks the server for the embedding of one fixed text, and writes a model folder with nothing but model.json. Nothing is sent
 * without consent. Throws DowserError: 'not_accepted' where consent is missing, saying what would be sent where;
 * 'bad_argument' for what can't be used; 'model_failed' where the server does not answer as one of embeddings does.
 */
export async function addRemote(
  request: RemoteRequest,
  places: RemotePlaces,
): Promise<RemoteManifest & { path: string }> {
  checkName(request.name);
  const url = addressOf(request);
  if (request.allowHost !== url.host) throw notAllowed(request, url);
  const like = request.like === undefined ? undefined : await lookUp(request.like, places);
  checkLicence({ name: request.name, notice: like?.notice }, request.acceptsLicence);
  const draft = draftOf(request, url, like);
  return placing(places.shelf, request.name, async () => {
    const { dimensions, probes } = await probeServer({ ...draft, dimensions: request.dimensions }, places);
    const sizes = like?.matryoshka.includes(dimensions) ? like.matryoshka : [dimensions];
    const matryoshka = sizes.filter((size) => size <= dimensions);
    const manifest = readManifest({ ...draft, dimensions, matryoshka, probes }) as RemoteManifest;
    const folder = join(places.shelf, `.${request.name}.add`);
    await rm(folder, { recursive: true, force: true });
    makeDraft(folder);
    return { ...manifest, path: await shelve(folder, places.shelf, manifest) };
  });
}

/** What the user consents to, for both those who are asked and those who have said yes. */
export function whatIsSent(host: string, keyVariable: string): string {
  return `To ${host} go: the code of the repositories in which you use this model, in chunks with their paths, and what you and your agents ask there; secrets of known formats are masked first. The key in ${keyVariable} goes with them, if it is set. Nothing else, and to nobody else.`;
}

function notAllowed(
  { name, allowHost, keyVariable = KEY_VARIABLE_DEFAULT }: RemoteRequest,
  { host }: URL,
): DowserError {
  const other = allowHost === undefined ? '' : ` You named ${allowHost}, and the address leads to ${host}.`;
  const message = `${name} is not added, and nothing was sent.${other} ${whatIsSent(host, keyVariable)} To consent: --allow-host ${host}`;
  return new DowserError('not_accepted', message);
}

function addressOf({ url, plainHttp }: RemoteRequest): URL {
  try {
    const address = readAddress(url, { plainHttp });
    address.pathname = address.pathname.replace(/\/embeddings$/, '');
    return address;
  } catch (error) {
    const hint = plainHttp ? '' : ', or --allow-plain-http if you mean it';
    const reason = (error as Error).message;
    // What is refused may hold credentials: it is not repeated.
    throw new DowserError('bad_argument', `--url ${reason}${reason.endsWith('use https://') ? hint : ''}.`);
  }
}

function draftOf(request: RemoteRequest, url: URL, like: ModelManifest | undefined): Draft {
  const { name, model, plainHttp, keyVariable = KEY_VARIABLE_DEFAULT, dimensions, sendsTasks } = request;
  const { queryPrefix, passagePrefix, licence } = request;
  if (!KEY_VARIABLE.test(keyVariable))
    throw new DowserError('bad_argument', `--key-variable is the name of a variable, such as ${KEY_VARIABLE_DEFAULT}.`);
  const hasOwn = queryPrefix !== undefined || passagePrefix !== undefined;
  const none = prefixesForAll(queryPrefix, passagePrefix);
  return {
    ...{ name, kind: 'remote', version: 1, url: url.href, host: url.host, plainHttp, model, keyVariable },
    sendsDimensions: dimensions !== undefined,
    maxTokens: request.maxTokens ?? like?.maxTokens ?? MAX_TOKENS_DEFAULT,
    // A server that is told the task puts the prefix itself: twice would be wrong.
    prefixes: like === undefined || hasOwn || sendsTasks ? none : like.prefixes,
    ...(sendsTasks ? { tasks: TASK_NAMES } : {}),
    sides: {},
    licence: licence ?? like?.licence ?? 'unknown',
    ...(like?.notice === undefined ? {} : { notice: like.notice }),
  };
}

/** As the Jina API names them. */
const TASK_NAMES = Object.fromEntries(
  TASKS.map((task) => [task, Object.fromEntries(SIDES.map((side) => [side, `${task}.${side}`]))]),
) as Prefixes;

async function lookUp(name: string, { cacheDir, offers }: RemotePlaces): Promise<ModelManifest> {
  const offer = offers.find((one) => one.name === name);
  if (offer === undefined || bundledFolder(name) !== undefined) return readModelManifest(locateModel(name, cacheDir));
  return readManifest(manifestOf(offer, placeholders(offer)));
}
