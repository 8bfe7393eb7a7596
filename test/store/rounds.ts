/** Files that tell by their content which write they are of, so that a torn one is recognised. */
import { hashText } from '../../src/hash.ts';
import type { StoreOptions } from '../../src/store/store.ts';
import type { PreparedFile } from '../../src/types.ts';

export const DIMENSIONS = 16;
export const OPTIONS: StoreOptions = {
  mode: 'write',
  fingerprint: 'chunker-1',
  modelId: 'model-1',
  dimensions: DIMENSIONS,
};

export const ROUND_FILES = 5;
export const ROUND_CHUNKS = 20;

/** Round n replaces one of a few files; its hash, and every chunk's symbol and word, say n. */
export function roundOf(round: number): PreparedFile {
  const path = `file${round % ROUND_FILES}`;
  const chunks = Array.from({ length: ROUND_CHUNKS }, (_, at) => ({
    path,
    language: 'text',
    kind: 'code' as const,
    startLine: at + 1,
    endLine: at + 1,
    symbols: [`round${round}`],
    scope: [],
    hash: hashText(`${round} ${at}`),
    words: { path, symbols: `round${round}`, body: `word${round} chunk${at}` },
    embedding: Float32Array.from({ length: DIMENSIONS }, (_, i) => Math.sin(round + at + i)),
  }));
  const fingerprint = { size: round, mtimeNs: '1', ctimeNs: '1', inode: '1' };
  return { path, language: 'text', kind: 'code', depth: 'full', hash: String(round), fingerprint, chunks };
}
