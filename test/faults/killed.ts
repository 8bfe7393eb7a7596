/**
 * A process that keeps an index until it is killed: it indexes, edits, indexes again, and prints each file that is committed.
 * Arguments: root, cache folder, model, and 'checkpoint' to move the log into the file after every step.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openFor } from './ground.ts';

export const VERSIONS = 4;
const FILES = 48;
const FUNCTIONS_PER_FILE = 4;

/** All files in one of their versions. */
export function filesAt(version: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: FILES }, (_, at) => [`src/module${at}.ts`, textOf(at, version)]));
}

function textOf(at: number, version: number): string {
  const functions = Array.from({ length: FUNCTIONS_PER_FILE }, (_, nth) => {
    const steps = Array.from(
      { length: 14 },
      (_, step) => `  const step${step} = input * ${step} + ${version * 7 + at};`,
    );
    return `/** Works on parcel ${at} of round ${version}. */\nexport function handle${at}of${nth}round${version}(input: number): number {\n${steps.join('\n')}\n  return step${nth};\n}\n`;
  });
  return functions.join('\n');
}

async function keepIndex(root: string, cacheDir: string, model: string, task: string | undefined): Promise<void> {
  say('opening');
  const { index, engine } = await openFor(root, cacheDir, { model });
  const known = new Map<string, string>();
  const acknowledge = (): void => {
    if (task === 'checkpoint') engine().store.checkpoint();
    for (const [path, { hash }] of engine().store.files()) {
      if (known.get(path) === hash) continue;
      known.set(path, hash);
      say(`${path} ${hash}`);
    }
  };
  acknowledge();
  say('opened');
  for (let version = 1; ; version = (version + 1) % VERSIONS) {
    await index.sync(acknowledge);
    acknowledge();
    for (const [path, text] of Object.entries(filesAt(version))) {
      // Whole at any moment: what is told apart here is a torn index, not a torn source.
      writeFileSync(`${root}.next`, text);
      renameSync(`${root}.next`, join(root, path));
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [root, cacheDir, model, task] = process.argv.slice(2) as [string, string, string, string?];
  await keepIndex(root, cacheDir, model, task);
}
