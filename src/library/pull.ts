/** Fetches a model of the catalog: one process at a time, resumable, onto the shelf as a whole. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ModelFile } from '../embed/manifest.ts';
import { DowserError } from '../errors.ts';
import { cancelled, checkRoom, download, type Fetched } from './download.ts';
import { Journal } from './journal.ts';
import { manifestOf, type Offer, type OfferFile, type Source } from './offers.ts';
import { checkName, draftOf, lockOf, makeDraft, shelve, surveyShelf } from './shelf.ts';

/** Where the files of the catalog lie, unless the user names a mirror with the same paths. */
export const HUB = 'https://huggingface.co';

/** How often a process that waits for another's download looks whether it is done. */
const WAIT_MS = 200;

export type PullOptions = {
  readonly shelf: string;
  /** Base of the URLs; HUB when left out. */
  readonly mirror?: string | undefined;
  /** The user said yes to the model's notice. */
  readonly acceptsLicence: boolean;
  readonly signal?: AbortSignal | undefined;
  /** All files together; `total` is what the catalog estimates until every length is known. */
  readonly onProgress?:
    | ((step: { readonly done: number; readonly total: number; readonly file: string }) => void)
    | undefined;
  /** Another process fetches the same model: this one waits for it. */
  readonly onWait?: (() => void) | undefined;
  readonly pauseMs?: number | undefined;
};

/** What became of it: 'there' when nothing had to be fetched, because it was there or another process fetched it. */
export type Pulled = { readonly path: string; readonly how: 'fetched' | 'there'; readonly source: Source | undefined };

/**
 * Fetches the offer onto the shelf. Throws DowserError: 'not_accepted' for a notice without a yes; 'fetch_failed' with the
 * manual way where the hub can't be reached; and what download() throws. Nothing but a resumable draft is left then.
 */
export async function pull(offer: Offer, options: PullOptions): Promise<Pulled> {
  checkName(offer.name);
  checkLicence(offer, options.acceptsLicence);
  const base = baseOf(options.mirror);
  const lock = lockOf(options.shelf, offer.name);
  try {
    for (let waits = 0; !lock.tryLead(); waits++) {
      if (waits === 0) options.onWait?.();
      await pause(WAIT_MS);
      if (options.signal?.aborted) throw cancelled();
    }
    const there = surveyShelf(options.shelf).find(({ name }) => name === offer.name);
    if (there !== undefined) return { path: there.path, how: 'there', source: undefined };
    return await fetchAll(offer, base, options);
  } finally {
    lock.release();
  }
}

/** Throws where the licence asks for more than a mention and the user did not say yes. */
export function checkLicence({ name, notice }: Pick<Offer, 'name' | 'notice'>, accepts: boolean): void {
  if (notice === undefined || accepts) return;
  throw new DowserError('not_accepted', `${name}: ${notice} If that suits you, say so with --accept-licence.`);
}

/** The addresses of an offer's files, for people who fetch them by hand. */
export function addressesOf(offer: Offer): string[] {
  return offer.files.map((file) => addressOf(offer, file, HUB, offer.revision));
}

async function fetchAll(offer: Offer, base: string, options: PullOptions): Promise<Pulled> {
  const { folder, journal: journalFile } = draftOf(options.shelf, offer.name);
  makeDraft(folder);
  const journal = new Journal(journalFile);
  await checkRoom(join(folder, 'model.onnx'), offer.bytes - bytesIn(folder, offer.files));
  const files: Record<string, ModelFile> = {};
  const checked: Record<string, Source['checked'][string]> = {};
  // The first file says which commit a branch is at; the others are of the same one, so that no two states are mixed.
  let { revision } = offer;
  let done = 0;
  for (const file of offer.files) {
    const wanted = {
      name: file.name,
      url: addressOf(offer, file, base, revision),
      file: join(folder, file.name),
      sha256: file.sha256,
      bytes: file.bytes,
    };
    const onBytes = (bytes: number): void =>
      options.onProgress?.({ done: done + bytes, total: Math.max(offer.bytes, done + bytes), file: file.name });
    const fetched: Fetched = await download(wanted, { ...options, journal, onBytes }).catch((error: unknown) => {
      throw withManualWay(error, offer);
    });
    files[file.name] = { sha256: fetched.sha256, bytes: fetched.bytes };
    checked[file.name] = fetched.checked;
    revision = fetched.commit ?? revision;
    done += fetched.bytes;
  }
  const source: Source = { repository: offer.repository, revision, checked };
  const path = await shelve(folder, options.shelf, manifestOf(offer, files, source));
  await journal.remove();
  return { path, how: 'fetched', source };
}

/** Where there is no way to the hub, the user learns how to bring the files by hand. */
function withManualWay(error: unknown, offer: Offer): unknown {
  if (!(error instanceof DowserError) || error.code !== 'fetch_failed') return error;
  const needsYes = offer.notice === undefined ? '' : ' --accept-licence';
  const message = `${error.message} Without a network here, fetch these on another machine into one folder: ${addressesOf(offer).join(' ')} and then run: dowser models add FOLDER --as ${offer.name}${needsYes}`;
  return new DowserError('fetch_failed', message, { cause: error });
}

function addressOf({ repository }: Offer, { path }: OfferFile, base: string, revision: string): string {
  return `${base}/${repository}/resolve/${revision}/${path}`;
}

function baseOf(mirror: string = HUB): string {
  const url = URL.canParse(mirror) ? new URL(mirror) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new DowserError('bad_argument', `DOWSER_MODEL_MIRROR is an address such as ${HUB}, not "${mirror}".`);
  }
  return mirror.replace(/\/+$/, '');
}

function bytesIn(folder: string, files: readonly OfferFile[]): number {
  const sizes = files.map(({ name }) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0);
  return sizes.reduce((sum, size) => sum + size, 0);
}
