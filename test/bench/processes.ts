/** Runs programs and sees what they take: wall time, processor time, and the most memory that their process tree held. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/dowser.cjs', import.meta.url));
const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));

/** The kernel keeps the high-water mark itself; only what grows in the last moment before the end is missed. */
const LOOK_EVERY_MS = 20;
/** Clock ticks a second in /proc; fixed at 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export type Taken = {
  readonly wallMs: number;
  /** Processor time, and memory of the whole tree; undefined where there is no /proc. */
  readonly cpuMs: number | undefined;
  readonly peakBytes: number | undefined;
  readonly stdout: string;
};

/** Runs dowser's command line on an index folder, from start to exit. Throws when it fails. */
export async function runDowser(words: readonly string[], cacheDir: string): Promise<Taken> {
  return run([BIN, ...words], cacheDir);
}

/** Runs one of the measurements in inside.ts in a process of its own. */
export async function runInside<Result>(
  request: Readonly<Record<string, unknown>>,
  cacheDir: string,
): Promise<Result & Taken> {
  const taken = await run(['--no-warnings', INSIDE, JSON.stringify({ ...request, cacheDir })], cacheDir);
  return { ...(JSON.parse(taken.stdout) as Result), ...taken };
}

/** Nothing of the caller's own settings reaches a measurement. */
export function environmentFor(cacheDir: string): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !name.startsWith('DOWSER_'),
  );
  return { ...(Object.fromEntries(kept) as Record<string, string>), DOWSER_CACHE: cacheDir, TERM: 'dumb' };
}

async function run(words: readonly string[], cacheDir: string): Promise<Taken> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, words, { env: environmentFor(cacheDir), stdio: ['ignore', 'pipe', 'inherit'] });
  const tree = watchTree(child.pid!);
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const stdout = await readAll(child.stdout);
  const code = await ended;
  const wallMs = performance.now() - startedMs;
  const seen = tree.end();
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}`);
  return { wallMs, ...seen, stdout };
}

export type Tree = { end(): { readonly cpuMs: number | undefined; readonly peakBytes: number | undefined } };

/** Looks at a process and all that it starts until end() is called. */
export function watchTree(pid: number): Tree {
  const peaks = new Map<number, number>();
  const times = new Map<number, number>();
  const look = (): void => {
    for (const member of membersOf(pid)) {
      const peak = /VmHWM:\s+(\d+) kB/.exec(readProc(member, 'status'))?.[1];
      if (peak !== undefined) peaks.set(member, Number(peak) * 1024);
      const cpuMs = cpuMsOf(member);
      if (cpuMs !== undefined) times.set(member, cpuMs);
    }
  };
  const sum = (values: Map<number, number>): number | undefined =>
    values.size === 0 ? undefined : [...values.values()].reduce((total, value) => total + value, 0);
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      look();
      return { cpuMs: sum(times), peakBytes: sum(peaks) };
    },
  };
}

/** What a process and all that it has started hold at the moment, and the processor time that they have taken so far. */
export function heldBy(pid: number): { readonly cpuMs: number; readonly bytes: number } {
  let [cpuMs, bytes] = [0, 0];
  for (const member of membersOf(pid)) {
    bytes += Number(/VmRSS:\s+(\d+) kB/.exec(readProc(member, 'status'))?.[1] ?? 0) * 1024;
    cpuMs += cpuMsOf(member) ?? 0;
  }
  return { cpuMs, bytes };
}

/** A process and all that it has started, as long as they are its children. */
export function membersOf(pid: number): number[] {
  const children: number[] = [];
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      children.push(
        ...readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
      );
    }
  } catch {
    // It ended, or there is no /proc here.
  }
  return [pid, ...children.flatMap(membersOf)];
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function cpuMsOf(pid: number): number | undefined {
  const fields = readProc(pid, 'stat').split(') ')[1]?.split(' ');
  return fields && ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}
