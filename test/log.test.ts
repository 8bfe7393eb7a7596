/** The logger in a process of its own: standard error only, from the level that was set, one line each. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const LOG = fileURLToPath(new URL('../src/log.ts', import.meta.url));

function run(script: string): { stdout: string; lines: string[] } {
  const code = `import { log, setLogLevel } from ${JSON.stringify(LOG)};\n${script}`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--no-warnings', '-e', code], { encoding: 'utf8' });
  expect(child.status, child.stderr).toBe(0);
  return { stdout: child.stdout, lines: child.stderr.split('\n').filter((line) => line !== '') };
}

test('writes what is at or above the level, warnings by default, and nothing to standard output', () => {
  const all = "for (const level of ['error', 'warn', 'info', 'debug']) log[level]('said');";
  const { stdout, lines } = run(`${all} setLogLevel('debug'); ${all} setLogLevel('error'); ${all}`);
  expect(stdout).toBe('');
  expect(lines.map((line) => line.split(' ')[1])).toEqual([
    ...['error:', 'warn:'],
    ...['error:', 'warn:', 'info:', 'debug:'],
    ...['error:'],
  ]);
});

test("a file's name can forge neither lines nor colours", () => {
  const { lines } = run(
    String.raw`log.error('bad\ndowser error: forged \u001b[31m\u202e', { path: 'a\nb\u009b', count: 2 });`,
  );
  expect(lines).toEqual([
    String.raw`dowser error: bad\u{a}dowser error: forged \u{1b}[31m\u{202e} {"path":"a\nb\u{9b}","count":2}`,
  ]);
});
