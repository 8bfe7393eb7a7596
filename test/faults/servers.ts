/** Eight servers on one repository: started together, asked together, and their leader killed or stopped again and again. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Connection, callTool, connect } from '../bench/server.ts';
import { manyFiles, nameAt, pathAt } from '../trips/projects.ts';
import { differencesFromFresh, makeRepository, openFor, replacedChunks, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

const SERVERS = 8;
const FILES = 120;
const TAKE_OVER_MS_MAX = 2_000;
/** A stopped leader is told of after ten seconds without progress (src/upkeep.ts). */
const STALLED_MS_MAX = 20_000;
/** Of the faults, how many are cold starts and how many the leader's death; the rest are a leader that hangs. */
const KILLS_SHARE = 0.36;
const STOPS_SHARE = 0.03;

export const servers: Row = {
  name: 'eight servers: cold starts together, leader killed or stopped',
  promise: 'no busy error, never two leaders, nothing indexed twice, take-over within 2 s',
  counts: { quick: 83, full: 830 },
  run,
};

async function run({ count, folder, progress }: Context): Promise<Outcome> {
  const stops = Math.ceil(count * STOPS_SHARE);
  const kills = Math.ceil(count * KILLS_SHARE);
  const root = makeRepository(folder(), manyFiles(FILES));
  const losses: string[] = [];
  let done = 0;
  for (let start = 0; start < count - kills - stops; start++) {
    losses.push(...(await startTogether(root, folder())).map((loss) => `start ${start}: ${loss}`));
    progress(++done, count);
  }
  const cacheDir = folder();
  const group = new Group(root, cacheDir);
  await group.fill();
  const takeOversMs: number[] = [];
  let told = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      takeOversMs.push(await killLeader(group, root, kill, losses));
      progress(++done, count);
    }
    for (let stop = 0; stop < stops; stop++) {
      if (await stopLeader(group, root, stop, losses)) told++;
      progress(++done, count);
    }
  } finally {
    await group.close();
  }
  losses.push(...group.failures);
  const opened = await openFor(root, cacheDir, { model: 'dowser-static-v1' });
  try {
    await opened.index.sync();
    losses.push(...(await differencesFromFresh(opened, folder())).map((path) => `${path} is not as in a fresh index`));
  } finally {
    await opened.index.close();
  }
  takeOversMs.sort((a, b) => a - b);
  return {
    faults: done,
    losses,
    reported: { told, due: stops },
    control: await withoutLock(folder(), folder),
    notes: [
      `take-over ${Math.round(takeOversMs[takeOversMs.length >> 1] ?? 0)} ms in the median, ${Math.round(takeOversMs.at(-1) ?? 0)} ms at most`,
      `${group.asked} questions meanwhile`,
    ],
  };
}

/** Eight servers on a repository that none of them has indexed. */
async function startTogether(root: string, cacheDir: string): Promise<string[]> {
  const losses: string[] = [];
  const group = new Group(root, cacheDir);
  await group.fill();
  const at = Math.floor(FILES / 2);
  const answers = await Promise.all(group.members.map((member) => group.ask(member, nameAt(at))));
  const silent = answers.filter((text) => !text.includes(pathAt(at)) && !/pending|indexing/.test(text));
  if (silent.length > 0) losses.push(`${silent.length} answers were incomplete and did not say so`);
  await group.settled();
  const later = await Promise.all(group.members.map((member) => group.ask(member, nameAt(at))));
  if (!later.every((text) => text.includes(pathAt(at)))) losses.push(`${nameAt(at)} was not found by all`);
  const leaders = await group.leaders();
  if (leaders.length !== 1) losses.push(`${leaders.length} leaders`);
  await group.close();
  const replaced = replacedChunks(root, cacheDir);
  if (replaced > 0) losses.push(`${replaced} chunks indexed twice`);
  return [...losses, ...group.failures];
}

/** Milliseconds from the leader's death to a next one that has seen an edit made in between. */
async function killLeader(group: Group, root: string, round: number, losses: string[]): Promise<number> {
  const leader = await group.leader();
  const startedMs = performance.now();
  group.kill(leader);
  const name = `editedAfterDeath${round}`;
  write(root, { 'src/edited.ts': `export function ${name}(parcel: string): string {\n  return parcel;\n}\n` });
  const asking = Promise.all(group.members.map((member) => group.ask(member, nameAt(round))));
  for (;;) {
    const leaders = await group.leaders();
    if (leaders.length > 1) losses.push(`kill ${round}: ${leaders.length} leaders`);
    if (leaders.length > 0) break;
    if (performance.now() - startedMs > 10 * TAKE_OVER_MS_MAX) {
      losses.push(`kill ${round}: nobody took over`);
      break;
    }
    await pause(20);
  }
  const ms = performance.now() - startedMs;
  if (ms > TAKE_OVER_MS_MAX) losses.push(`kill ${round}: taken over after ${Math.round(ms)} ms`);
  await asking;
  await group.settled();
  const found = await group.ask(group.members[0]!, name);
  if (!found.includes('src/edited.ts:')) losses.push(`kill ${round}: the edit was not found`);
  await group.fill();
  return ms;
}

/** Whether the others say that their leader hangs; they must answer all the while, with what the disk has. */
async function stopLeader(group: Group, root: string, round: number, losses: string[]): Promise<boolean> {
  const leader = await group.leader();
  const others = group.members.filter((member) => member !== leader);
  process.kill(leader.pid, 'SIGSTOP');
  const path = pathAt(round);
  write(root, { [path]: `export function writtenBesideStoppedLeader${round}(): void {}\n` });
  const startedMs = performance.now();
  let told = false;
  while (!told && performance.now() - startedMs < STALLED_MS_MAX) {
    const text = await group.ask(others[round % others.length]!, nameAt(round));
    if (text.includes(`function ${nameAt(round)}(`)) losses.push(`stop ${round}: showed code that is gone`);
    told = (await group.status(others[0]!)).includes('leader_stalled');
    await pause(200);
  }
  process.kill(leader.pid, 'SIGCONT');
  await group.settled();
  return told;
}

/** Servers with clients, all on one index. */
class Group {
  readonly members: Connection[] = [];
  readonly failures: string[] = [];
  asked = 0;
  readonly #root: string;
  readonly #cacheDir: string;

  constructor(root: string, cacheDir: string) {
    this.#root = root;
    this.#cacheDir = cacheDir;
  }

  /** Starts as many as are missing, all at the same moment. */
  async fill(): Promise<void> {
    const missing = Array.from({ length: SERVERS - this.members.length }, () => connect(this.#root, this.#cacheDir));
    this.members.push(...(await Promise.all(missing)));
  }

  ask(member: Connection, query: string): Promise<string> {
    this.asked++;
    return this.#call(member, 'search_code', { query });
  }

  status(member: Connection): Promise<string> {
    return this.#call(member, 'index_status', {});
  }

  /** Whatever a user would see as an error is a loss. */
  async #call(member: Connection, tool: string, input: Record<string, unknown>): Promise<string> {
    try {
      const { text, isError } = await callTool(member.client, tool, input);
      if (isError || /SQLITE_|database is locked|busy/i.test(text))
        this.failures.push(`${tool}: ${text.slice(0, 200)}`);
      return text;
    } catch (error) {
      this.failures.push(`${tool}: ${error}`);
      return '';
    }
  }

  async leaders(): Promise<Connection[]> {
    const texts = await Promise.all(this.members.map((member) => this.status(member)));
    return this.members.filter((_, at) => texts[at]!.includes('Role: leader'));
  }

  async leader(): Promise<Connection> {
    for (;;) {
      const [leader] = await this.leaders();
      if (leader !== undefined) return leader;
      await pause(50);
    }
  }

  async settled(): Promise<void> {
    for (const member of this.members) {
      while (!(await this.status(member)).includes('Pending: 0\n')) await pause(50);
    }
  }

  kill(member: Connection): void {
    this.members.splice(this.members.indexOf(member), 1);
    process.kill(member.pid, 'SIGKILL');
  }

  async close(): Promise<void> {
    await Promise.all(this.members.splice(0).map(({ client }) => client.close()));
  }
}

/** The control: the same start, where each server has a lock of its own, so that every one of them leads and indexes. */
async function withoutLock(folderOfRoot: string, folder: () => string): Promise<Outcome['control']> {
  const root = makeRepository(folderOfRoot, manyFiles(FILES));
  const alone = await Promise.all(Array.from({ length: SERVERS }, () => connect(root, folder())));
  const texts = await Promise.all(alone.map(async ({ client }) => (await callTool(client, 'index_status', {})).text));
  await Promise.all(alone.map(({ client }) => client.close()));
  const leaders = texts.filter((text) => text.includes('Role: leader')).length;
  return { losses: leaders - 1, of: SERVERS, how: 'servers that share no lock' };
}
