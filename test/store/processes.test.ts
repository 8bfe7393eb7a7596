import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isWhole } from '../../src/store/damage.ts';
import { openLeader } from '../../src/store/leader.ts';
import { openDatabase } from '../../src/store/schema.ts';
import { openStore } from '../../src/store/store.ts';
import { OPTIONS, ROUND_CHUNKS, ROUND_FILES } from './rounds.ts';
import { freshFile, opened } from './support.ts';

const PROGRAM = fileURLToPath(new URL('./storeProcess.ts', import.meta.url));

type Running = {
  readonly child: ChildProcess;
  readonly lines: string[];
  nextLine(): Promise<void>;
  ended(): Promise<number | null>;
};

function start(...parameters: readonly string[]): Running {
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout! });
  output.on('line', (line) => lines.push(line));
  const closed = once(child, 'close');
  return {
    child,
    lines,
    nextLine: async () => void (await Promise.race([once(output, 'line'), closed])),
    ended: async () => (await closed)[0] as number | null,
  };
}

/** Starts to write, and is killed some time after the first commit; gives the last round that was acknowledged. */
async function writeAndKill(task: string, file: string, afterMs: number): Promise<number> {
  const running = start(task, file, '1000000');
  await running.nextLine();
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  running.child.kill('SIGKILL');
  await running.ended();
  return Math.max(...running.lines.map(Number));
}

/** What is wrong with the file; empty when it is at the boundary of two writes and has all that were acknowledged. */
function faultsOf(file: string, acknowledged: number): string[] {
  const faults: string[] = [];
  const database = openDatabase(file, 'write');
  if (!isWhole(database)) faults.push('not whole');
  database.close();
  const store = openStore(file, OPTIONS);
  const files = store.files();
  const rounds = [...files].map(([path, { hash }]) => {
    const rows = store.chunkRowsOfFile(path);
    const words = store.wordsOf(rows.map(({ id }) => id));
    const torn =
      rows.length !== ROUND_CHUNKS ||
      rows.some(({ id, symbols }) => symbols[0] !== `round${hash}` || !words.get(id)?.body.startsWith(`word${hash} `));
    if (torn) faults.push(`${path} is torn`);
    const found = store.lexical.retrieve({ terms: [`word${hash}`] }, 1_000, {});
    if (found.length !== ROUND_CHUNKS) faults.push(`${path} has ${found.length} of its words`);
    return Number(hash);
  });
  const { chunks, embedded } = store.counts();
  if (chunks !== files.size * ROUND_CHUNKS || embedded !== chunks)
    faults.push(`${chunks} chunks, ${embedded} embeddings`);
  if (Math.max(...rounds) < acknowledged) faults.push(`round ${acknowledged} is lost`);
  store.close();
  return faults;
}

describe('a store among processes', () => {
  it('is at the boundary of two writes, whenever its writer is killed', async () => {
    const kills = Array.from({ length: 15 }, (_, at) => at * 9);
    const files = [freshFile(), freshFile(), freshFile()];
    await Promise.all(
      files.map(async (file, lane) => {
        for (const afterMs of kills.filter((_, at) => at % files.length === lane)) {
          const acknowledged = await writeAndKill('write', file, afterMs);
          expect(acknowledged).toBeGreaterThan(0);
          expect(faultsOf(file, acknowledged)).toEqual([]);
        }
      }),
    );
  });

  it('would not be without transactions: the same kills tear it', async () => {
    let faults: string[] = [];
    for (let attempt = 0; attempt < 12 && faults.length === 0; attempt++) {
      const file = freshFile();
      faults = faultsOf(file, await writeAndKill('write without transactions', file, attempt * 9));
    }
    expect(faults).not.toEqual([]);
  });

  it('is read whole and without a busy error while another process writes', async () => {
    const file = freshFile();
    const reader = opened(file, { mode: 'read' });
    const writer = start('write', file, '200');
    let reads = 0;
    const read = (): void => {
      for (let of = 0; of < ROUND_FILES; of++) {
        const rows = reader.chunkRowsOfFile(`file${of}`);
        expect([0, ROUND_CHUNKS]).toContain(rows.length);
        expect(new Set(rows.map(({ symbols }) => symbols[0])).size).toBeLessThanOrEqual(1);
        const ids = rows.map(({ id }) => id);
        reader.wordsOf(ids);
        reader.vector.retrieve({ embedding: new Float32Array(16).fill(1) }, 10, {});
        reader.lexical.retrieve({ terms: [`chunk${of}`] }, 10, {});
      }
      reader.counts();
      reads++;
    };
    while (writer.child.exitCode === null && writer.child.signalCode === null) {
      read();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await writer.ended()).toBe(0);
    while (reads < 200) read();
    expect(writer.lines).toHaveLength(200);
    expect(reader.counts().chunks).toBe(ROUND_FILES * ROUND_CHUNKS);
    expect(reader.damagedRows()).toBe(0);
  });

  it('lets two writers wait for each other instead of failing', async () => {
    const file = freshFile();
    const writers = [start('write', file, '100'), start('write', file, '100')];
    expect(await Promise.all(writers.map((writer) => writer.ended()))).toEqual([0, 0]);
    expect(faultsOf(file, 100)).toEqual([]);
  });

  it('is made once when several processes open it in the same moment', async () => {
    const openers = Array.from({ length: 4 }, () => start('open', ''));
    await Promise.all(openers.map((opener) => opener.nextLine()));
    for (let round = 0; round < 30; round++) {
      const file = freshFile();
      const answers = openers.map((opener) => opener.nextLine());
      for (const { child } of openers) child.stdin!.write(`${file}\n`);
      await Promise.all(answers);
    }
    for (const { child } of openers) child.stdin!.end();
    expect(await Promise.all(openers.map((opener) => opener.ended()))).toEqual([0, 0, 0, 0]);
    for (const { lines } of openers) expect(lines).toEqual(['ready', ...Array.from({ length: 30 }, () => 'opened')]);
  });
});

describe('the leader', () => {
  it('is one at a time, and the next one when it lets go', () => {
    const lockFile = freshFile();
    const [first, second] = [openLeader(lockFile), openLeader(lockFile)];
    onTestFinished(() => second.release());
    expect([first.tryLead(), first.tryLead(), second.tryLead()]).toEqual([true, true, false]);
    expect([first.isLeader, second.isLeader]).toEqual([true, false]);
    first.release();
    expect([first.isLeader, second.tryLead(), second.isLeader]).toEqual([false, true, true]);
  });

  it('can lead when something else was written into its file', () => {
    const lockFile = freshFile();
    const [first, second] = [openLeader(lockFile), openLeader(lockFile)];
    onTestFinished(() => second.release());
    writeFileSync(lockFile, 'this is no lock '.repeat(400));
    first.tryLead();
    expect([first.tryLead(), second.tryLead()]).toEqual([true, false]);
    first.release();
    expect(second.tryLead()).toBe(true);
  });

  it('is followed as soon as it is killed', async () => {
    const lockFile = freshFile();
    const other = start('lead', lockFile);
    await other.nextLine();
    expect(other.lines).toEqual(['leads']);
    const leader = openLeader(lockFile);
    onTestFinished(() => leader.release());
    expect(leader.tryLead()).toBe(false);
    other.child.kill('SIGKILL');
    await other.ended();
    expect(leader.tryLead()).toBe(true);
  });
});
