/** Masks secrets in the text of ordinary files, before anything else sees it. The only door to the scanner. */
import { lintSource } from '@secretlint/core';
import { secretLintProfiler } from '@secretlint/profiler';
import { creator as recommendedRules } from '@secretlint/secretlint-rule-preset-recommend';
import { isPlaceholder, OWN_RULES, PRIVATE_KEY, SUSPICIOUS } from './secretShapes.ts';

// It would keep a mark for every rule and text, for ever.
secretLintProfiler.setEnabled(false);

/** Changes whenever the same text would be masked otherwise: the index is then built anew. */
export const MASKS_VERSION = '1';

const MASK = /\[secret masked: [\w ]+\]/g;
/** Characters before and after a suspicion that are looked at: the rules want the name before a value and the end of a token. */
const CONTEXT_CHARS = 400;
/** A key of 16,384 bits has some 13,000 characters. */
const KEY_CHARS_MAX = 20_000;

/** A secret in a text: `start` to `end` is what is masked. */
type Finding = { readonly start: number; readonly end: number; readonly kind: string };
type Range = { readonly start: number; readonly end: number };

/**
 * The text with `[secret masked: kind]` in place of each secret. Lines stay where they are: a key of many lines leaves
 * its first and last line and empty ones between. The same text is always masked alike, so what is read again at an
 * answer can be compared with what was indexed.
 */
export async function maskSecrets(text: string): Promise<string> {
  const places = suspiciousPlaces(text);
  if (places.length === 0) return text;
  const findings: Finding[] = [];
  for (const place of places) findings.push(...ownFindings(text, place));
  findings.push(...(await scan(text, places)));
  return replace(text, findings);
}

/** How many masks a text has. */
export function countMasks(text: string): number {
  return text.match(MASK)?.length ?? 0;
}

/** Where something looks like a secret, with what stands around it on the same line; a key with all of its lines. */
function suspiciousPlaces(text: string): Range[] {
  const places: { start: number; end: number }[] = [];
  for (const pattern of SUSPICIOUS) {
    for (const { index, 0: found } of text.matchAll(pattern)) {
      const isKey = found.startsWith('-----BEGIN');
      const start = Math.max(index - CONTEXT_CHARS, text.lastIndexOf('\n', index) + 1);
      places.push({ start, end: isKey ? endOfKey(text, index) : endOfLine(text, index + found.length) });
    }
  }
  places.sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const place of places) {
    const last = merged.at(-1);
    if (last !== undefined && place.start <= last.end) last.end = Math.max(last.end, place.end);
    else merged.push(place);
  }
  return merged;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return Math.min(end === -1 ? text.length : end, from + CONTEXT_CHARS);
}

function endOfKey(text: string, from: number): number {
  const last = text.slice(from, from + KEY_CHARS_MAX).match(PRIVATE_KEY);
  return last === null ? endOfLine(text, from) : from + last.index! + last[0].length;
}

function ownFindings(text: string, { start, end }: Range): Finding[] {
  const part = text.slice(start, end);
  return OWN_RULES.flatMap(({ kind, pattern }) =>
    [...part.matchAll(pattern)].flatMap((match) => {
      const [from, to] = match.indices!.groups!.secret!;
      return isPlaceholder(match.groups!.secret!, kind) ? [] : [{ start: start + from, end: start + to, kind }];
    }),
  );
}

/** All suspicious places as one text for the scanner, since each call costs more than what it reads. */
async function scan(text: string, places: readonly Range[]): Promise<Finding[]> {
  const parts = places.map(({ start, end }) => text.slice(start, end));
  const content = parts.join('\n\n');
  const { messages } = await lintSource({
    source: { filePath: 'source', content, contentType: 'text', ext: '' },
    options: {
      config: { rules: [{ id: 'recommended', rule: recommendedRules, options: {} }] },
      noPhysicFilePath: true,
      locale: 'en',
    },
  });
  const starts: number[] = [];
  let offset = 0;
  for (const part of parts) {
    starts.push(offset);
    offset += part.length + 2;
  }
  return messages.flatMap(({ range, ruleId }) => {
    const at = starts.findLastIndex((start) => start <= range[0]);
    const shift = places[at]!.start - starts[at]!;
    const kind = KINDS[ruleId.replace(/^.*rule-/, '')] ?? ruleId.replace(/^.*rule-/, '').replaceAll('-', ' ');
    const end = Math.min(range[1], starts[at]! + parts[at]!.length);
    return narrow(text, { start: range[0] + shift, end: end + shift, kind });
  });
}

/** What the scanner's rules find, in words. */
const KINDS: Readonly<Record<string, string>> = {
  aws: 'aws key',
  privatekey: 'private key',
  basicauth: 'password in an address',
  'database-connection-string': 'password in an address',
};

/** Of an address only the password, of a key only its body, of an assignment only the value. */
function narrow(text: string, { start, end, kind }: Finding): Finding[] {
  const found = text.slice(start, end);
  const part = PARTS[kind]?.exec(found);
  const [from, to] = part?.indices?.groups?.secret ?? [0, found.length];
  const secret = found.slice(from, to);
  if (PARTS[kind] !== undefined && part === null) return [];
  return isPlaceholder(secret, kind) ? [] : [{ start: start + from, end: start + to, kind }];
}

const PARTS: Readonly<Record<string, RegExp>> = {
  'password in an address': /:\/\/[^\s/:@]*:(?<secret>[^\s/@]+)@/d,
  'aws key': /(?<secret>[A-Za-z0-9/+=]{40}|(?:AKIA|ASIA)[A-Z2-7]{16})/d,
  'private key': /-----BEGIN [A-Z0-9 ]*-----(?:\\r)?(?:\\n)?\s*(?<secret>[\s\S]+?)\s*(?:-----END|$)/d,
};

function replace(text: string, findings: readonly Finding[]): string {
  const inOrder = [...findings].sort((a, b) => a.start - b.start || b.end - a.end);
  let masked = '';
  let done = 0;
  for (const { start, end, kind } of inOrder) {
    if (end <= done) continue;
    const from = Math.max(start, done);
    masked += text.slice(done, from);
    // Of two that overlap, one mask is enough.
    if (start >= done) masked += `[secret masked: ${kind}]`;
    masked += text.slice(from, end).replace(/[^\r\n]+/g, '');
    done = end;
  }
  return masked + text.slice(done);
}
