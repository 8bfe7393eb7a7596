/** What tells the embeddings of one model from all others: those of different ids are never compared, and never kept together. */
import { hashText } from '../hash.ts';
import type { LocalManifest, ModelManifest, RemoteManifest } from './manifest.ts';
import { CHARS_PER_TOKEN_MAX } from './tokenizer.ts';

/** The same for the same model at the same size of embeddings. */
export function identify(manifest: ModelManifest, dimensions: number): string {
  const parts = manifest.kind === 'remote' ? partsOfRemote(manifest) : partsOfLocal(manifest);
  return `${manifest.name}-${dimensions}-${hashText(JSON.stringify(parts)).slice(0, 16)}`;
}

/** Embeddings compare only when model, tokenizer, what is put before a text, where it is cut and how it is pooled are the same. */
function partsOfLocal(manifest: LocalManifest): unknown[] {
  const { kind, files, prefixes, sides, maxTokens } = manifest;
  const parts: unknown[] = [
    files['model.onnx'].sha256,
    files['tokenizer.json'].sha256,
    prefixes,
    sides,
    maxTokens,
    CHARS_PER_TOKEN_MAX,
  ];
  if (kind === 'transformer') {
    const hashes = Object.entries(files).map(([file, { sha256 }]) => [file, sha256]);
    parts.push(hashes.sort(), manifest.pooling, manifest.padding, manifest.output ?? null, manifest.inputs ?? null);
  }
  return parts;
}

/**
 * An address may be another machine with other weights, so it counts; and so does what the model made of the probe when it
 * was added, since a server may serve other weights by the same name later.
 */
function partsOfRemote({
  url,
  model,
  prefixes,
  tasks,
  dimensions,
  sendsDimensions,
  maxTokens,
  probes,
}: RemoteManifest) {
  return [url, model, prefixes, tasks ?? null, dimensions, sendsDimensions, maxTokens, probes];
}
