/** Turns the bytes of a file into text, or finds that they are none. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { SourceFile } from '../types.ts';

export type Decoded = { readonly text: string; readonly encoding: SourceFile['encoding'] };

/** What is looked at to tell UTF-16 without a byte-order mark from binary. */
const SAMPLE_BYTES = 4_096;
/** Of fewer bytes nothing can be told. */
const UTF16_BYTES_MIN = 16;
/** In UTF-16 at least this share of one half of the bytes is zero when most of the text is ASCII. */
const UTF16_ZERO_SHARE = 0.4;
/** Text in an unknown encoding hardly holds control characters; compressed data is a tenth of them. */
const CONTROL_SHARE_MAX = 0.02;

/** Undefined for bytes that are no text. Byte-order marks are left out; bytes that fit no encoding become U+FFFD. */
export function decode(bytes: Buffer): Decoded | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return asText(decodeUtf16(bytes.subarray(2)), 'utf-16le');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return asText(decodeUtf16(swapped(bytes.subarray(2))), 'utf-16be');
  if (bytes.includes(0)) return decodeUnmarkedUtf16(bytes);
  if (startsLike(bytes, '%PDF-')) return undefined;
  if (isAscii(bytes)) return { text: bytes.toString('latin1'), encoding: 'utf-8' };
  if (isUtf8(bytes)) return { text: withoutMark(bytes.toString()), encoding: 'utf-8' };
  if (controlShare(bytes) > CONTROL_SHARE_MAX) return undefined;
  const replaced = withoutMark(bytes.toString());
  const text = isMostlyReplaced(replaced) ? new TextDecoder('windows-1252').decode(bytes) : replaced;
  return { text, encoding: 'guessed' };
}

/** NUL belongs to no text; a long run of them passes for UTF-16 otherwise. */
function asText(text: string, encoding: Decoded['encoding']): Decoded | undefined {
  return text.includes('\0') ? undefined : { text, encoding };
}

function decodeUtf16(bytes: Buffer): string {
  return new TextDecoder('utf-16le').decode(bytes);
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();
}

function decodeUnmarkedUtf16(bytes: Buffer): Decoded | undefined {
  if (bytes.length < UTF16_BYTES_MIN) return undefined;
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const zeros = [0, 0];
  sample.forEach((byte, at) => {
    if (byte === 0) zeros[at % 2]!++;
  });
  const enough = (sample.length / 2) * UTF16_ZERO_SHARE;
  if (zeros[1]! >= enough && zeros[0] === 0) return asText(decodeUtf16(bytes), 'guessed');
  if (zeros[0]! >= enough && zeros[1] === 0) return asText(decodeUtf16(swapped(bytes)), 'guessed');
  return undefined;
}

function startsLike(bytes: Buffer, start: string): boolean {
  return bytes.toString('latin1', 0, start.length) === start;
}

function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function controlShare(bytes: Buffer): number {
  let controls = 0;
  for (const byte of bytes) if (byte < 0x20 && (byte < 0x08 || byte > 0x0d) && byte !== 0x1b) controls++;
  return controls / bytes.length;
}

/** True when UTF-8 explains fewer of the bytes beyond ASCII than it fails on. */
function isMostlyReplaced(text: string): boolean {
  let replaced = 0;
  let explained = 0;
  for (const char of text) {
    if (char === '\uFFFD') replaced++;
    else if (char > '\x7f') explained++;
  }
  return replaced > explained;
}
