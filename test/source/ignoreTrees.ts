/** Random repositories full of ignore files, as fast-check makes them. */
import fc from 'fast-check';

const FOLDERS = ['a', 'b', 'foo', 'Foo', 'bar baz', '[x]', 'a/b', 'a/foo', 'a/b/a', 'foo/bar', 'foo/bar/a', 'b/foo/b'];
const FILES = [
  'a',
  'b',
  'foo',
  'A',
  'x.log',
  'foo.log',
  'a.txt',
  '.hidden',
  '#h',
  '!n',
  'sp ace',
  'end ',
  'x*y',
  'b[a]',
  'back\\slash',
];
const PARTS = [
  ...[
    'a',
    'b',
    'foo',
    'bar',
    'bar baz',
    '*',
    '**',
    '?',
    'f*',
    '*.log',
    '*o*',
    '[ab]',
    '[!a]',
    '[a-f]oo',
    '[[:alpha:]]',
    '*.*',
  ],
  ...[
    '\\[x\\]',
    '[x]',
    '\\#h',
    '\\!n',
    '#h',
    'sp ace',
    'end\\ ',
    'end ',
    'x\\*y',
    '.*',
    'foo.log',
    'back\\\\slash',
    'b[[]a]',
    '{a,b}',
  ],
];

const pattern = fc
  .record({
    negated: fc.integer({ min: 0, max: 9 }).map((n) => n < 3),
    anchored: fc.integer({ min: 0, max: 9 }).map((n) => n < 3),
    folder: fc.integer({ min: 0, max: 9 }).map((n) => n < 3),
    parts: fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 3 }),
  })
  .map(
    ({ negated, anchored, folder, parts }) =>
      `${negated ? '!' : ''}${anchored ? '/' : ''}${parts.join('/')}${folder ? '/' : ''}`,
  );
const ignoreFile = fc
  .tuple(
    fc.array(pattern, { minLength: 1, maxLength: 5 }),
    fc.constantFrom('\n', '\r\n'),
    fc.constantFrom('', '\uFEFF', '# comment\n\n'),
  )
  .map(([lines, end, head]) => head + lines.join(end));
/** Folders, files, the ignore files of some folders by folder, and the text of .git/info/exclude. */
export const ignoreTree = fc.record({
  folders: fc.uniqueArray(fc.constantFrom(...FOLDERS), { minLength: 3, maxLength: 8 }),
  files: fc.uniqueArray(fc.constantFrom(...FILES), { minLength: 3, maxLength: 8 }),
  ignores: fc.dictionary(fc.constantFrom('.', 'a', 'foo', 'a/b', 'foo/bar'), ignoreFile, { minKeys: 1, maxKeys: 4 }),
  exclude: fc.option(ignoreFile, { nil: '' }),
});
