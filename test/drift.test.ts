import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findDrift } from '../src/drift/drift.ts';
import { git, makeRepository, makeTree, write } from './source/tree.ts';
import { lines } from './support.ts';

/** `what path:line name` of what is reported. */
async function reported(root: string, options: Parameters<typeof findDrift>[1] = {}): Promise<string[]> {
  const { found } = await findDrift(root, options);
  return found.map(({ what, path, line, name }) => `${what} ${path}:${line} ${name}`);
}

function commit(root: string, files: Readonly<Record<string, string>>): void {
  write(root, files);
  git(root, 'add', '--all');
  git(root, 'commit', '-q', '-m', 'more');
}

/** A function of two parameters, one of which its comment calls `depth`; the line of that. */
const COMMENTED: Readonly<Record<string, readonly [line: number, text: string]>> = {
  'a.js': [
    3,
    '/**\n * Walks.\n * @param {Map<string, {a: 1}>} depth How far\n * @param {number} [width=1] How wide\n */\nexport const walk = (reach, width) => {\n  return reach * width;\n};\n',
  ],
  'a.ts': [1, '/** @param depth - How far. */\nexport function walk(reach: number): number {\n  return reach;\n}\n'],
  'sphinx.py': [
    4,
    'def walk(reach, width):\n    """Walks.\n\n    :param int depth: How far.\n    :param width: How wide.\n    """\n    return reach\n',
  ],
  'google.py': [
    5,
    'def walk(reach, width):\n    """Walks.\n\n    Args:\n        depth (int): How far\n            it goes: not a name.\n        width: How wide.\n    """\n    return reach\n',
  ],
  'numpy.py': [
    6,
    'def walk(reach, width):\n    """Walks.\n\n    Parameters\n    ----------\n    depth : int\n        How far.\n    width : int\n    """\n    return reach\n',
  ],
  'A.java': [
    4,
    'class A {\n  /**\n   * Walks.\n   * @param depth how far\n   * @param <T> of what\n   */\n  <T> int walk(int reach, T width) {\n    return reach;\n  }\n}\n',
  ],
  'a.php': [
    4,
    '<?php\n/**\n * Walks.\n * @param int $depth How far\n * @param int $width\n */\nfunction walk(int $reach, int $width) {\n  return $reach;\n}\n',
  ],
  'A.cs': [
    3,
    'class A {\n  /// <summary>Walks.</summary>\n  /// <param name="depth">How far.</param>\n  /// <param name="width">How wide.</param>\n  int Walk(int reach, int width) {\n    return reach;\n  }\n}\n',
  ],
  'A.swift': [
    4,
    'struct A {\n  /// Walks.\n  ///\n  /// - Parameter depth: How far.\n  public static func walk(to reach: Int, width: Int) -> Int {\n    return reach\n  }\n}\n',
  ],
  'A.kt': [
    4,
    'class A {\n  /**\n   * Walks.\n   * @param depth how far\n   */\n  fun walk(reach: Int, width: Int): Int {\n    return reach\n  }\n}\n',
  ],
  'A.scala': [
    4,
    'class A {\n  /** Walks.\n    *\n    * @param depth how far\n    */\n  final def walk(reach: Int, width: Int): Int = reach\n}\n',
  ],
  'a.lua': [
    2,
    '--- Walks.\n---@param depth number How far.\n---@param width number\nlocal function walk(reach, width)\n  return reach\nend\n',
  ],
  'a.rb': [
    2,
    '# Walks.\n# @param [Integer] depth how far\n# @param width [Integer] how wide\ndef walk(reach, width)\n  reach\nend\n',
  ],
  'a.c': [
    3,
    '/**\n * Walks.\n * \\param[in] depth How far.\n */\nstatic int walk(int reach, int width)\n{\n  return reach;\n}\n',
  ],
  'a.h': [1, '/** @param depth How far. */\nint walk(int reach, int width);\n'],
};

describe('a comment that documents a parameter', () => {
  test.each(Object.entries(COMMENTED))(
    'which the code in %s does not have is reported where it says so',
    async (path, [line, text]) => {
      expect(await reported(makeTree({ [path]: text }))).toEqual([`parameter ${path}:${line} depth`]);
    },
  );

  test.each(Object.entries(COMMENTED))('which the code in %s has is not', async (path, [, text]) => {
    expect(await reported(makeTree({ [path]: text.replaceAll('reach', 'depth') }))).toEqual([]);
  });

  test.each([
    ['keyword.py', 'def walk(reach, **options):\n    """\n    :param depth: How far.\n    """\n    return options\n'],
    ['rest.js', '/** @param {number} depth */\nfunction walk(...numbers) {\n  return numbers;\n}\n'],
    ['pattern.js', '/** @param {object} options */\nfunction walk({ reach }) {\n  return reach;\n}\n'],
    ['arguments.js', '/** @param {number} depth */\nfunction walk() {\n  return arguments[0];\n}\n'],
    ['unused.lua', '--- Walks.\n---@param depth number\nlocal function walk(reach, _)\n  return reach\nend\n'],
    ['inner.js', '/** @param {number} depth */\nfunction walk(reach) {\n  return (depth) => depth + reach;\n}\n'],
    [
      'callback.js',
      '/**\n * @callback Walk\n * @param {number} depth\n */\nfunction walk(reach) {\n  return reach;\n}\n',
    ],
    ['apart.js', '/** @param {number} depth */\n\nfunction walk(reach) {\n  return reach;\n}\n'],
    ['type.js', '/** @param Number reach how far */\nfunction walk(reach) {\n  return reach;\n}\n'],
    ['macro.h', '/** @param depth How far. */\n#if BIG\n#define walk big_walk\n#endif\n'],
  ])('is passed over in %s, where the code may take it all the same', async (path, text) => {
    expect(await reported(makeTree({ [path]: text }))).toEqual([]);
  });

  test('is judged by a class by its constructor, when that is there to be seen', async () => {
    const comment = '    """\n    :param depth: How far.\n    """\n';
    const root = makeTree({
      'own.py': `class Walk:\n${comment}    def __init__(self, reach):\n        self.reach = reach\n`,
      'inherited.py': `class Walk(Base):\n${comment}    reach = 1\n`,
    });
    expect(await reported(root)).toEqual(['parameter own.py:3 depth']);
  });

  test('says what the code takes now', async () => {
    const root = makeTree({ 'a.ts': COMMENTED['a.ts']![1] });
    const { found, notes } = await findDrift(root, {});
    expect(found[0]).toMatchObject({
      says: '/** @param depth - How far. */',
      now: 'export function walk(reach: number): number',
      why: 'the comment documents `depth`; walk has no such parameter',
    });
    expect(notes).toEqual([expect.stringMatching(/no git history/)]);
  });
});

const CODE = lines(
  'export function openParcel(weight, stamp) {',
  '  return weight + stamp;',
  '}',
  "const flags = ['--dry-parcel'];",
);
const PROSE = lines(
  '# Parcels',
  '',
  'Call `openParcel(weight, stamp)` first, or `dowser.openParcel`.',
  '',
  'Give `--dry-parcel` to try; see `src/parcel.js`, and `closeParcel` of another library.',
);

describe('prose', () => {
  test('that names what is there, or what never was, is passed over', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE, 'README.md': PROSE });
    expect(await reported(root)).toEqual([]);
  });

  test('that names what is gone is reported, with what git knows of it', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE, 'README.md': PROSE });
    const renamed = CODE.replace('openParcel', 'openSmallParcel').replace('--dry-parcel', '--try');
    commit(root, { 'src/parcel.js': renamed });
    expect(await reported(root)).toEqual(['symbol README.md:3 openParcel', 'flag README.md:5 --dry-parcel']);
    const { found } = await findDrift(root, {});
    expect(found[0]!.now).toBe('perhaps `openSmallParcel` in src/parcel.js');
    expect(found[0]!.why).toMatch(/^was defined in src\/parcel\.js at [0-9a-f]{10} \(\d{4}-\d\d-\d\d\)/);
  });

  test('that passes what a function no longer takes is reported', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE, 'README.md': PROSE });
    write(root, { 'src/parcel.js': CODE.replaceAll('stamp', 'label') });
    expect(await reported(root)).toEqual(['call README.md:3 stamp']);
  });

  test('that names a file which moved is told where to', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE, 'README.md': PROSE });
    mkdirSync(join(root, 'lib'));
    renameSync(join(root, 'src/parcel.js'), join(root, 'lib/parcel.js'));
    const { found } = await findDrift(root, {});
    expect(found.map(({ what, now }) => `${what}: ${now}`)).toEqual(['path: there is lib/parcel.js']);
  });

  test.each([
    ['CHANGELOG.md', 'Adds `openParcel`.'],
    ['docs/migration.md', 'Call `openParcel`.'],
    ['docs/guide.md', '`openParcel` was removed in 2.0.'],
    ['docs/guide.md', '`openParcel` -> `openSmallParcel`'],
    ['docs/guide.md', '```js\nopenParcel();\n```'],
    ['docs/guide.md', 'Write your own `openParcel`:\n\n```js\nfunction openParcel() {}\n```'],
    ['docs/guide.md', 'The word openParcel without marks, and `parcel` that is a plain word.'],
  ])('of the past or of its own is passed over: %s, %s', async (path, text) => {
    const root = makeRepository({ 'src/parcel.js': CODE, [path]: text });
    commit(root, { 'src/parcel.js': CODE.replace('openParcel', 'other') });
    expect(await reported(root)).toEqual([]);
  });

  test.each(['examples/parcel.js', 'lib/packages/parcel.js'])(
    "about what %s defined is passed over: it is not the repository's own",
    async (path) => {
      const root = makeRepository({ [path]: CODE, 'README.md': PROSE });
      commit(root, { [path]: 'export {};\n' });
      expect(await reported(root)).toEqual([]);
    },
  );

  test('that names many things of many times is left out as a whole, and that is said; what one commit renamed is not', async () => {
    const names = Array.from({ length: 9 }, (_, at) => `openParcel${at}`);
    const code = (renamed: number) =>
      names.map((name, at) => `export function ${name}${at < renamed ? 'Renewed' : ''}() {}\n`).join('');
    const files = {
      'README.md': names.map((name) => `- \`${name}\`\n`).join(''),
      'docs/one.md': 'Call `openParcel3`.\n',
    };
    const atOnce = makeRepository({ ...files, 'src/parcel.js': code(0) });
    commit(atOnce, { 'src/parcel.js': code(9) });
    expect(await reported(atOnce)).toHaveLength(10);
    const slowly = makeRepository({ ...files, 'src/parcel.js': code(0) });
    for (const renamed of [3, 6, 9]) commit(slowly, { 'src/parcel.js': code(renamed) });
    const { found, notes } = await findDrift(slowly, {});
    expect(found.map(({ path, name }) => `${path} ${name}`)).toEqual(['docs/one.md openParcel3']);
    expect(notes).toEqual([expect.stringMatching(/^README\.md names 9 things that are gone/)]);
  });

  test('that named a thing only after it was gone means something else', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE });
    commit(root, { 'src/parcel.js': CODE.replace('openParcel', 'other') });
    commit(root, { 'README.md': PROSE });
    expect(await reported(root)).toEqual([]);
  });
});

describe('a report', () => {
  test('since a commit has what parted after it, in prose and in comments', async () => {
    const [, comment] = COMMENTED['a.js']!;
    const root = makeRepository({ 'old.js': comment, 'new.js': comment.replaceAll('reach', 'depth') });
    commit(root, { 'src/parcel.js': CODE, 'README.md': PROSE });
    git(root, 'tag', 'v1');
    commit(root, { 'new.js': comment, 'src/parcel.js': CODE.replace('openParcel', 'other') });
    git(root, 'tag', 'v2');
    expect(await reported(root, { since: 'v1' })).toEqual([
      'parameter new.js:3 depth',
      'symbol README.md:3 openParcel',
    ]);
    expect(await reported(root, { since: 'v2' })).toEqual([]);
    expect(await reported(root)).toContain('parameter old.js:3 depth');
    await expect(findDrift(root, { since: 'v3' })).rejects.toThrow(/knows no commit 'v3'/);
  });

  test('of some paths compares them with all of the code', async () => {
    const root = makeRepository({ 'src/parcel.js': CODE, 'README.md': PROSE, 'docs/a.md': PROSE });
    commit(root, { 'src/parcel.js': CODE.replace('openParcel', 'other') });
    expect(await reported(root, { paths: ['docs'] })).toEqual(['symbol docs/a.md:3 openParcel']);
  });
});
