/** Reads, chunks, splits into words and embeds files: all that is heavy about trip one. Runs in worker threads. */
import { chunkFile } from './chunk/chunk.ts';
import { hashText } from './hash.ts';
import { readSource } from './source/read.ts';
import type { Vectors } from './store/vectors.ts';
import { terms } from './tokens.ts';
import type { Chunk, Embedder, Embedding, Entry, PreparedChunk, PreparedFile, Skip, SourceFile } from './types.ts';

/** What a passage is to the embedder: its place tells as much as its text, so the model was trained on both. */
export function passageText(path: string, text: string): string {
  return `${path}\n${text}`;
}

/** The key of what is embedded: the model (whose id stands for its prefixes too) and the exact text. */
export function sourceOf(modelId: string, passage: string): string {
  return hashText(`${modelId}\0${passage}`);
}

export type Preparation = {
  readonly root: string;
  /** Undefined: words alone. */
  readonly embedder: Embedder | undefined;
  /** Embeddings made before, here or for another index. */
  readonly vectors: Vectors | undefined;
  /** No parser is used: for files on which one got stuck. */
  readonly linesOnly: boolean;
};

export type Prepared = {
  readonly files: readonly (PreparedFile | Skip)[];
  /** Texts that were embedded because no index had their embedding. */
  readonly embedded: number;
};

/** Prepares whole files, in order. */
export async function prepareFiles(entries: readonly Entry[], preparation: Preparation): Promise<Prepared> {
  const { root, linesOnly } = preparation;
  const files: { source: SourceFile; chunks: Chunk[] }[] = [];
  const prepared: (Skip | number)[] = [];
  for (const entry of entries) {
    const source = await readSource(root, entry);
    if (!('text' in source)) {
      prepared.push(source);
      continue;
    }
    const shallow: SourceFile = linesOnly && source.depth === 'full' ? { ...source, depth: 'lines' } : source;
    prepared.push(files.length);
    files.push({ source, chunks: source.depth === 'name' ? [] : await chunkFile(shallow) });
  }
  const { passages, embedded } = await embedChunks(files, preparation);
  let next = 0;
  const ready = files.map(({ source, chunks }) => {
    const own = passages?.slice(next, next + chunks.length);
    next += chunks.length;
    return assemble(source, chunks, own);
  });
  return { files: prepared.map((item) => (typeof item === 'number' ? ready[item]! : item)), embedded };
}

type Passage = { readonly source: string; readonly embedding: Embedding };

/** Each different text that nobody embedded before is embedded once. */
async function embedChunks(
  files: readonly { chunks: Chunk[] }[],
  { embedder, vectors }: Preparation,
): Promise<{ passages: Passage[] | undefined; embedded: number }> {
  if (embedder === undefined) return { passages: undefined, embedded: 0 };
  const texts = files.flatMap(({ chunks }) => chunks.map(({ path, text }) => passageText(path, text)));
  const sources = texts.map((text) => sourceOf(embedder.id, text));
  const known = vectors?.find(sources) ?? new Map<string, Embedding>();
  const unknown = new Map(sources.map((source, at) => [source, texts[at]!]));
  for (const source of known.keys()) unknown.delete(source);
  const embeddings = unknown.size === 0 ? [] : await embedder.embed([...unknown.values()], 'nl2code', 'passage');
  const made = new Map([...unknown.keys()].map((source, at) => [source, embeddings[at]!]));
  vectors?.keep(made, known.keys());
  const passages = sources.map((source) => ({ source, embedding: made.get(source) ?? known.get(source)! }));
  return { passages, embedded: made.size };
}

function assemble(
  source: SourceFile,
  chunks: readonly Chunk[],
  passages: readonly Passage[] | undefined,
): PreparedFile {
  const { path, language, kind, depth, hash, fingerprint, skip } = source;
  const pathWords = terms(path).join(' ');
  const withText = chunks.map(({ text, ...chunk }, at): PreparedChunk => {
    return {
      ...chunk,
      hash: hashText(text),
      words: {
        path: pathWords,
        symbols: terms([...chunk.scope, ...chunk.symbols].join(' ')).join(' '),
        body: terms(text).join(' '),
      },
      ...passages?.[at],
    };
  });
  // A file that is known by name only still answers to its name: one chunk of no lines.
  const nameOnly: PreparedChunk = {
    path,
    language,
    kind,
    startLine: 0,
    endLine: 0,
    symbols: [],
    scope: [],
    hash: hashText(''),
    words: { path: pathWords, symbols: '', body: '' },
  };
  return {
    path,
    language,
    kind,
    depth,
    hash,
    fingerprint,
    ...(skip === undefined ? {} : { skip }),
    chunks: depth === 'name' && skip !== 'empty' ? [nameOnly] : withText,
  };
}
