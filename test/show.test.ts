/** What is shown equals the disk now: in place, moved, changed, gone, and within the budget. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countTokens, SNIPPET_HEAD_TOKENS } from '../src/rank/budget.ts';
import { show } from '../src/show.ts';
import type { ChunkRow } from '../src/types.ts';
import { lines, makeProject, openSynced } from './support.ts';

const LEASE = lines(
  '/** Takes the lease. */',
  'export function takeLease(parcel) {',
  '  return held.add(parcel);',
  '}',
);
const OTHER = lines('export function route(start, goal) {', '  return [start, goal];', '}');

async function rowsOf(root: string, path: string): Promise<ChunkRow[]> {
  const { engine } = await openSynced(root);
  return engine().store.chunkRowsOfFile(path);
}

function showAll(root: string, rows: readonly ChunkRow[], maxTokens = 2_000, limit = 10) {
  const ranked = rows.map((row) => ({ row, score: 1, reasons: [{ name: 'test', amount: 1 }] }));
  return show(root, ranked, { terms: ['leas'], limit, maxTokens });
}

describe('a snippet', () => {
  test('is the lines on disk, without the end of the last', async () => {
    const root = makeProject({ 'a.js': LEASE.replaceAll('\n', '\r\n') });
    const { snippets, vanished } = await showAll(root, await rowsOf(root, 'a.js'));
    expect(vanished).toEqual([]);
    expect(snippets).toMatchObject([{ path: 'a.js', startLine: 1, endLine: 4, language: 'javascript' }]);
    expect(snippets[0]!.text).toBe(LEASE.replaceAll('\n', '\r\n').slice(0, -2));
  });

  test.each([
    ['down', `${'// new line\n'.repeat(30)}${LEASE}`, 31],
    ['down by one', `\n${LEASE}`, 2],
  ])('follows its lines that moved %s', async (_, text, startLine) => {
    const root = makeProject({ 'a.js': LEASE });
    const rows = await rowsOf(root, 'a.js');
    writeFileSync(join(root, 'a.js'), text);
    const { snippets, vanished } = await showAll(root, rows);
    expect(vanished).toEqual([]);
    expect(snippets).toMatchObject([{ startLine, endLine: startLine + 3, text: LEASE.slice(0, -1) }]);
  });

  test('follows its lines that moved up', async () => {
    const before = Array.from({ length: 90 }, (_, at) => `const value${at} = computeSomethingOfLength(${at});`);
    const all = [...before, ...LEASE.split('\n')];
    const root = makeProject({ 'a.js': all.join('\n') });
    const row = (await rowsOf(root, 'a.js')).find(({ symbols }) => symbols.includes('takeLease'))!;
    expect(row.startLine).toBeGreaterThan(1);
    const own = all.slice(row.startLine - 1, row.endLine).join('\n');
    writeFileSync(join(root, 'a.js'), own);
    expect((await showAll(root, [row], 2_000, 1)).snippets).toMatchObject([{ startLine: 1, text: own }]);
  });

  test.each([
    ['changed', LEASE.replace('held', 'kept')],
    ['emptied', ''],
    ['cut short', LEASE.slice(0, 40)],
    ['made binary', 'a\0b'],
  ])('is left out and counted when its lines were %s', async (_, text) => {
    const root = makeProject({ 'a.js': LEASE, 'b.js': OTHER });
    const rows = [...(await rowsOf(root, 'a.js')), ...(await rowsOf(root, 'b.js'))];
    writeFileSync(join(root, 'a.js'), text);
    const { snippets, vanished } = await showAll(root, rows);
    expect(vanished).toEqual(['a.js']);
    expect(snippets.map(({ path }) => path)).toEqual(['b.js']);
  });

  test('is left out and counted when its file is gone', async () => {
    const root = makeProject({ 'a.js': LEASE });
    const rows = await rowsOf(root, 'a.js');
    rmSync(join(root, 'a.js'));
    expect(await showAll(root, rows)).toMatchObject({ snippets: [], vanished: ['a.js'], tokens: 0 });
  });

  test('whose copies stand twice is the nearest one', async () => {
    const root = makeProject({ 'a.js': `${LEASE}\n` });
    const rows = await rowsOf(root, 'a.js');
    writeFileSync(join(root, 'a.js'), `\n\n${LEASE}\n\n\n\n\n\n\n${LEASE}`);
    expect((await showAll(root, rows)).snippets).toMatchObject([{ startLine: 3 }]);
  });
});

describe('a file known by its name alone', () => {
  test.each([
    ['a picture', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1])],
    ['a file too large to read', 'x = 1\n'.repeat(1_500_000)],
  ])('is shown without lines: %s', async (_, content) => {
    const root = makeProject({ 'logo.bin': content });
    const rows = await rowsOf(root, 'logo.bin');
    expect(rows).toMatchObject([{ startLine: 0 }]);
    const { snippets, vanished } = await showAll(root, rows);
    expect(vanished).toEqual([]);
    expect(snippets).toMatchObject([{ path: 'logo.bin', startLine: 0, endLine: 0, text: '' }]);
    rmSync(join(root, 'logo.bin'));
    expect(await showAll(root, rows)).toMatchObject({ snippets: [], vanished: ['logo.bin'] });
  });
});

test('many changed chunks of one huge file are given up soon', async () => {
  const text = Array.from({ length: 40_000 }, (_, at) => `value ${at} = ${at * 7};`);
  const root = makeProject({ 'huge.txt': lines(...text) });
  const rows = (await rowsOf(root, 'huge.txt')).slice(0, 160);
  writeFileSync(join(root, 'huge.txt'), lines(...text.map((line) => `${line} changed`)));
  expect(rows).toHaveLength(160);
  // Looking at every line for each of them takes minutes, which the time limit of a test notices.
  expect((await showAll(root, rows)).vanished).toHaveLength(160);
});

describe('the budget', () => {
  test('is kept and used, whatever is asked for', async () => {
    const functions = Array.from({ length: 30 }, (_, at) =>
      lines(
        `export function take${at}(lease) {`,
        ...Array.from({ length: at * 2 }, () => '  lease.extend();'),
        '}',
        '',
      ),
    );
    const root = makeProject({ 'a.js': functions.join('\n') });
    const rows = await rowsOf(root, 'a.js');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 200, max: 4_000 }),
        fc.integer({ min: 1, max: 50 }),
        async (maxTokens, limit) => {
          const { snippets, tokens, overBudget, vanished } = await showAll(root, rows, maxTokens, limit);
          const spent = snippets.reduce((sum, { text }) => sum + countTokens(text) + SNIPPET_HEAD_TOKENS, 0);
          expect(spent).toBeLessThanOrEqual(maxTokens);
          expect(tokens).toBeLessThanOrEqual(maxTokens);
          expect(snippets.length).toBeGreaterThan(0);
          expect(snippets.length + overBudget).toBeLessThanOrEqual(limit);
          expect(vanished).toEqual([]);
        },
      ),
      { seed: 37, numRuns: 60 },
    );
  });
});
