/** Hashes that tell two contents apart. */
import { createHash } from 'node:crypto';

/** sha256 of a whole content, hex, 64 characters. */
export function hashBytes(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** First 128 bits of the sha256 of a text, hex, 32 characters: short enough for a row, far beyond chance collision. */
export function hashText(text: string): string {
  return hashBytes(text).slice(0, 32);
}
