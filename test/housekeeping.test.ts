/** What a leader does when idle: words leave the file after a bulk removal, and once a day the cache folder is put in order. */
import { existsSync, mkdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Housekeeping } from '../src/housekeeping.ts';
import type { Session } from '../src/sessions.ts';
import { identify } from '../src/store/owner.ts';
import { storePlaceFor } from '../src/store/place.ts';
import { openStore } from '../src/store/store.ts';
import type { Sync } from '../src/sync.ts';
import { makeFolder } from './source/tree.ts';
import { bytesOf, fileOf, freshFile, OPTIONS, opened } from './store/support.ts';

/** A session that has `pending` files to index. */
function sessionOf(file: string, state: { pending: number; leads?: boolean }): Session {
  const sync = { pending: () => state.pending } as Sync;
  return { store: opened(file), sync, leads: state.leads ?? true };
}

test('words that a branch switch took out leave the file when nothing waits, and not before', async () => {
  const file = freshFile();
  const state = { pending: 1 };
  const session = sessionOf(file, state);
  const files = Array.from({ length: 60 }, (_, at) => fileOf(`f${at}`, [`canaryzq${at} text`]));
  session.store.replaceFiles(files, []);
  session.store.replaceFiles(
    [],
    files.map(({ path }) => path),
  );
  const housekeeping = new Housekeeping(() => session, makeFolder());
  await housekeeping.checkpoint();
  expect(bytesOf(file).includes('anaryzq')).toBe(true);
  state.pending = 0;
  await housekeeping.checkpoint();
  expect(bytesOf(file).includes('anaryzq')).toBe(false);
  const bytes = bytesOf(file);
  await housekeeping.checkpoint();
  expect(bytesOf(file)).toEqual(bytes);
});

test('an index whose folder is gone is removed once a day, by a leader that has nothing else to do', async () => {
  const cache = makeFolder();
  const root = join(makeFolder(), 'tree');
  mkdirSync(root);
  const { folder, storeFile } = storePlaceFor(root, cache);
  openStore(storeFile, { ...OPTIONS, root: identify(root) }).close();
  rmSync(root, { recursive: true });
  const state = { pending: 0, leads: true };
  const session = sessionOf(freshFile(), state);
  const stamp = join(cache, 'tidied');
  const yesterday = new Date(Date.now() - 25 * 3_600_000);
  const tidy = (leads: boolean) => new Housekeeping(() => ({ ...session, leads }), cache).tidy();

  await tidy(true);
  expect([existsSync(stamp), existsSync(folder)]).toEqual([true, true]);
  utimesSync(stamp, yesterday, yesterday);
  await tidy(false);
  expect(existsSync(folder)).toBe(true);
  await tidy(true);
  expect(existsSync(folder)).toBe(false);
  const tidiedMs = statSync(stamp).mtimeMs;
  expect(tidiedMs).toBeGreaterThan(Date.now() - 60_000);
  await tidy(true);
  expect(statSync(stamp).mtimeMs).toBe(tidiedMs);
});
