/** The cache folder: what is of use stays, what is not goes, and nobody's work is taken from under them. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hashText } from '../../src/hash.ts';
import { type Kept, remove, surveyCache } from '../../src/store/cache.ts';
import { openLeader } from '../../src/store/leader.ts';
import { identify, isSameRoot, whereabouts } from '../../src/store/owner.ts';
import { storePlaceFor } from '../../src/store/place.ts';
import { pruneVectors, UNUSED_DAYS_MAX } from '../../src/store/prune.ts';
import { SCHEMA_VERSION } from '../../src/store/schema.ts';
import { openStore } from '../../src/store/store.ts';
import { openVectors } from '../../src/store/vectors.ts';
import { DIMENSIONS, embeddingOf, fileOf, freshFolder, OPTIONS, opened } from './support.ts';

const DAY_MS = 86_400_000;

/** A folder with an index in the cache, and the places of both. */
function indexed(cache: string, name: string, texts: readonly string[] = ['alpha']) {
  const root = join(freshFolder(), name);
  mkdirSync(root);
  const place = storePlaceFor(root, cache);
  const store = openStore(place.storeFile, { ...OPTIONS, root: identify(root) });
  const file = fileOf('a', texts);
  const chunks = file.chunks.map((chunk, at) => ({ ...chunk, source: hashText(texts[at]!) }));
  store.replaceFiles([{ ...file, chunks }], []);
  store.close();
  openLeader(place.lockFile).release();
  return { root, ...place };
}

function age(file: string, days: number): void {
  const time = new Date(Date.now() - days * DAY_MS);
  utimesSync(file, time, time);
}

const brief = ({ what, whereabouts: where, isSpent }: Kept) => ({ what, where, isSpent });
const spent = (cache: string): Kept[] => surveyCache(cache).filter(({ isSpent }) => isSpent);

describe('the cache folder', () => {
  it('keeps the index of a folder that is there, and gives up that of one that is gone', () => {
    const cache = freshFolder();
    const [here, gone] = [indexed(cache, 'here'), indexed(cache, 'gone')];
    rmSync(gone.root, { recursive: true });
    expect(surveyCache(cache).map(brief)).toEqual([
      { what: 'index', where: 'gone', isSpent: true },
      { what: 'index', where: 'there', isSpent: false },
    ]);
    expect(spent(cache).map(({ root }) => root)).toEqual([gone.root]);
    expect(spent(cache)[0]!.bytes).toBeGreaterThan(10_000);
    expect(spent(cache).map(remove)).toEqual(['removed']);
    expect([existsSync(gone.folder), existsSync(here.storeFile)]).toEqual([false, true]);
    expect(opened(here.storeFile, { root: identify(here.root) }).counts().chunks).toBe(1);
  });

  it('keeps the index of a folder whose disk is not there', () => {
    const root = { path: '/nowhere/at/all', device: '987654321', inode: '12', bornNs: '1' };
    expect(whereabouts(root)).toBe('away');
    expect(whereabouts({ ...root, device: identify('/')!.device })).toBe('gone');
    const cache = freshFolder();
    const { storeFile } = storePlaceFor(root.path, cache);
    openStore(storeFile, { ...OPTIONS, root }).close();
    expect(surveyCache(cache).map(brief)).toEqual([{ what: 'index', where: 'away', isSpent: false }]);
  });

  it('leaves an index alone that a process holds, whatever became of its folder', () => {
    const cache = freshFolder();
    const { root, storeFile, lockFile } = indexed(cache, 'held');
    const leader = openLeader(lockFile);
    expect(leader.tryLead()).toBe(true);
    rmSync(root, { recursive: true });
    expect(spent(cache).map(remove)).toEqual(['in_use']);
    expect(existsSync(storeFile)).toBe(true);
    leader.release();
    expect(spent(cache).map(remove)).toEqual(['removed']);
  });

  it('has files that were set aside for a week, and those of other versions for a month after their last use', () => {
    const cache = freshFolder();
    const { folder, storeFile, root } = indexed(cache, 'here');
    const files = {
      [`index-${SCHEMA_VERSION}.db.set-aside-20260101T000000000Z`]: 8,
      [`index-${SCHEMA_VERSION}.db.set-aside-20260102T000000000Z`]: 6,
      'index-1.db': 31,
      'index-2.db': 29,
      [`index-${SCHEMA_VERSION + 1}.db`]: 1,
      'notes.txt': 900,
    };
    for (const [name, days] of Object.entries(files)) {
      writeFileSync(join(folder, name), name);
      age(join(folder, name), days);
    }
    age(storeFile, 900);
    expect(spent(cache).map(remove)).toEqual(['removed', 'removed']);
    const left = readdirSync(folder).filter((name) => name in files);
    expect(left.sort()).toEqual(
      Object.entries(files)
        .filter(([, days]) => ![8, 31].includes(days))
        .map(([name]) => name)
        .sort(),
    );
    expect(opened(storeFile, { root: identify(root) }).counts().chunks).toBe(1);
  });

  it('gives up a folder in which only another version was, long ago', () => {
    const cache = freshFolder();
    const { folder, storeFile } = indexed(cache, 'old');
    renameSync(storeFile, join(folder, 'index-1.db'));
    for (const name of readdirSync(folder)) age(join(folder, name), 31);
    expect(spent(cache).map(remove)).toEqual(['removed']);
    expect(existsSync(folder)).toBe(false);
  });

  it('is nobody else’s business: what is not dowser’s is neither told of nor touched', () => {
    const cache = freshFolder();
    mkdirSync(join(cache, 'pip'));
    writeFileSync(join(cache, 'pip', 'index-1.db'), '');
    writeFileSync(join(cache, 'vectors.txt'), '');
    age(join(cache, 'pip', 'index-1.db'), 400);
    expect(surveyCache(cache)).toEqual([]);
    expect(surveyCache(join(cache, 'nowhere'))).toEqual([]);
  });
});

describe('a root', () => {
  it('is the same on another device number or with another inode, but not with both', () => {
    const root = identify(freshFolder())!;
    expect(isSameRoot(root, { ...root, device: '1' })).toBe(true);
    expect(isSameRoot(root, { ...root, inode: '1' })).toBe(true);
    expect(isSameRoot(root, { ...root, bornNs: '1' })).toBe(true);
    expect(isSameRoot(root, { ...root, inode: '1', bornNs: '1' })).toBe(false);
    expect(isSameRoot({ ...root, bornNs: '0' }, { ...root, inode: '1', bornNs: '0' })).toBe(false);
    expect(isSameRoot(root, { ...root, path: '/elsewhere' })).toBe(false);
  });

  it('that is another one at the same path has none of the rows of the one before', () => {
    const { root, storeFile } = indexed(freshFolder(), 'place');
    expect(opened(storeFile, { root: identify(root) }).counts().chunks).toBe(1);
    mkdirSync(`${root}-other`);
    rmSync(root, { recursive: true });
    renameSync(`${root}-other`, root);
    const store = opened(storeFile, { root: identify(root) });
    expect(store.counts().chunks).toBe(0);
    expect(store.health()).toEqual(['root_replaced']);
    expect(opened(storeFile, { root: identify(root) }).health()).toEqual([]);
  });
});

describe('a lock', () => {
  it('on a file that was removed keeps nobody out, so it is not taken', () => {
    const { lockFile } = indexed(freshFolder(), 'lock');
    const [late, next] = [openLeader(lockFile), openLeader(lockFile)];
    onTestFinished(() => late.release());
    onTestFinished(() => next.release());
    expect(next.tryLead()).toBe(true);
    rmSync(lockFile);
    expect(next.isValid()).toBe(false);
    expect(late.tryLead()).toBe(true);
    next.resign();
    expect([next.tryLead(), late.isValid(), next.isLeader]).toEqual([false, true, false]);
    late.resign();
    expect(next.tryLead()).toBe(true);
    rmSync(dirname(lockFile), { recursive: true });
  });
});

describe('shared embeddings that no index has', () => {
  it('go when nobody used them for a month; those of an index stay', async () => {
    const cache = freshFolder();
    const today = Math.floor(Date.now() / DAY_MS);
    const { vectorsFile, root } = indexed(cache, 'here', ['alpha', 'beta']);
    const keep = (day: number, ...names: readonly string[]): void => {
      const vectors = openVectors(vectorsFile, { dimensions: DIMENSIONS, todayDay: day })!;
      vectors.keep(new Map(names.map((name) => [hashText(name), embeddingOf(name)])), []);
      vectors.close();
    };
    const many = Array.from({ length: 1_200 }, (_, at) => `dead ${at}`);
    keep(today - UNUSED_DAYS_MAX - 1, 'alpha', 'beta', ...many);
    keep(today - UNUSED_DAYS_MAX, 'young');
    expect(await pruneVectors(cache, today, () => true)).toBe(1_200);
    const vectors = openVectors(vectorsFile, { dimensions: DIMENSIONS })!;
    onTestFinished(() => vectors.close());
    const found = vectors.find(['alpha', 'beta', 'young', 'dead 3'].map(hashText));
    expect([...found.keys()]).toEqual(['alpha', 'beta', 'young'].map(hashText));
    rmSync(root, { recursive: true });
    spent(cache).map(remove);
    expect(await pruneVectors(cache, today, () => true)).toBe(2);
    expect(await pruneVectors(cache, today, () => true)).toBe(0);
    expect(await pruneVectors(freshFolder(), today, () => true)).toBe(0);
  });
});
