/**
 * A program that uses a store as another process would; run by the tests of this folder.
 * Arguments: what to do, the file, and how often. 'open' reads the files from its input. Prints a line for each step that is done.
 */
import { createInterface } from 'node:readline';
import type Database from 'better-sqlite3';
import { hashText } from '../../src/hash.ts';
import { openLeader } from '../../src/store/leader.ts';
import { openDatabase } from '../../src/store/schema.ts';
import { openStore } from '../../src/store/store.ts';
import { openVectors } from '../../src/store/vectors.ts';
import { openWriter } from '../../src/store/write.ts';
import { DIMENSIONS, OPTIONS, roundOf } from './rounds.ts';

const [task, file, times = '0', name = ''] = process.argv.slice(2) as [string, string, string?, string?];

const say = (line: string | number): void => void process.stdout.write(`${line}\n`);
const forever = (): void => void setInterval(() => undefined, 1_000);

if (task === 'write') {
  const store = openStore(file, OPTIONS);
  for (let round = 1; round <= Number(times); round++) {
    store.replaceFiles([roundOf(round)], []);
    say(round);
  }
  store.close();
} else if (task === 'write without transactions') {
  openStore(file, OPTIONS).close();
  const database = openDatabase(file, 'write');
  // Every statement commits on its own: what the store must never do.
  const bare = { prepare: database.prepare.bind(database), transaction: (work: () => void) => ({ immediate: work }) };
  const writer = openWriter(bare as unknown as Database.Database, DIMENSIONS, 0);
  for (let round = 1; round <= Number(times); round++) {
    writer.replaceFiles([roundOf(round)], []);
    say(round);
  }
} else if (task === 'open') {
  // A file for each line that comes in, so that several processes can be told to open one in the same moment.
  createInterface({ input: process.stdin }).on('line', (path) => {
    openStore(path, OPTIONS).close();
    say('opened');
  });
  say('ready');
} else if (task === 'keep') {
  const vectors = openVectors(file, { dimensions: DIMENSIONS })!;
  for (let at = 0; at < Number(times); at++)
    vectors.keep(new Map([[hashText(`${name} ${at}`), new Float32Array(DIMENSIONS).fill(1)]]), []);
  vectors.close();
} else if (task === 'lead') {
  say(openLeader(file).tryLead() ? 'leads' : 'follows');
  forever();
}
