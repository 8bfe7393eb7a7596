import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
const CARRIED = `node-${process.platform.replace('win32', 'win')}-${process.arch}`;
const carriedIsHere = existsSync(join(REPOSITORY, 'node_modules', CARRIED));
const oldNode = findOldNode();

/** Stands in for the program: tells what reached it, and ends as it is told. */
const PROGRAM = `
  export function run(argv) {
    if (argv[0] === 'wait') {
      if (argv[1] !== undefined) process.on(argv[1], () => process.exit(9));
      process.stdout.write('ready');
      setInterval(() => {}, 1000);
      return;
    }
    let stdin = '';
    process.stdin.on('data', (text) => { stdin += text; });
    process.stdin.on('end', () => {
      process.stderr.write('to stderr');
      process.stdout.write(JSON.stringify({ argv, stdin, version: process.versions.node, parent: process.ppid }));
      process.exitCode = 7;
    });
  }`;

/** Any Node before 22 on the PATH. */
function findOldNode(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return folders
    .map((folder) => join(folder, process.platform === 'win32' ? 'node.exe' : 'node'))
    .filter((file) => existsSync(file))
    .find((file) => {
      const version = execFileSync(file, ['-p', 'process.versions.node'], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      });
      return Number(version.split('.')[0]) < 22;
    });
}

const scratch = mkdtempSync(join(tmpdir(), 'dowser-launcher-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** An installed package in miniature; a clone when it carries a Node. */
function makePackage(name: string, carriesNode: boolean, isBuilt = true): string {
  const folder = join(scratch, name);
  cpSync(join(REPOSITORY, 'bin'), join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  if (isBuilt) {
    mkdirSync(join(folder, 'dist', 'cli'), { recursive: true });
    writeFileSync(join(folder, 'dist', 'cli', 'main.js'), PROGRAM);
  }
  if (carriesNode) {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(join(REPOSITORY, 'node_modules', CARRIED), join(folder, 'node_modules', CARRIED), 'junction');
  }
  return join(folder, 'bin', 'dowser.cjs');
}

async function startWaiting(node: string, launcher: string, words: readonly string[]): Promise<ChildProcess> {
  const child = spawn(node, [launcher, 'wait', ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return child;
}

describe('the launcher on a recent Node', () => {
  test('runs the program in its own process', () => {
    const launcher = makePackage('recent', false);
    const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, 'a', 'b c'], {
      input: 'hello',
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toEqual({
      argv: ['a', 'b c'],
      stdin: 'hello',
      version: process.versions.node,
      parent: process.pid,
    });
    expect({ status, stderr }).toEqual({ status: 7, stderr: 'to stderr' });
  });

  test('says how to build a clone that is not built', () => {
    const launcher = makePackage('unbuilt', false, false);
    const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, 'search', 'x'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('npm run build');
  });
});

describe.skipIf(oldNode === undefined)('the launcher on an old Node', () => {
  const node = oldNode!;

  test('prints the one command that helps where no newer Node is carried, and fails', () => {
    const launcher = makePackage('alone', false);
    const { status, stdout, stderr } = spawnSync(node, [launcher, 'search', "it's here", '--limit=3'], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('dowser needs Node 22 or newer');
    expect(stderr).toContain("\n  npx -y -p node@24 -p dowser dowser search 'it'\\''s here' --limit=3\n");
  });

  describe.skipIf(!carriedIsHere)('of a clone', () => {
    let launcher: string;
    beforeAll(() => {
      launcher = makePackage('clone', true);
    });

    test('hands over to the carried Node with input, output, arguments and exit code', () => {
      const { status, stdout, stderr } = spawnSync(node, [launcher, 'a', 'b c'], { input: 'hello', encoding: 'utf8' });
      const told = JSON.parse(stdout);
      expect(told).toMatchObject({ argv: ['a', 'b c'], stdin: 'hello' });
      expect(Number(told.version.split('.')[0])).toBeGreaterThanOrEqual(22);
      expect({ status, stderr }).toEqual({ status: 7, stderr: 'to stderr' });
    });

    test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
      'passes %s on, and ends as the program ends',
      async (signal) => {
        const child = await startWaiting(node, launcher, [signal]);
        child.kill(signal);
        expect(await once(child, 'exit')).toEqual([9, null]);
      },
    );

    test('dies of the signal that the program died of', async () => {
      const child = await startWaiting(node, launcher, []);
      child.kill('SIGTERM');
      expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
    });
  });
});

test('what an old Node must parse has no syntax newer than 2015', () => {
  for (const file of ['dowser.cjs', 'node22.cjs']) {
    const text = readFileSync(join(REPOSITORY, 'bin', file), 'utf8');
    const code = text.replace(/^\s*\/\/.*$|\s\/\/ .*$|\/\*[\s\S]*?\*\//gm, '');
    expect(code, file).not.toMatch(/\?\?|\?\.|\bimport\b|\basync\b|\*\*|,\s*\)|catch\s*\{|\.\.\./);
  }
});
