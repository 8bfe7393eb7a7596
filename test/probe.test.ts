/** Probing: files that define or name what is asked for, without an index. */
import { expect, test } from 'vitest';
import { probeFiles } from '../src/probe.ts';
import { makeTree } from './source/tree.ts';

const ROOT = makeTree({
  'define.go': 'func (s *Server) AcquireLease(id int) {}\n',
  'mention.ts': '// AcquireLease\ncall(AcquireLease);\n',
  'many.py': 'AcquireLease\n'.repeat(500),
  'other.rb': 'def release\nend\n',
  'binary.bin': Buffer.from('AcquireLease\0'),
  'ruby.rb': 'def self.acquire_lease(id)\nend\n',
  'c.h': '#define LEASE_MAX 3\n',
  '.env': 'AcquireLease=1\n',
});
const FILES = ['define.go', 'mention.ts', 'many.py', 'other.rb', 'binary.bin', 'ruby.rb', 'c.h', '.env', 'gone.js'];

test('a definition counts more than any number of mentions, and what can not be read is passed over', () => {
  const found = probeFiles(ROOT, FILES, ['AcquireLease']).sort((a, b) => b.score - a.score);
  expect(found.map(({ path, defines }) => [path, defines])).toEqual([
    ['define.go', true],
    ['many.py', false],
    ['mention.ts', false],
  ]);
});

test.each([
  ['acquire_lease', 'ruby.rb'],
  ['LEASE_MAX', 'c.h'],
])('%s is defined in %s', (needle, path) => {
  expect(probeFiles(ROOT, FILES, [needle])).toMatchObject([{ path, defines: true }]);
});

test('needles are taken literally, and none finds none', () => {
  expect(probeFiles(ROOT, FILES, ['(.*', '[a-z', '$x', '\\'])).toEqual([]);
  expect(probeFiles(ROOT, FILES, [])).toEqual([]);
});
