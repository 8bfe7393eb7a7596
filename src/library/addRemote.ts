/** Puts a model on a server onto the shelf: only what says how it is asked, after a plain yes to the one host. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_VARIABLE } from '../config.ts';
import { addressOf } from '../embed/address.ts';
import { type RemoteManifest, readManifest } from '../embed/manifest.ts';
import { openRemote, type RemoteOptions } from '../embed/remote.ts';
import { SIDES, TASKS } from '../embed/tasks.ts';
import { DowserError } from '../errors.ts';
import type { Description } from './add.ts';
import { type Offer, wholePrefixes } from './offers.ts';
import { checkLicence } from './pull.ts';
import { adding, makeDraft, shelve } from './shelf.ts';

/** Tokens of a text that are sent where nobody says. */
const MAX_TOKENS_DEFAULT = 512;

export type RemoteAddOptions = {
  readonly shelf: string;
  /** Up to and with `/v1`. */
  readonly url: string;
  readonly model: string;
  /** The host that the user allows texts to be sent to, with or without its port. */
  readonly allowedHost: string | undefined;
  /** The server puts prefixes itself, by the names of the tasks. */
  readonly taskNames: boolean;
  readonly keyVariable: string | undefined;
  /** The model of the catalog that runs there: its prefixes, sizes and licence. */
  readonly like: Offer | undefined;
  readonly description: Description;
  readonly acceptsLicence: boolean;
  readonly remote?: RemoteOptions;
};

/**
 * Asks the server once, for the size of its embeddings, and records how it is asked; the key is recorded nowhere. Throws
 * DowserError: 'not_accepted' without the yes, 'bad_argument' for an address that texts must not go to, 'model_failed'
 * when the server does not answer as it should.
 */
export async function addRemote(
  name: string,
  options: RemoteAddOptions,
): Promise<{ readonly path: string; readonly host: string; readonly dimensions: number }> {
  checkLicence({ name, notice: options.like?.notice }, options.acceptsLicence);
  const host = allowedHost(name, options);
  const asked = manifestFor(name, host, options);
  addressOf(asked);
  return adding(options.shelf, name, async () => {
    const manifest = await measured(asked, options);
    const draft = join(options.shelf, `.${name}.add`);
    await rm(draft, { recursive: true, force: true });
    makeDraft(draft);
    const path = await shelve(draft, options.shelf, manifest);
    return { path, host, dimensions: manifest.dimensions };
  });
}

/** The host of the address, once it is the one that was allowed. */
function allowedHost(name: string, { url, allowedHost: allowed }: RemoteAddOptions): string {
  if (!URL.canParse(url))
    throw new DowserError('bad_argument', `"${url}" is no address such as http://localhost:8080/v1.`);
  const { host, hostname } = new URL(url);
  if (allowed === host || allowed === hostname) return host;
  throw new DowserError(
    'not_accepted',
    `With "${name}", chunks of the code of each repository that you index, their paths, and your questions would be sent to ${host}, with secrets masked as far as dowser knows them. To allow that: --allow-host ${host}`,
  );
}

function manifestFor(name: string, host: string, options: RemoteAddOptions): RemoteManifest {
  const { url, model, taskNames, keyVariable, like, description } = options;
  const { dimensions = like?.dimensions ?? 1, maxTokens, queryPrefix, passagePrefix } = description;
  const own = { query: queryPrefix ?? '', passage: passagePrefix ?? '' };
  const names = TASKS.map((task) => [task, Object.fromEntries(SIDES.map((side) => [side, `${task}.${side}`]))]);
  const json = {
    name,
    kind: 'remote',
    version: 1,
    dimensions,
    matryoshka: like?.dimensions === dimensions ? (like.matryoshka ?? [dimensions]) : [dimensions],
    maxTokens: maxTokens ?? like?.maxTokens ?? MAX_TOKENS_DEFAULT,
    prefixes: wholePrefixes(like?.prefixes ?? Object.fromEntries(TASKS.map((task) => [task, own]))),
    sides: {},
    licence: description.licence ?? like?.licence ?? 'unknown',
    ...(like?.notice && { notice: like.notice }),
    url: url.replace(/\/+$/, ''),
    model,
    host,
    keyVariable: keyVariable ?? KEY_VARIABLE,
    // What the server says, once it is asked.
    probes: {},
    ...(taskNames && { tasks: Object.fromEntries(names) }),
  };
  try {
    return readManifest(json) as RemoteManifest;
  } catch (cause) {
    throw new DowserError('bad_argument', `That can't be recorded: ${(cause as Error).message}.`, { cause });
  }
}

/** The manifest with what tells the model from others, and the size of its embeddings, which the user or the catalog may know. */
async function measured(
  manifest: RemoteManifest,
  { like, description, remote }: RemoteAddOptions,
): Promise<RemoteManifest> {
  const model = openRemote(manifest, manifest.dimensions, remote);
  const { dimensions, probes } = await model.measure().finally(() => model.close());
  const isKnown = like !== undefined || description.dimensions !== undefined;
  if (!isKnown) return { ...manifest, dimensions, matryoshka: [dimensions], probes };
  if (dimensions === manifest.dimensions) return { ...manifest, probes };
  throw new DowserError(
    'model_failed',
    `${manifest.name} at ${manifest.host} gives embeddings of ${dimensions} dimensions, not ${manifest.dimensions}: it is another model, or the server cuts them. Name the size with --dimensions ${dimensions}.`,
  );
}
