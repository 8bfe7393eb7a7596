/** A person at a terminal, or a script: the real binary on a real repository. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git } from '../source/tree.ts';
import { BIN, makePlace, manyFiles, type Place, PROJECT, pause, runCli, write } from './support.ts';

let place: Place;
beforeAll(() => {
  place = makePlace(PROJECT);
});
afterAll(() => place.remove());

describe('dupes', () => {
  test('lists copies by what they save, and fails on request when there are any', () => {
    const body = Array.from(
      { length: 9 },
      (_, at) => `  total${at} = crates.filter((crate) => crate.size > ${at}).length;`,
    );
    const copy = (name: string): string => [`export function ${name}(crates) {`, ...body, '}', ''].join('\n');
    const own = makePlace({ 'one.js': copy('first'), 'two.js': `// Again.\n${copy('first')}` });
    try {
      const { status, stdout, stderr } = runCli(own, ['dupes']);
      expect(stdout).toBe(
        '11 lines to save: 2 places of 11 lines or more, identical\n  one.js:1-11\n  two.js:2-12\n\n',
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '1 group, 11 lines in all (2 files read).\n' });
      expect(runCli(own, ['dupes', '--fail', '--quiet']).status).toBe(1);
      const json = JSON.parse(runCli(own, ['dupes', '--json', '--limit', '1']).stdout);
      expect(json).toMatchObject({ found: 1, filesRead: 2, groups: [{ verdict: 'identical', saving: 11 }] });
      expect(runCli(own, ['dupes', '--fail', '--min-lines', '12'])).toMatchObject({ status: 0, stdout: '' });
      expect(runCli(own, ['dupes', '--since', 'nowhere']).status).toBe(2);
      expect(runCli(own, ['dupes', 'one.js']).status).toBe(2);
    } finally {
      own.remove();
    }
  });
});

describe('search', () => {
  test('indexes a cold repository first and prints what it found', () => {
    const { status, stdout, stderr } = runCli(place, ['search', 'who', 'holds', 'the', 'lease', 'of', 'a', 'parcel']);
    expect(stdout).toMatch(/^src\/lease\.ts:\d+-\d+ {2}\S/);
    expect(stdout).toMatch(/^ +4 {2}export async function acquireLease/m);
    expect(stdout).not.toContain('\u001b');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('prints JSON for programs', () => {
    const { status, stdout } = runCli(place, ['search', 'shortest_route', '--json', '--limit', '2']);
    const answer = JSON.parse(stdout);
    expect(status).toBe(0);
    expect(answer.query).toBe('shortest_route');
    expect(answer.results.length).toBeLessThanOrEqual(2);
    expect(answer.results[0]).toMatchObject({
      path: 'src/router.py',
      language: 'python',
      startLine: expect.any(Number),
      endLine: expect.any(Number),
    });
    const sum = answer.results[0].reasons.reduce((total: number, { amount }: { amount: number }) => total + amount, 0);
    expect(sum).toBeCloseTo(answer.results[0].score, 6);
    const lines = PROJECT['src/router.py']!.split('\n').slice(
      answer.results[0].startLine - 1,
      answer.results[0].endLine,
    );
    expect(answer.results[0].text).toBe(lines.join('\n'));
    expect(answer.coverage).toMatchObject({ filesTotal: Object.keys(PROJECT).length, pending: 0 });
    expect(answer.freshness.state).toBe('fresh');
  });

  test('filters by path, language and kind', () => {
    const paths = (words: readonly string[]): string[] =>
      JSON.parse(runCli(place, ['search', 'lease', '--json', ...words]).stdout).results.map(
        ({ path }: { path: string }) => path,
      );
    expect(paths(['--language', 'markdown'])).toEqual(['README.md']);
    expect(new Set(paths(['--path', 'test/**']))).toEqual(new Set(['test/lease.test.ts']));
    expect(paths(['--path', '!**/lease*'])).not.toContain('src/lease.ts');
    expect(new Set(paths(['--kind', 'tests']))).toEqual(new Set(['test/lease.test.ts']));
  });

  test('explains a score by its parts on request', () => {
    expect(runCli(place, ['search', 'acquireLease', '--explain']).stdout).toMatch(
      /^ {2}= [+-]\d\.\d{3} \w+.* \(-?\d+\.\d{3}\)$/m,
    );
  });

  test('gives the same answer twice', () => {
    const words = ['search', 'depot', '--json'];
    const [first, second] = [runCli(place, words), runCli(place, words)].map(
      ({ stdout }) => JSON.parse(stdout).results,
    );
    expect(second).toEqual(first);
  });

  test('knows what changed since the last run', () => {
    write(place.root, { 'src/quokka.ts': 'export function quokkaCount() {\n  return 3;\n}\n' });
    expect(runCli(place, ['search', 'quokkaCount']).stdout).toMatch(/^src\/quokka\.ts:1-3/);
  });

  test('fails with 1 when nothing is found, and says so beside the output', () => {
    const { status, stdout, stderr } = runCli(place, ['search', 'lease', '--path', 'nowhere/**']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain("Nothing found for 'lease'");
    expect(runCli(place, ['search', 'lease', '--path', 'nowhere/**', '--quiet']).stderr).toBe('');
  });

  test('is silent when the reader of its output goes away', async () => {
    const child = spawn('sh', ['-c', `"$0" "$1" search lease --max-tokens 20000 | head -n 1`, process.execPath, BIN], {
      cwd: place.root,
      env: place.environment,
    });
    const [stdout, stderr] = ['', ''];
    const read = { stdout, stderr };
    child.stdout.on('data', (data: Buffer) => (read.stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (read.stderr += data.toString()));
    await once(child, 'close');
    expect(read.stdout.split('\n')).toHaveLength(2);
    expect(read.stderr).toBe('');
  });
});

describe('the other commands', () => {
  test('similar finds the twin of a place, typed from a subfolder, or of code on standard input', () => {
    const fromFolder = runCli({ ...place, root: `${place.root}/src` }, ['similar', 'retry.go:5']);
    expect(fromFolder.stdout).toMatch(/^src\/retryTwin\.go:/);
    const fromInput = runCli(place, ['similar', '-'], PROJECT['src/retry.go']);
    expect(fromInput.stdout).toContain('src/retryTwin.go');
  });

  test('complete collects what a place, or unsaved text, needs', () => {
    expect(runCli(place, ['complete', 'test/lease.test.ts:4:30']).stdout).toContain('src/lease.ts');
    const unsaved = runCli(
      place,
      ['complete', '--prefix-file', '-', 'src/draft.ts'],
      'const lease = await acquireLease(',
    );
    expect(unsaved.stdout).toContain('export async function acquireLease');
  });

  test('index brings the index in step, and has nothing to do the second time', () => {
    expect(runCli(place, ['index', '--json']).status).toBe(0);
    const again = runCli(place, ['index', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ filesChanged: 0, filesRemoved: 0, chunksWritten: 0 });
    expect(runCli(place, ['index']).stdout).toMatch(/^Up to date: \d+ files/);
  });

  test('status tells root, files and languages', () => {
    const { status, stdout } = runCli(place, ['status']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Root: ${place.root}`);
    expect(stdout).toContain('typescript');
    expect(JSON.parse(runCli(place, ['status', '--json']).stdout)).toMatchObject({
      root: place.root,
      coverage: { pending: 0 },
    });
  });

  test('serve explains itself to who has no program to speak with, in one line of usage', () => {
    expect(runCli(place, ['serve', 'x'])).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('docs-drift', () => {
  const drifted = { 'a.js': '/**\n * @param {number} depth\n */\nfunction walk(reach) {\n  return reach;\n}\n' };

  test('prints where words and code have parted, and fails only when asked to', () => {
    const own = makePlace(drifted);
    try {
      const { status, stdout, stderr } = runCli(own, ['docs-drift']);
      expect(stdout).toBe(
        [
          'a.js:2  0.95',
          '  says: * @param {number} depth',
          '  now:  function walk(reach)',
          '  why:  the comment documents `depth`; walk has no such parameter',
          '\n',
        ].join('\n'),
      );
      expect(stderr).toMatch(/^1 found in 1 files\.\nThere is no git history here/);
      expect(status).toBe(0);
      const asked = runCli(own, ['docs-drift', '--fail', '--json']);
      expect(asked.status).toBe(1);
      expect(JSON.parse(asked.stdout)).toMatchObject({ found: [{ path: 'a.js', line: 2, name: 'depth' }], files: 1 });
      expect(runCli(own, ['docs-drift', '--fail', '--path', 'docs'])).toMatchObject({ status: 0, stdout: '' });
      expect(runCli(own, ['docs-drift', '--since', 'v1']).stderr).toMatch(/knows no commit 'v1'/);
    } finally {
      own.remove();
    }
  });

  test('counts what is less certain, and shows it when asked to', () => {
    const own = makePlace({
      'a.js': 'export function openParcel(depot) {\n  return depot;\n}\n',
      'docs.md': 'Call `openParcel(depot)`.\n',
    });
    try {
      const commit = (): void => {
        git(own.root, 'add', '--all');
        git(own.root, 'commit', '-q', '-m', 'more');
      };
      commit();
      write(own.root, { 'a.js': 'export function closeCrate(depot) {\n  return depot;\n}\n' });
      commit();
      const sure = runCli(own, ['docs-drift', '--fail']);
      expect(sure).toMatchObject({ status: 0, stdout: '' });
      expect(sure.stderr).toContain('1 less certain one is left out: --min-certainty 0 shows all.');
      const all = runCli(own, ['docs-drift', '--fail', '--min-certainty', '0']);
      expect(all.stdout).toContain('docs.md:1  0.60');
      expect(all.status).toBe(1);
    } finally {
      own.remove();
    }
  });

  test('explains what it looks for', () => {
    expect(runCli(place, ['docs-drift', '--help']).stdout).toMatch(/most certain first[\s\S]*--since REV[\s\S]*--fail/);
  });
});

describe('exit codes', () => {
  test.each([
    [0, ['--help']],
    [0, ['search', '--help']],
    [0, ['--version']],
    [0, []],
    [2, ['serch', 'x']],
    [2, ['search']],
    [2, ['search', '--limt', '3', 'x']],
    [2, ['search', '--language', 'klingon', 'x']],
    [2, ['search', '!?']],
    [2, ['search', 'x', '--model', '']],
    [1, ['search', 'x', '--root', '/nowhere/at/all']],
    [1, ['search', 'x', '--root', '/']],
    [1, ['similar', 'src/none.ts:3']],
  ])('%i: dowser %j', (code, words) => {
    const { status, stderr } = runCli(place, words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status, stderr).toBe(code);
    if (code !== 0) expect(stderr).toMatch(/^dowser: \S/);
  });
});

test('Ctrl-C while indexing ends with 130 and leaves an index that the next run completes', async () => {
  const large = makePlace(manyFiles(2_000));
  try {
    const child = spawn(process.execPath, [BIN, 'index'], {
      cwd: large.root,
      env: large.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
    });
    await pause(900);
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    expect(code, stderr).toBe(130);
    expect(stderr).toBe('');
    expect(runCli(large, ['index']).status).toBe(0);
    const { results, coverage } = JSON.parse(runCli(large, ['search', 'handleDepot1002', '--json']).stdout);
    expect(results[0].path).toBe('src/part2/module1002.ts');
    expect(coverage).toMatchObject({ filesIndexed: 2_000, filesTotal: 2_000 });
  } finally {
    large.remove();
  }
});
