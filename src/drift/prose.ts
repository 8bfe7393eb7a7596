/** Prose that names what git proves to have been there, and what is gone. */
import type { Commit } from '../source/history.ts';
import { readSource } from '../source/read.ts';
import { CERTAINTY, type Drift, oneLine } from './finding.ts';
import type { Mention } from './mentions.ts';
import type { Present } from './present.ts';
import { nearestName, type Proof, proveVanished, readDefined } from './vanished.ts';

/** A mention and the file of prose that it stands in. */
export type Placed = Mention & { readonly path: string };

/**
 * Different vanished names of one file, and the commits that last had them: celery's tables of renamed settings have twenty
 * names of many years; what drifted unseen has one to four, and what one release renamed has one commit.
 */
const VANISHED_MAX = 8;
const TIMES_MAX = 2;

export async function findVanished(
  present: Present,
  commits: readonly Commit[],
  mentions: readonly Placed[],
  signal: AbortSignal | undefined,
): Promise<{ kept: Drift[]; notes: string[] }> {
  if (commits.length === 0) return { kept: [], notes: [] };
  const absent = mentions.filter((mention) => !present.has(mention)).flatMap(rooted);
  const { changed, signatures } = await findChangedCalls(present, mentions);
  const named = (what: Mention['what']): Set<string> =>
    new Set(absent.filter(({ mention }) => mention.what === what).map(({ sought }) => sought));
  const wanted = {
    symbols: named('symbol'),
    paths: named('path'),
    flags: named('flag'),
    passed: new Set(changed.map(({ sought }) => sought)),
  };
  const proofs = await proveVanished(present.root, commits, wanted, signal);
  const found: Seen[] = [];
  for (const { mention, sought } of absent) {
    const proof = proofs.get(sought);
    if (proof !== undefined) found.push({ drift: await gone(present, mention, proof), commit: proof.commit.id });
  }
  for (const { mention, word, sought } of changed) {
    const proof = proofs.get(sought);
    if (proof === undefined) continue;
    const why = `${mention.name} took \`${word}\` ${seen(proof)}, and has no such parameter now`;
    const now = oneLine(signatures.get(mention.name)![0]!.head);
    const drift = { ...placed(mention), what: 'call', name: word, now, why, certainty: CERTAINTY.call } as const;
    found.push({ drift, commit: proof.commit.id });
  }
  return leaveOutHistories(found);
}

/** A path in prose counts from the root, or from the folder of the prose. */
function rooted(mention: Placed): { mention: Placed; sought: string }[] {
  if (mention.what !== 'path') return [{ mention, sought: mention.name }];
  const folder = mention.path.slice(0, mention.path.lastIndexOf('/') + 1);
  return [...new Set([mention.name, folder + mention.name])].map((sought) => ({ mention, sought }));
}

/** Calls in prose that pass what no function of that name takes or uses now. */
async function findChangedCalls(present: Present, mentions: readonly Placed[]) {
  const calls = mentions.filter(({ passed, name }) => passed.length > 0 && present.words.has(name));
  const signatures = await present.signaturesOf(new Set(calls.map(({ name }) => name)));
  const changed = calls.flatMap((mention) => {
    const own = signatures.get(mention.name) ?? [];
    const isKnown = (word: string): boolean => own.some(({ head, body }) => hasWord(head, word) || hasWord(body, word));
    const lost = own.length === 0 ? [] : mention.passed.filter((word) => !isKnown(word));
    return lost.map((word) => ({ mention, word, sought: `${mention.name}(${word}` }));
  });
  return { changed, signatures };
}

async function gone(present: Present, mention: Placed, proof: Proof): Promise<Drift> {
  const { what, name } = mention;
  const finding = { ...placed(mention), what, certainty: CERTAINTY[what] };
  if (what === 'path') {
    const file = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
    const moved = [...present.paths].filter((path) => file(path) === file(name));
    const now = moved.length === 1 ? `there is ${moved[0]}` : undefined;
    return { ...finding, now, why: `the file was there at ${at(proof)}, and is not now` };
  }
  if (what === 'flag') return { ...finding, now: undefined, why: `code had it ${seen(proof)}; none has it now` };
  const source = present.paths.has(proof.path) ? await readSource(present.root, { path: proof.path }) : undefined;
  const symbols = source !== undefined && 'text' in source ? (await readDefined(source)).symbols : [];
  const near = nearestName(name, symbols);
  const now = near === undefined ? undefined : `perhaps \`${near}\` in ${proof.path}`;
  return { ...finding, now, why: `was defined ${seen(proof)}; nothing but prose has this name now` };
}

/** A finding and the commit that last had what it names. */
type Seen = { readonly drift: Drift; readonly commit: string };

/** Prose with many names of many times tells of the past (a table of old and new names), or is as a whole of another time. */
function leaveOutHistories(found: readonly Seen[]): { kept: Drift[]; notes: string[] } {
  const files = new Map<string, { names: Set<string>; commits: Set<string> }>();
  for (const { drift, commit } of found) {
    const file = files.get(drift.path) ?? { names: new Set(), commits: new Set() };
    files.set(drift.path, { names: file.names.add(drift.name), commits: file.commits.add(commit) });
  }
  const histories = [...files].filter(
    ([, { names, commits }]) => names.size > VANISHED_MAX && commits.size > TIMES_MAX,
  );
  const notes = histories.map(
    ([path, { names }]) =>
      `${path} names ${names.size} things that are gone: it seems to tell of another time, and was left out.`,
  );
  const left = new Set(histories.map(([path]) => path));
  return { kept: found.map(({ drift }) => drift).filter(({ path }) => !left.has(path)), notes };
}

function placed({ path, line, name, text }: Placed) {
  return { path, line, name, says: oneLine(text) };
}

function seen(proof: Proof): string {
  return `in ${proof.path} at ${at(proof)}`;
}

function at({ commit }: Proof): string {
  return `${commit.id.slice(0, 10)} (${commit.day})`;
}

function hasWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$])\\$?${word}(?![\\w$])`).test(text);
}
