/** Text -> chunks: by syntax where there is a grammar, by headings in Markdown, by the look of the lines elsewhere. */
import { syntaxOf } from '../languages.ts';
import type { Chunk, SourceFile } from '../types.ts';
import { CHUNK_SIZES, cutLines } from './cut.ts';
import { loadGrammar } from './grammars.ts';
import { readHeads } from './heads.ts';
import { joinDefinitions, labelRanges } from './labels.ts';
import { type Lines, splitLines, weighLines } from './lines.ts';
import { blankMacros } from './macros.ts';
import { outlineSections } from './sections.ts';
import { Cover, type Outline, outline, type Reading } from './syntax.ts';

/** Changes whenever the same text would be chunked otherwise: the index is then built anew. */
export const CHUNKER_VERSION = '3';

const MACRO_LANGUAGES = new Set(['c', 'cpp']);

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
  if (syntax === undefined) return { weights: weighLines(lines), definitions: [] };
  const grammar = await loadGrammar(syntax);
  const text = MACRO_LANGUAGES.has(file.language) ? blankMacros(file.text) : file.text;
  const read = grammar && outline(grammar, lines, text);
  if (read === undefined) return { weights: weighLines(lines), definitions: readHeads(file.language, lines) };
  const heads = readHeads(file.language, lines, (row) => isCovered(read, row));
  return { weights: read.weights, definitions: joinDefinitions(read.definitions, heads) };
}

/** A grammar that did not fit is believed about comments only. */
function isCovered({ understood, covers }: Reading, row: number): boolean {
  return understood ? covers[row] !== Cover.None : covers[row] === Cover.Comment;
}
