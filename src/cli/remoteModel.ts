/** `dowser models add NAME --url URL`: a model on a server, after consent. */
import { addRemote, KEY_VARIABLE_DEFAULT, whatIsSent } from '../library/addRemote.ts';
import { readOffers } from '../library/offers.ts';
import { shelfIn } from '../library/shelf.ts';
import { type Options, UsageError } from './flags.ts';

export type AddedRemote = {
  readonly name: string;
  readonly path: string;
  readonly host: string;
  readonly dimensions: number;
  /** For people: what goes where from now on. */
  readonly sent: string;
};

/** Throws UsageError for flags that don't go together, and what addRemote() throws. */
export async function addModelOnServer(
  name: string,
  options: Options,
  cacheDir: string | undefined,
  signal: AbortSignal,
): Promise<AddedRemote> {
  const { url, remoteModel, allowHost, keyVariable = KEY_VARIABLE_DEFAULT, dimensions, like } = options;
  const { queryPrefix, passagePrefix, licence, pooling, padding, as } = options;
  if (url === undefined || remoteModel === undefined)
    throw new UsageError('A model on a server needs both --url URL and --remote-model NAME.');
  if (pooling !== undefined || padding !== undefined || as !== undefined)
    throw new UsageError('--as, --pooling and --padding are for a model in a folder: a server sees to that itself.');
  const added = await addRemote(
    {
      ...{
        name,
        url,
        model: remoteModel,
        allowHost,
        keyVariable,
        dimensions,
        like,
        queryPrefix,
        passagePrefix,
        licence,
      },
      plainHttp: options.allowPlainHttp,
      sendsTasks: options.sendTasks,
      maxTokens: options.tokenLimit,
      acceptsLicence: options.acceptLicence,
    },
    { shelf: shelfIn(cacheDir), cacheDir, offers: readOffers(), signal },
  );
  const { path, host } = added;
  return { name, path, host, dimensions: added.dimensions, sent: whatIsSent(host, keyVariable) };
}
