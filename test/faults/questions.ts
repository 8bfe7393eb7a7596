/** Questions while other processes edit, delete and rename: every snippet is what the disk had while it was asked for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connect, searchCode } from '../bench/server.ts';
import { makeRepository } from './ground.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';
import { type Change, contentOf, idAt, nowMs, startingFiles } from './writer.ts';

const WRITERS = 4;
/** Questions under way at once, as of several agents. */
const ASKERS = 4;
/** The control believes an answer this much longer than it is true. */
const CONTROL_MS = 2_000;

export const questions: Row = {
  name: 'questions while four writers edit, delete and rename',
  promise: 'each snippet equals the file as it was between question and answer',
  counts: { quick: 2_000, full: 10_000 },
  run,
};

type Shown = { readonly path: string; readonly startLine: number; readonly text: string };
type Asked = { readonly question: string; readonly atMs: number; readonly answeredMs: number; readonly shown: Shown[] };

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const random = randomFrom(seed);
  const root = makeRepository(folder(), startingFiles(WRITERS));
  const { client } = await connect(root, folder());
  await searchCode(client, 'lease');
  const changes: Change[] = [];
  const writers = Array.from({ length: WRITERS }, (_, writer) => startWriter(root, writer, seed + writer, changes));
  const asked: Asked[] = [];
  const failures: string[] = [];
  try {
    let begun = 0;
    await Promise.all(
      Array.from({ length: ASKERS }, async () => {
        while (begun++ < count) {
          const question = questionOf(random);
          const atMs = nowMs();
          const text = await searchCode(client, question).catch((error: unknown) => {
            failures.push(`'${question}' failed: ${error}`);
            return '';
          });
          asked.push({ question, atMs, answeredMs: nowMs(), shown: readSnippets(text) });
          progress(asked.length, count);
        }
      }),
    );
  } finally {
    await Promise.all(writers.map(({ stop }) => stop()));
    await client.close();
  }
  const history = historyOf(changes);
  const stale = asked.flatMap((one) => untrueOf(one, history, 0));
  const control = asked.reduce((sum, one) => sum + untrueOf(one, history, CONTROL_MS).length, 0);
  const snippets = asked.reduce((sum, { shown }) => sum + shown.length, 0);
  return {
    faults: asked.length,
    losses: [...failures, ...stale],
    control: { losses: control, of: snippets, how: 'the same snippets, believed for two seconds' },
    notes: [`${snippets} snippets, ${changes.length} changes meanwhile`],
  };
}

/** Names, of files that are there and of some that are just gone, and words that all files have. */
function questionOf(random: Random): string {
  const id = idAt(random(WRITERS), random(1_000));
  return [`take_${id}`, `where does ${id} release its lease`, `inspect ${id}`, 'lets someone inspect the lease'][
    random(4)
  ]!;
}

function startWriter(root: string, writer: number, seed: number, changes: Change[]) {
  const script = fileURLToPath(new URL('writer.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', script, root, String(writer), String(seed)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout!);
  lines.on('line', (line) => changes.push(JSON.parse(line) as Change));
  const ended = new Promise<void>((resolve) => lines.on('close', resolve));
  return {
    stop(): Promise<void> {
      child.stdin!.end();
      return ended;
    },
  };
}

/** The snippets of an answer's text. */
export function readSnippets(text: string): Shown[] {
  const blocks = text.matchAll(/^\d+\. (\S+):(\d+)-\d+ · .*\n(`{3,})[^\n`]*\n([\s\S]*?)\n\3$/gm);
  return [...blocks].map(([, path, startLine, , lines]) => ({
    path: path!,
    startLine: Number(startLine),
    text: lines!,
  }));
}

type State = { readonly text: string; readonly fromMs: number; untilMs: number };

/** What each path held, and when at most: from the beginning of the change that made it to the end of the one that replaced it. */
function historyOf(changes: readonly Change[]): Map<string, State[]> {
  const history = new Map<string, State[]>();
  for (const [path, text] of Object.entries(startingFiles(WRITERS)))
    history.set(path, [{ text, fromMs: 0, untilMs: Number.POSITIVE_INFINITY }]);
  for (const { path, id, version, beganMs, endedMs } of changes) {
    const states = history.get(path) ?? [];
    history.set(path, states);
    const last = states.at(-1);
    if (last !== undefined) last.untilMs = Math.min(last.untilMs, endedMs);
    if (id !== undefined)
      states.push({ text: contentOf(id, version), fromMs: beganMs, untilMs: Number.POSITIVE_INFINITY });
  }
  return history;
}

/** Snippets of an answer that no state of their file explains, were they shown `lateMs` later. */
function untrueOf(asked: Asked, history: ReadonlyMap<string, State[]>, lateMs: number): string[] {
  return asked.shown
    .filter(({ path, startLine, text }) => {
      const states = history.get(path) ?? [];
      return !states.some((state) => {
        const overlaps = state.fromMs <= asked.answeredMs + lateMs && state.untilMs >= asked.atMs + lateMs;
        if (!overlaps) return false;
        const lines = state.text.split('\n').slice(startLine - 1, startLine - 1 + text.split('\n').length);
        return lines.join('\n').trimEnd() === text.trimEnd();
      });
    })
    .map(
      ({ path, startLine, text }) =>
        `'${asked.question}': ${path}:${startLine} showed ${JSON.stringify(text.slice(0, 80))}`,
    );
}
