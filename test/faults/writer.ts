/** A process that keeps editing, deleting and renaming its own files, and tells when each change began and ended. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { randomFrom } from './row.ts';

/** Between two changes, milliseconds: four writers make some 150 changes a second, more than any team of agents. */
const PAUSE_MS_MAX = 50;
const FILES_PER_WRITER = 60;

/** What a file holds from the beginning of one change to the end of the next: [path, id, version], or nothing at all. */
export type Change = {
  readonly path: string;
  /** Undefined when the file went away. */
  readonly id: string | undefined;
  readonly version: number;
  /** The machine's monotonic clock, milliseconds: processes can compare it. */
  readonly beganMs: number;
  readonly endedMs: number;
};

export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Every line tells whose it is and of which version, so that no line can pass for another's. */
export function contentOf(id: string, version: number): string {
  const parts = ['take', 'release', 'inspect'].map((verb) => {
    const body = Array.from({ length: 9 }, (_, at) => `  const step${at} = lease.${verb}(${version}, '${id}', ${at});`);
    return `/** Lets ${id} ${verb} its lease, version ${version}. */\nexport function ${verb}_${id}(lease) {\n${body.join('\n')}\n  return step0 + ${version};\n}\n`;
  });
  return parts.join('\n');
}

export function idOf(writer: number, file: number): string {
  return `w${writer}f${file}`;
}

export function pathOf(writer: number, file: number): string {
  return `src/part${file % 7}/writer${writer}/module${file}.js`;
}

/** The files of all writers before any change. */
export function startingFiles(writers: number): Record<string, string> {
  const files: Record<string, string> = {};
  for (let writer = 0; writer < writers; writer++) {
    for (let file = 0; file < FILES_PER_WRITER; file++) files[pathOf(writer, file)] = contentOf(idOf(writer, file), 0);
  }
  return files;
}

export function idAt(writer: number, at: number): string {
  return idOf(writer, at % FILES_PER_WRITER);
}

async function writeForEver(root: string, writer: number, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const places = Array.from({ length: FILES_PER_WRITER }, (_, file) => pathOf(writer, file));
  const versions = places.map(() => 0);
  const say = (path: string, id: string | undefined, version: number, beganMs: number): void => {
    const change: Change = { path, id, version, beganMs, endedMs: nowMs() };
    process.stdout.write(`${JSON.stringify(change)}\n`);
  };
  for (;;) {
    const file = random(places.length);
    const id = idOf(writer, file);
    const path = places[file]!;
    const place = join(root, path);
    const version = ++versions[file]!;
    const beganMs = nowMs();
    const dice = random(10);
    mkdirSync(dirname(place), { recursive: true });
    if (dice < 5) {
      writeFileSync(place, contentOf(id, version));
      say(path, id, version, beganMs);
    } else if (dice < 7) {
      writeFileSync(`${place}.tmp~`, contentOf(id, version));
      renameSync(`${place}.tmp~`, place);
      say(path, id, version, beganMs);
    } else if (dice < 8) {
      rmSync(place, { force: true });
      say(path, undefined, version, beganMs);
    } else if (existsSync(place)) {
      const target = pathOf(writer, file).replace('module', version % 2 === 0 ? 'module' : 'moved');
      if (target !== path) {
        renameSync(place, join(root, target));
        places[file] = target;
        say(path, undefined, version, beganMs);
        // The text went along, with the version that it had.
        say(target, id, lastVersion.get(path) ?? 0, beganMs);
      }
    }
    if (dice < 7) lastVersion.set(path, version);
    if (places[file] !== path) lastVersion.set(places[file]!, lastVersion.get(path) ?? 0);
    await pause(random(PAUSE_MS_MAX));
  }
}

/** Of what version the text at a path is. */
const lastVersion = new Map<string, number>();

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [root, writer, seed] = process.argv.slice(2);
  process.stdin.on('end', () => process.exit(0)).resume();
  process.stdout.on('error', () => process.exit(0));
  await writeForEver(root!, Number(writer), Number(seed));
}
