/** Whether a model is whole and works: every byte hashed, and one text embedded, be it by the server it is on. */
import { openModelFolder, readModelManifest } from '../embed/catalog.ts';
import { openEmbedder } from '../embed/embedder.ts';

const SAMPLE = 'function add(a, b) { return a + b; }';

export type Verified = { readonly files: number; readonly bytes: number; readonly dimensions: number };

/**
 * Checks the model that openModelFolder() finds by this name or path, remembering nothing of earlier checks. Throws
 * DowserError that says what is wrong: a file that differs, or a model that can't be run as its manifest says.
 */
export async function verifyModel(model: string): Promise<Verified> {
  const isRemote = (await readModelManifest(model)).kind === 'remote';
  const folder = isRemote ? undefined : await openModelFolder(model);
  const embedder = await openEmbedder({ model: folder ?? model });
  try {
    const [embedding] = await embedder.embed([SAMPLE], 'nl2code', 'passage');
    const files = Object.values(folder?.manifest.files ?? {});
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return { files: files.length, bytes, dimensions: embedding!.length };
  } finally {
    await embedder.close();
  }
}
