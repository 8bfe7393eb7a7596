/** Text -> chunks: by syntax where there is a grammar, by headings in Markdown, by the look of the lines elsewhere. */
import { syntaxOf } from '../languages.ts';
import type { Chunk, SourceFile } from '../types.ts';
import { CHUNK_SIZES, cutLines } from './cut.ts';
import { loadGrammar } from './grammars.ts';
import { labelRanges } from './labels.ts';
import { type Lines, splitLines, weighLines } from './lines.ts';
import { outlineSections } from './sections.ts';
import { type Outline, outline } from './syntax.ts';

/** Changes whenever the same text would be chunked otherwise: the index is then built anew. */
export const CHUNKER_VERSION = '1';

/** Every line that is not blank lies in exactly one chunk, in order. A file of depth 'name' has no chunks. */
export async function chunkFile(file: SourceFile, sizes = CHUNK_SIZES): Promise<Chunk[]> {
  if (file.depth === 'name') return [];
  const lines = splitLines(file.text);
  const { weights, definitions } = await outlineFile(file, lines);
  const ranges = cutLines(lines, weights, sizes);
  const labels = labelRanges(ranges, definitions);
  return ranges.map(({ first, last }, index) => ({
    path: file.path,
    language: file.language,
    kind: file.kind,
    startLine: first + 1,
    endLine: last + 1,
    text: file.text.slice(lines.starts[first]!, lines.ends[last]!),
    ...labels[index]!,
  }));
}

async function outlineFile(file: SourceFile, lines: Lines): Promise<Outline> {
  if (file.depth === 'full' && file.language === 'markdown') return outlineSections(lines);
  const syntax = file.depth === 'full' ? syntaxOf(file.language, file.path) : undefined;
  const grammar = syntax && (await loadGrammar(syntax));
  return (grammar && outline(grammar, lines)) ?? { weights: weighLines(lines), definitions: [] };
}
