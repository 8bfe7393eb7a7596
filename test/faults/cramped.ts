/**
 * A process whose index has no good place: a full disk, a folder that can't be written or is taken away, another version's file.
 * Told which by a line, it answers by a line. With a disk of its own (`unshare -m`), it mounts one below its folder.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { DowserError } from '../../src/errors.ts';
import { setLogLevel } from '../../src/log.ts';
import { type StorePlace, storePlaceFor } from '../../src/store/place.ts';
import { SCHEMA_VERSION } from '../../src/store/schema.ts';
import { type Held, heldBy, takeCensus } from './census.ts';
import { type Opened, openFor } from './ground.ts';
import { type Random, randomFrom } from './row.ts';

export const SCENARIOS = ['full disk', 'read-only folder', 'folder removed', 'folder moved', 'other versions'] as const;
export type Scenario = (typeof SCENARIOS)[number];
/** Need a disk of their own. */
export const ON_DISK: readonly Scenario[] = ['full disk', 'read-only folder'];

export type CrampedGround = { readonly root: string; readonly folder: string };
export type Cramped = { readonly scenario: Scenario; readonly seed: number };
export type CrampedFound = {
  readonly losses: readonly string[];
  readonly due: boolean;
  readonly told: boolean;
  readonly torn: boolean;
};

/** At most of these sizes the index, which takes some 800 KB with its log, does not fit. */
const DISK_KB_MIN = 120;
const DISK_KB_MORE = 700;

class Trial {
  readonly losses: string[] = [];
  readonly said = new Set<string>();
  due = true;
  torn = false;
  readonly disk: string;
  readonly random: Random;
  readonly #root: string;
  readonly #truth: ReadonlyMap<string, Held>;

  constructor({ root, folder }: CrampedGround, truth: ReadonlyMap<string, Held>, seed: number) {
    this.#root = root;
    this.#truth = truth;
    this.disk = join(folder, 'disk');
    this.random = randomFrom(seed);
    rmSync(this.disk, { recursive: true, force: true });
    mkdirSync(this.disk);
  }

  get cacheDir(): string {
    return join(this.disk, 'cache');
  }

  get place(): StorePlace {
    return storePlaceFor(this.#root, this.cacheDir);
  }

  /** What the world did is a DowserError, or a reason code of an open index; anything else is a bug. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof DowserError) this.said.add(error.code);
      else this.losses.push(`not a DowserError: ${error instanceof Error ? error.stack : error}`);
      return false;
    }
  }

  async open(): Promise<Opened | undefined> {
    let opened: Opened | undefined;
    await this.attempt(async () => {
      opened = await openFor(this.#root, this.cacheDir);
    });
    return opened;
  }

  /** An answer, whose snippets must be what the disk has, and the state. */
  async ask({ index }: Opened): Promise<void> {
    await this.attempt(async () => {
      const { snippets } = await index.search({ query: `handle${this.random(48)}of1round0` });
      for (const { path, startLine, endLine, text } of snippets) {
        const lines = readFileSync(join(this.#root, path), 'utf8').split('\n');
        if (lines.slice(startLine - 1, endLine).join('\n') !== text)
          this.losses.push(`${path}:${startLine} was shown as it is not`);
      }
    });
    await this.attempt(async () => {
      for (const code of (await index.status()).health) this.said.add(code);
    });
  }

  examine(): void {
    const { torn, files } = takeCensus(this.place.storeFile);
    this.torn ||= torn.length > 0;
    this.due = files.size < this.#truth.size;
    this.losses.push(...torn);
  }

  /** Now that the fault is over: the index must be what a fresh one is, and a file of its place. */
  async expectWhole(opened: Opened | undefined, when: string): Promise<void> {
    const running = opened ?? (await this.open());
    const synced = running !== undefined && (await this.attempt(() => running.index.sync()));
    if (synced) {
      const [held, truth] = [heldBy(running.engine().store), this.#truth];
      const wrong = [...truth].filter(([path, { chunks }]) => held.get(path)?.chunks !== chunks).length;
      if (wrong > 0 || held.size !== truth.size) this.losses.push(`${wrong} files are not as on disk ${when}`);
    } else this.losses.push(`not in step ${when}: ${[...this.said].join(', ')}`);
    await running?.index.close();
    if (takeCensus(this.place.storeFile).files.size !== this.#truth.size)
      this.losses.push(`the file of the index is not whole ${when}`);
  }
}

const RUNS: Readonly<Record<Scenario, (trial: Trial) => Promise<void>>> = {
  async 'full disk'(trial) {
    mount(trial.disk, DISK_KB_MIN + trial.random(DISK_KB_MORE));
    const opened = await trial.open();
    if (opened !== undefined) {
      for (let attempt = 0; attempt < 3; attempt++) {
        await trial.attempt(() => opened.index.sync());
        await trial.ask(opened);
      }
      trial.examine();
    }
    remount(trial.disk, 'size=64m');
    await trial.expectWhole(opened, 'once there was room');
  },
  async 'read-only folder'(trial) {
    mount(trial.disk, 64 * 1024);
    if (trial.random(2) === 0) {
      const before = await trial.open();
      await before?.index.sync();
      await before?.index.close();
    }
    remount(trial.disk, 'ro');
    const opened = await trial.open();
    if (opened !== undefined) {
      await trial.attempt(() => opened.index.sync());
      await trial.ask(opened);
    }
    remount(trial.disk, 'rw');
    await trial.expectWhole(opened, 'once it could be written');
  },
  async 'folder removed'(trial) {
    const opened = (await trial.open())!;
    await opened.index.sync();
    rmSync(trial.random(2) === 0 ? trial.cacheDir : trial.place.folder, { recursive: true });
    await trial.ask(opened);
    trial.due = !existsSync(trial.place.storeFile);
    await trial.expectWhole(opened, 'after it was removed');
  },
  async 'folder moved'(trial) {
    const opened = (await trial.open())!;
    await opened.index.sync();
    renameSync(trial.cacheDir, `${trial.cacheDir}-moved`);
    // A copy of another time in its place: such as a backup that is played back.
    if (trial.random(2) === 0) cpSync(`${trial.cacheDir}-moved`, trial.cacheDir, { recursive: true });
    await trial.ask(opened);
    trial.due = !existsSync(trial.place.storeFile);
    await trial.expectWhole(opened, 'after it was moved');
  },
  async 'other versions'(trial) {
    const first = (await trial.open())!;
    await first.index.sync();
    await first.index.close();
    const { storeFile, folder } = trial.place;
    const [older, newer] = [SCHEMA_VERSION - 1, SCHEMA_VERSION + 1].map((version) =>
      join(folder, `index-${version}.db`),
    );
    // Files that other versions lead, and a file of another version under our own name.
    for (const file of [older!, newer!, storeFile]) {
      if (file !== storeFile) cpSync(storeFile, file);
      const database = new Database(file);
      const version = file === older || (file === storeFile && trial.random(2) === 0) ? -1 : 1;
      database.pragma(`user_version = ${SCHEMA_VERSION + version}`);
      database.close();
    }
    const bytes = [older!, newer!, storeFile].map((file) => readFileSync(file));
    const opened = (await trial.open())!;
    await trial.ask(opened);
    await trial.expectWhole(opened, 'beside other versions');
    const aside = readdirSync(folder).find((name) => name.startsWith(`index-${SCHEMA_VERSION}.db.set-aside`));
    if (aside === undefined) trial.losses.push("another version's file was not set aside");
    const now = [older!, newer!, join(folder, aside ?? '')].map((file) => readFileSync(file));
    if (now.some((content, at) => !content.equals(bytes[at]!))) trial.losses.push("another version's file was written");
  },
};

async function answerLines(ground: CrampedGround): Promise<void> {
  const fresh = await openFor(ground.root, join(ground.folder, 'fresh'));
  await fresh.index.sync();
  const truth = heldBy(fresh.engine().store);
  await fresh.index.close();
  say({ ready: canMount(join(ground.folder, 'trial')) });
  for await (const line of createInterface({ input: process.stdin })) {
    const { scenario, seed } = JSON.parse(line) as Cramped;
    const trial = new Trial(ground, truth, seed);
    await RUNS[scenario](trial).catch((error: unknown) => trial.losses.push(`the trial failed: ${error}`));
    if (ON_DISK.includes(scenario)) execFileSync('umount', ['-l', trial.disk]);
    const { losses, due, torn, said } = trial;
    say({ losses, due, torn, told: said.size > 0 } satisfies CrampedFound);
  }
}

function mount(folder: string, kilobytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder]);
}

function remount(folder: string, options: string): void {
  execFileSync('mount', ['-o', `remount,${options}`, folder]);
}

function canMount(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    mount(folder, 100);
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  }
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setLogLevel('error');
  await answerLines(JSON.parse(process.argv[2]!) as CrampedGround);
}
