/** A SourceFile and a readable outline of its chunks. */
import { languageOf } from '../../src/languages.ts';
import type { Chunk, Depth, SourceFile } from '../../src/types.ts';

const FINGERPRINT = { size: 0, mtimeNs: '0', ctimeNs: '0', inode: '0' };

export function makeFile(path: string, text: string, depth: Depth = 'full'): SourceFile {
  const language = languageOf(path, text.slice(0, 200).split('\n')[0]);
  return { path, language, kind: 'code', depth, text, hash: '', fingerprint: FINGERPRINT, encoding: 'utf-8' };
}

/** One line a chunk: its lines, its symbols, and the scope they stand in. */
export function outlineOf(chunks: readonly Chunk[]): string {
  const lines = chunks.map(({ startLine, endLine, symbols, scope }) => {
    const inside = scope.length === 0 ? '' : ` in ${scope.join(' > ')}`;
    return `${startLine}-${endLine} [${symbols.join(', ')}]${inside}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Lines that are not blank, as a chunk should hold them: without line ends. */
export function filledLines(text: string): { line: number; text: string }[] {
  return text
    .split('\n')
    .map((line, index, all) => ({ line: index + 1, text: index < all.length - 1 ? line.replace(/\r$/, '') : line }))
    .filter((line) => /\S/.test(line.text));
}
