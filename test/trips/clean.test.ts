/** `dowser clean`: what it shows, what it removes, and what it leaves alone. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, connectClient, makePlace, type Place, PROJECT, runCli } from './support.ts';

let place: Place;
let gone: string;
beforeEach(() => {
  place = makePlace(PROJECT);
  gone = `${place.root}-gone`;
  mkdirSync(gone);
  renameSync(join(place.root, 'src'), join(gone, 'src'));
  for (const root of [place.root, gone]) expect(runCli(place, ['index', '--root', root]).status).toBe(0);
  rmSync(gone, { recursive: true });
});
afterEach(() => place.remove());

const cacheOf = ({ environment }: Place): string => environment.DOWSER_CACHE!;
const indexes = (): string[] => readdirSync(cacheOf(place)).filter((name) => name.startsWith('repository'));

test('shows what would be removed and does nothing', () => {
  const { status, stdout, stderr } = runCli(place, ['clean', '--dry-run']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toMatch(/^To remove:\n +\d+\.\d MB {2}index of .*repository-gone \(the folder is gone\)$/m);
  expect(stdout).toMatch(
    /^To keep:\n +\d+\.\d MB {2}index of .*repository\n +\d+\.\d MB {2}embeddings that all indexes share$/m,
  );
  const report = JSON.parse(runCli(place, ['clean', '--dry-run', '--json']).stdout);
  expect(report.wouldRemove).toMatchObject([{ what: 'index', root: gone, whereabouts: 'gone' }]);
  expect(report.kept).toMatchObject([{ what: 'index', root: place.root }, { what: 'shared' }]);
  expect(indexes()).toHaveLength(2);
});

test('removes the index of a folder that is gone, and no other', () => {
  const { status, stdout } = runCli(place, ['clean']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Removed \d+\.\d MB\.$/m);
  expect(indexes()).toHaveLength(1);
  expect(runCli(place, ['clean']).stdout).toContain('Nothing removed.');
  expect(JSON.parse(runCli(place, ['index', '--json']).stdout)).toMatchObject({ filesChanged: 0, filesRemoved: 0 });
});

test('with --all removes everything but what a running dowser uses', async () => {
  const client = await connectClient(place);
  await ask(client, 'index_status');
  const { status, stdout } = runCli(place, ['clean', '--all', '--yes']);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Kept, because a running dowser uses it: index of .*repository\.$/m);
  expect(stdout).toMatch(/^Kept, because a running dowser uses it: embeddings that all indexes share\.$/m);
  expect(indexes()).toHaveLength(1);
  expect((await ask(client, 'index_status')).text).toContain('Health: ok');
  await client.close();
  expect(runCli(place, ['clean', '--all', '--yes']).status).toBe(0);
  expect(indexes()).toEqual([]);
  expect(readdirSync(cacheOf(place)).filter((name) => name.startsWith('vectors'))).toEqual([]);
  expect(runCli(place, ['clean']).stdout).toMatch(/^Nothing in /);
  expect(existsSync(place.root)).toBe(true);
});

test('takes no words', () => {
  expect(runCli(place, ['clean', 'everything'])).toMatchObject({ status: 2, stdout: '' });
});
