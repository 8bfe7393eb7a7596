/** Whether a model is whole and works: every byte hashed, and one text embedded. */
import { readModelManifest } from '../embed/catalog.ts';
import { openEmbedder } from '../embed/embedder.ts';

const SAMPLE = 'function add(a, b) { return a + b; }';

export type Verified = {
  readonly files: number;
  readonly bytes: number;
  readonly dimensions: number;
  /** Of a model on a server. */
  readonly host: string | undefined;
};

/**
 * Checks the model that openEmbedder() finds by this name or path, remembering nothing of earlier checks; one on a server
 * is asked. Throws DowserError that says what is wrong: a file that differs, or a model that can't be run as its manifest
 * says.
 */
export async function verifyModel(model: string): Promise<Verified> {
  const manifest = await readModelManifest(model);
  const embedder = await openEmbedder({ model });
  try {
    const [embedding] = await embedder.embed([SAMPLE], 'nl2code', 'passage');
    const files = manifest.kind === 'remote' ? [] : Object.values(manifest.files);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const host = manifest.kind === 'remote' ? manifest.host : undefined;
    return { files: files.length, bytes, dimensions: embedding!.length, host };
  } finally {
    await embedder.close();
  }
}
