/** Reads, chunks, splits into words and embeds files: all that is heavy about trip one. Runs in worker threads. */
import { chunkFile } from './chunk/chunk.ts';
import { hashText } from './hash.ts';
import { readSource } from './source/read.ts';
import { terms } from './tokens.ts';
import type { Chunk, Embedder, Embedding, Entry, PreparedChunk, PreparedFile, Skip, SourceFile } from './types.ts';

/** What a passage is to the embedder: its place tells as much as its text, so the model was trained on both. */
export function passageText(path: string, text: string): string {
  return `${path}\n${text}`;
}

/** Prepares whole files, in order. With `linesOnly` no parser is used: for files on which one got stuck. */
export async function prepareFiles(
  root: string,
  entries: readonly Entry[],
  embedder: Embedder | undefined,
  linesOnly: boolean,
): Promise<(PreparedFile | Skip)[]> {
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
  const embeddings = await embedChunks(files, embedder);
  let next = 0;
  const ready = files.map(({ source, chunks }) => {
    const own = embeddings?.slice(next, next + chunks.length);
    next += chunks.length;
    return assemble(source, chunks, own);
  });
  return prepared.map((item) => (typeof item === 'number' ? ready[item]! : item));
}

async function embedChunks(
  files: readonly { chunks: Chunk[] }[],
  embedder: Embedder | undefined,
): Promise<Embedding[] | undefined> {
  if (embedder === undefined) return undefined;
  const texts = files.flatMap(({ chunks }) => chunks.map(({ path, text }) => passageText(path, text)));
  return texts.length === 0 ? [] : embedder.embed(texts, 'nl2code', 'passage');
}

function assemble(
  source: SourceFile,
  chunks: readonly Chunk[],
  embeddings: readonly Embedding[] | undefined,
): PreparedFile {
  const { path, language, kind, depth, hash, fingerprint, skip } = source;
  const pathWords = terms(path).join(' ');
  const withText = chunks.map(({ text, ...chunk }, at): PreparedChunk => {
    const embedding = embeddings?.[at];
    return {
      ...chunk,
      hash: hashText(text),
      words: {
        path: pathWords,
        symbols: terms([...chunk.scope, ...chunk.symbols].join(' ')).join(' '),
        body: terms(text).join(' '),
      },
      ...(embedding === undefined ? {} : { embedding }),
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
