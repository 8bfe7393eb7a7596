/**
 * What comes first on code that is installed with the dependencies, pinned by the lock file, so that a change of the
 * ranking shows in review. After a change that is meant: `npm test -- test/ranking --update`.
 */
import { cpSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder } from './source/tree.ts';
import { type Opened, openUnattended } from './support.ts';

const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const PACKAGES = ['picomatch', 'chokidar', 'readdirp', 'ignore', 'zod/src/v4/core'];
const SHOWN = 5;

const QUESTIONS = [
  'picomatch.scan',
  'isPathValid',
  'class ReaddirpStream',
  '$ZodRegistry',
  'safeParseAsync',
  '_throttle',
  'lib/parse.js',
  'how is a glob turned into a regular expression',
  'where are brace expansions like {a,b} parsed',
  'how does a negated pattern work in an ignore file',
  'where is polling with fs.watchFile set up',
  'how are atomic writes recognised',
  'wait until a file that is being written has stopped growing',
  'limit the depth of a recursive directory listing',
  'how is an email address checked',
  'turn a schema into JSON schema',
  'format issues as a tree of errors',
  'TypeError: Expected pattern to be a non-empty string',
  'cache of compiled functions',
  'closing all watchers',
] as const;

let opened: Opened;
beforeAll(async () => {
  const root = makeFolder();
  for (const name of PACKAGES) {
    cpSync(join(MODULES, name), join(root, name.split('/')[0]!), {
      recursive: true,
      filter: (place) => !/node_modules\/.*\/(?:node_modules|tests)$/.test(place),
    });
  }
  expect(readdirSync(root).map((name) => basename(name))).toHaveLength(PACKAGES.length);
  opened = await openUnattended(root, { model: 'dowser-static-v1', workers: 1 });
  await opened.index.sync();
});
afterAll(() => opened.index.close());

test('the ranking is that of the golden file', async () => {
  const parts: string[] = [];
  for (const query of QUESTIONS) {
    const { snippets, weak } = await opened.index.search({ query, limit: SHOWN, maxTokens: 20_000 });
    const places = snippets.map(({ path, startLine, endLine, symbols }) =>
      `  ${path}:${startLine}-${endLine}  ${symbols.slice(0, 3).join(' ')}`.trimEnd(),
    );
    parts.push([`${query}${weak ? '  (weak)' : ''}`, ...places, ''].join('\n'));
  }
  await expect(parts.join('\n')).toMatchFileSnapshot('./golden/ranking.txt');
});
