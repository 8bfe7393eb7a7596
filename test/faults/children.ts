/** Processes that take one fault a line and answer by a line; one that dies is noticed, and another takes its place. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export type Child = {
  /** What it said of itself at first. */
  readonly ready: boolean;
  /** Undefined when the process died of it. */
  perform(fault: unknown): Promise<unknown>;
  end(): void;
};

type Ways = {
  readonly imports?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that runs the program in its turn, such as `unshare -m`. */
  readonly within?: readonly string[];
};

/** Runs a program on a ground, once it says that it is ready. What dowser logs of faults is shown with FAULTS_LOG=1 only. */
export async function startChild(
  program: string,
  ground: unknown,
  { imports = [], environment = {}, within = [] }: Ways = {},
): Promise<Child> {
  const preload = imports.flatMap((script) => ['--import', script]);
  const words = [...within, process.execPath, '--no-warnings', ...preload, program, JSON.stringify(ground)];
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(words[0]!, words.slice(1), {
    stdio: ['pipe', 'pipe', process.env.FAULTS_LOG === undefined ? 'ignore' : 'inherit'],
    env: { ...process.env, ...environment },
  });
  child.stdin.on('error', () => undefined); // it may be gone before we write
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    return done === true ? undefined : JSON.parse(value);
  };
  child.on('error', () => undefined); // what can't be started has no lines either
  const first = (await next()) as { ready: boolean } | undefined;
  if (first === undefined) throw new Error('the process did not start; FAULTS_LOG=1 shows why');
  return {
    ready: first.ready,
    perform(fault) {
      child.stdin.write(`${JSON.stringify(fault)}\n`);
      return next();
    },
    end: () => child.stdin.end(),
  };
}

/** Makes all faults, each process on a ground of its own; what a fault led to is handed over as it comes. */
export async function performAll<Fault, Found>(
  starters: readonly (() => Promise<Child>)[],
  faults: readonly Fault[],
  onFound: (fault: Fault, found: Found | undefined, done: number) => void,
): Promise<void> {
  let [begun, done] = [0, 0];
  await Promise.all(
    starters.map(async (start) => {
      let child = await start();
      for (let at = begun++; at < faults.length; at = begun++) {
        const found = (await child.perform(faults[at]!)) as Found | undefined;
        onFound(faults[at]!, found, ++done);
        if (found === undefined) child = await start();
      }
      child.end();
    }),
  );
}
