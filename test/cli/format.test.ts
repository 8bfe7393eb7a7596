import { describe, expect, test } from 'vitest';
import { answerJson, remarks, reportText, resultsText, toJson, wantsColor } from '../../src/cli/format.ts';
import { Progress, progressLine } from '../../src/cli/progress.ts';
import { answer, snippet } from '../mcp/memoryIndex.ts';

const plain = { color: false, explain: false };
const two = answer({
  question: 'leases',
  snippets: [
    snippet({ path: 'src/lease.ts', startLine: 9, text: 'function lease() {\r\n  return 1;\r\n}', score: 1.5 }),
    snippet({
      path: 'src/other.ts',
      text: 'const other = 2;',
      score: -0.25,
      reasons: [{ name: 'test', amount: -0.25 }],
      symbols: [],
    }),
  ],
});

describe('results on a terminal', () => {
  test('show place, names, score and numbered lines', () => {
    expect(resultsText(two, plain)).toMatchInlineSnapshot(`
      "src/lease.ts:9-11  one  1.50 (words)
         9  function lease() {
        10    return 1;
        11  }

      src/other.ts:1-1  -0.25
        1  const other = 2;
      "
    `);
  });

  test('name every part of a score on request', () => {
    const reasons = [
      { name: 'words', amount: 0.5 },
      { name: 'same file again', amount: -0.7 },
    ];
    const explained = answer({ snippets: [snippet({ reasons, score: -0.2 })] });
    expect(resultsText(explained, { color: false, explain: true })).toContain(
      '  = -0.700 same file again  +0.500 words  (-0.200)\n',
    );
  });

  test('are coloured on request, and the lines themselves never', () => {
    const text = resultsText(two, { color: true, explain: false });
    expect(text).toContain('\u001b[1;36msrc/lease.ts\u001b[0m:9-11');
    expect(text).toContain('function lease() {\n');
  });

  test('do not let a file steer the terminal', () => {
    const evil = answer({
      snippets: [snippet({ path: 'a\u001b[2J\n.ts', text: 'x\u001b]0;evil\u0007\u202e', symbols: ['\u009b1m'] })],
    });
    expect(resultsText(evil, plain).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('show a file that is known by its name only without lines', () => {
    expect(
      resultsText(answer({ snippets: [{ ...snippet({ path: 'a.bin', text: '' }), startLine: 0, endLine: 0 }] }), plain),
    ).toBe('a.bin  one  1.00 (words)\n');
  });

  test('have remarks beside them when there is something to know', () => {
    expect(remarks(two)).toEqual([]);
    expect(remarks(answer({ question: 'x\u001b' }))).toEqual([
      "Nothing found for 'x\\u{1b}'. Try other words, or fewer filters.",
    ]);
    const nothing = { ...answer().coverage, filesTotal: 0, filesIndexed: 0 };
    expect(remarks(answer({ coverage: nothing }))).toEqual([
      'There are no files to search here. Go into a project, or name one with --root.',
    ]);
    const odd = {
      ...two,
      weak: true,
      omitted: { budget: 2, vanished: 1 },
      notes: ['Words alone.'],
      freshness: { state: 'as_of' as const },
    };
    expect(remarks(odd).join('\n')).toMatch(
      /No good match: .*Words alone.*2 more found.*1 left out.*Searched 3 files, as of/s,
    );
  });
});

describe('JSON', () => {
  test('has what programs need, in full', () => {
    const parsed = JSON.parse(answerJson({ ...two, confidence: 0.5 }));
    expect(Object.keys(parsed)).toEqual([
      'query',
      'results',
      'coverage',
      'freshness',
      'weak',
      'confidence',
      'omitted',
      'tokens',
      'notes',
    ]);
    expect(parsed.query).toBe('leases');
    expect(parsed.results[0]).toEqual({
      path: 'src/lease.ts',
      startLine: 9,
      endLine: 11,
      language: 'typescript',
      symbols: ['one'],
      score: 1.5,
      reasons: [{ name: 'words', amount: 1.5 }],
      masked: 0,
      text: 'function lease() {\r\n  return 1;\r\n}',
    });
  });

  test('keeps every character and shows none that is hidden', () => {
    const text = 'a\u202e\u200b\u009b\u001b\u2028\u{e0041}\ud800 世界 👩';
    const json = toJson({ text });
    expect(JSON.parse(json)).toEqual({ text });
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
  });
});

test.each([
  ['a terminal', { isTTY: true }, {}, false, true],
  ['a pipe', {}, {}, false, false],
  ['NO_COLOR', { isTTY: true }, { NO_COLOR: '1' }, false, false],
  ['an empty NO_COLOR', { isTTY: true }, { NO_COLOR: '' }, false, true],
  ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false, false],
  ['--no-color', { isTTY: true }, {}, true, false],
])('colours on %s', (_name, stream, environment, refused, expected) => {
  expect(wantsColor(stream, environment, refused)).toBe(expected);
});

test('a report says what was done, or that nothing was to do', () => {
  const report = {
    filesSeen: 1_204,
    filesChanged: 34,
    filesRemoved: 2,
    chunksWritten: 310,
    chunksEmbedded: 12,
    bytesRead: 9,
    ms: 3_210,
  };
  expect(reportText(report)).toBe('Indexed 34 of 1,204 files, 2 removed: 310 chunks in 3.2 s');
  expect(reportText({ ...report, filesChanged: 0, filesRemoved: 0 })).toBe('Up to date: 1,204 files, checked in 3.2 s');
});

describe('progress', () => {
  const step = { done: 300, total: 1_200, phase: 'indexing' as const };
  const screen = (isTTY: boolean) => {
    const written: string[] = [];
    return { isTTY, columns: 40, written, write: (text: string) => written.push(text) };
  };

  test('tells share, files and rate', () => {
    expect(progressLine(step, 2_000)).toBe('Indexing ██████░░░░░░░░░░░░░░░░░░  25 %  300/1,200 files  150/s');
    expect(progressLine({ done: 0, total: 0, phase: 'indexing' }, 0)).toBe('Listing files ...');
  });

  test('is drawn on a terminal after a while, within its width, and leaves nothing', () => {
    const terminal = screen(true);
    const progress = new Progress(terminal, false, 0);
    progress.update(step, 100);
    expect(terminal.written).toEqual([]);
    progress.update(step, 400);
    progress.update(step, 450);
    expect(terminal.written).toHaveLength(1);
    expect(terminal.written[0]!.replace('\r\u001b[K', '')).toHaveLength(39);
    progress.clear();
    expect(terminal.written.at(-1)).toBe('\r\u001b[K');
    progress.clear();
    expect(terminal.written).toHaveLength(2);
  });

  test.each([
    ['a pipe', false, false],
    ['a terminal that is asked to be quiet', true, true],
  ])('is silent on %s', (_name, isTTY, quiet) => {
    const stream = screen(isTTY);
    const progress = new Progress(stream, quiet, 0);
    progress.update(step, 10_000);
    progress.clear();
    expect(stream.written).toEqual([]);
  });
});
