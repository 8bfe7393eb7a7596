import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makePrivateFolder, storePlaceFor, userCacheFolder } from '../../src/store/place.ts';
import { freshFolder } from './support.ts';

describe('the place of an index', () => {
  it('is one folder a root, named for people and told apart by the whole path', () => {
    const [one, two] = [storePlaceFor('/home/a/shop', '/cache'), storePlaceFor('/home/b/shop', '/cache')];
    expect(one).toEqual(storePlaceFor('/home/a/shop', '/cache'));
    expect(one.folder).toMatch(/^[/\\]cache[/\\]shop-[0-9a-f]{16}$/);
    expect(one.folder).not.toBe(two.folder);
    expect([dirname(one.storeFile), dirname(one.lockFile)]).toEqual([one.folder, one.folder]);
    expect(storePlaceFor(`/x/${'long name '.repeat(50)}\n*?"`, '/cache').folder).toMatch(
      /^[/\\]cache[/\\][\w.-]{1,60}$/,
    );
    expect(storePlaceFor('/', '/cache').folder).toMatch(/^[/\\]cache[/\\]-[0-9a-f]{16}$/);
  });

  it("lies among the user's caches, where the platform has them", () => {
    const folder = (platform: NodeJS.Platform, environment: Record<string, string> = {}): string =>
      userCacheFolder({ platform, environment });
    expect(folder('linux', { XDG_CACHE_HOME: '/xdg' })).toBe(join('/xdg', 'dowser'));
    expect(folder('linux', { XDG_CACHE_HOME: 'relative' })).toBe(join(homedir(), '.cache', 'dowser'));
    expect(folder('linux')).toBe(join(homedir(), '.cache', 'dowser'));
    expect(folder('darwin', { XDG_CACHE_HOME: '/xdg' })).toBe(join(homedir(), 'Library', 'Caches', 'dowser'));
    expect(folder('win32', { LOCALAPPDATA: '/local' })).toBe(join('/local', 'dowser'));
    expect(folder('win32')).toBe(join(homedir(), 'AppData', 'Local', 'dowser'));
  });

  it.skipIf(process.platform === 'win32')('is closed to others, even where the folder was open before', () => {
    const folder = join(freshFolder(), 'cache', 'shop');
    makePrivateFolder(join(folder, 'index.db'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    chmodSync(folder, 0o755);
    makePrivateFolder(join(folder, 'index.db'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('says what to do when there can be no folder', () => {
    const file = join(freshFolder(), 'a file');
    writeFileSync(file, '');
    mkdirSync(join(dirname(file), 'b'));
    expect(() => makePrivateFolder(join(file, 'index.db'))).toThrow(
      expect.objectContaining({ code: 'store_unusable', message: expect.stringContaining('DOWSER_CACHE') }),
    );
  });
});
