/** A process that brings an index in step while one of its calls fails; told which by a line, it answers by a line. */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DowserError } from '../../src/errors.ts';
import { setLogLevel } from '../../src/log.ts';
import { storePlaceFor } from '../../src/store/place.ts';
import type { Answer } from '../../src/types.ts';
import { type Held, heldBy, takeCensus } from './census.ts';
import { arm, disarm, type Fault } from './faulty.ts';
import { type Opened, openFor } from './ground.ts';

/** What the process is started with: a root whose disk is ahead of the index in `template`. */
export type FailingGround = { readonly root: string; readonly template: string; readonly cacheDir: string };

export type Found = {
  readonly calls: number;
  readonly made: number;
  /** What the first call that failed was about. */
  readonly first: string;
  readonly losses: readonly string[];
  /** The index was not in step afterwards, and whether that was said. */
  readonly due: boolean;
  readonly told: boolean;
  readonly torn: boolean;
};

type Expected = { readonly before: ReadonlyMap<string, Held>; readonly after: ReadonlyMap<string, Held> };

async function answerLines({ root, template, cacheDir }: FailingGround): Promise<void> {
  const storeFile = storePlaceFor(root, cacheDir).storeFile;
  const renew = (): void => {
    rmSync(cacheDir, { recursive: true, force: true });
    cpSync(template, cacheDir, { recursive: true });
  };
  renew();
  const before = takeCensus(storeFile).files;
  const fresh = await openFor(root, cacheDir);
  await fresh.index.sync();
  const after = heldBy(fresh.engine().store);
  await fresh.index.close();
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    renew();
    say(await perform(JSON.parse(line) as Fault, { root, storeFile, cacheDir }, { before, after }));
  }
}

type Place = { readonly root: string; readonly storeFile: string; readonly cacheDir: string };

async function perform(fault: Fault, { root, storeFile, cacheDir }: Place, expected: Expected): Promise<Found> {
  const losses: string[] = [];
  const said: string[] = [];
  let opened: Opened | undefined;
  /** What the world did is said by a DowserError; anything else would be shown as a bug of ours. */
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof DowserError) said.push(error.code);
      else losses.push(`not a DowserError: ${briefly(error)}`);
    }
  };
  arm(fault);
  await attempt(async () => {
    opened = await openFor(root, cacheDir);
  });
  const index = opened?.index;
  if (index !== undefined) {
    await attempt(() => index.sync());
    let answer: Answer | undefined;
    await attempt(async () => {
      answer = await index.search({ query: 'lease of a parcel' });
    });
    await attempt(async () => {
      const { health, coverage } = await index.status();
      said.push(...health, ...(coverage.skipped.unreadable ? ['unreadable'] : []));
      if (coverage.pending > 0) said.push('pending');
    });
    const counts = disarm();
    losses.push(...untrue(root, answer));
    return finish(counts);
  }
  return finish(disarm());

  async function finish(counts: ReturnType<typeof disarm>): Promise<Found> {
    const left = takeCensus(storeFile);
    const torn = [...left.torn, ...mixed(left.files, expected)];
    const due = differing(left.files, expected.after).length > 0;
    // The fault is over: the same process goes on, then another one comes.
    if (index !== undefined) {
      await attempt(async () => {
        await index.sync();
      });
      losses.push(...behind(heldBy(opened!.engine().store), expected, 'once the fault was over'));
      await index.close();
    }
    const next = await openFor(root, cacheDir);
    await next.index.sync();
    losses.push(...behind(heldBy(next.engine().store), expected, 'in another process'));
    await next.index.close();
    return { ...counts, losses: [...torn, ...losses], due, told: said.length > 0, torn: torn.length > 0 };
  }
}

/** Snippets that are not what the disk has. */
function untrue(root: string, answer: Answer | undefined): string[] {
  return (answer?.snippets ?? [])
    .filter(({ path, startLine, endLine, text }) => {
      const lines = readFileSync(join(root, path), 'utf8').split('\n');
      return lines.slice(startLine - 1, endLine).join('\n') !== text;
    })
    .map(({ path, startLine }) => `${path}:${startLine} was shown as it is not`);
}

/** Files of which neither the old nor the new version is held. */
function mixed(files: ReadonlyMap<string, Held>, { before, after }: Expected): string[] {
  const isSkip = (held: Held): boolean => held.hash === '';
  return [...files]
    .filter(([path, held]) => ![before.get(path), after.get(path)].some((one) => one?.chunks === held.chunks))
    .filter(([, held]) => !isSkip(held))
    .map(([path]) => `${path} is neither as it was nor as it is`);
}

function differing(files: ReadonlyMap<string, Held>, after: ReadonlyMap<string, Held>): string[] {
  const paths = new Set([...files.keys(), ...after.keys()]);
  return [...paths].filter((path) => files.get(path)?.chunks !== after.get(path)?.chunks);
}

function behind(files: ReadonlyMap<string, Held>, { after }: Expected, when: string): string[] {
  return differing(files, after).map((path) => `${path} is not as on disk ${when}`);
}

/** The message and where it came from in src. */
function briefly(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => /\/src\//.test(line));
  return [error.message, ...frames.slice(0, 2).map((line) => line.trim())].join(' ');
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setLogLevel('error');
  await answerLines(JSON.parse(process.argv[2]!) as FailingGround);
}
