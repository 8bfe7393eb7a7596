/** Paths that lead out of the root, in every argument that takes a path, and folders swapped for links during the call. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BIN, environmentFor } from '../bench/processes.ts';
import { callTool, connect } from '../bench/server.ts';
import { makeRepository, write } from './ground.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

/** Stands in every file outside, and nowhere inside. */
const CANARY = 'canaryOfTheNeighbour';

export const escapes: Row = {
  name: 'path escapes: 200 inputs x every path argument, and folders swapped during the call',
  promise: 'no byte of a file outside of the root is in any answer',
  counts: { quick: 2_000, full: 20_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const home = folder();
  const root = makeRepository(home, {
    'src/main.ts': 'export function insideOfTheRoot() {\n  return 1;\n}\n',
    'swapped/inner.ts': 'export function insideOfTheRoot() {\n  return 2;\n}\n',
  });
  const text = `export function ${CANARY}() {\n  return '${CANARY}';\n}\n`;
  write(home, { 'secret.ts': text, 'repository-evil/x.ts': text, 'outside/inner.ts': text, 'outside/deep/x.ts': text });
  for (const [name, target] of LINKS) symlinkSync(target === 'home' ? home : target, join(root, name));
  const random = randomFrom(seed);
  const inputs = [...known(root, home), ...composed(random, 400)].slice(0, 200);
  const { client } = await connect(root, folder());
  const losses: string[] = [];
  const check = (what: string, answer: string): void => {
    if (answer.includes(CANARY)) losses.push(what);
  };
  let done = 0;
  try {
    for (const input of inputs) {
      const calls: [string, Record<string, unknown>][] = [
        ['find_similar', { path: input, line: 1 }],
        ['complete_context', { path: input, line: 2 }],
        ['complete_context', { path: input, prefix: 'export function inside' }],
        ['search_code', { query: 'function of the neighbour', paths: [input] }],
      ];
      for (const [tool, given] of calls) {
        check(`${tool} ${JSON.stringify(input)}`, (await callTool(client, tool, given)).text);
        done++;
      }
      progress(done, count);
    }
    for (const input of inputs.slice(0, 20)) {
      const words = ['similar', `${input}:1`, '--root', root, '--json'];
      const { stdout, stderr } = spawnSync(process.execPath, [BIN, ...words.map((word) => word.replaceAll('\0', ''))], {
        cwd: root,
        env: environmentFor(join(home, 'cache')),
        encoding: 'utf8',
      });
      check(`dowser similar ${input}`, stdout + stderr);
      done++;
    }
    const swapping = swap(root, home);
    for (; done < count; done++) {
      const tool = ['find_similar', 'complete_context'][done % 2]!;
      const { text } = await callTool(client, tool, { path: 'swapped/inner.ts', line: 1 });
      check(`${tool} of a folder that was swapped `, text);
      progress(done, count);
    }
    await swapping.end();
  } finally {
    await client.close();
  }
  const naive = inputs.filter((input) => naivelyInside(root, input) && leadsOut(root, home, input));
  return {
    faults: done,
    losses,
    control: { losses: naive.length, of: inputs.length, how: 'a check of how the resolved path begins' },
    notes: [],
  };
}

/** Links that a repository may bring along. */
const LINKS: readonly (readonly [string, string])[] = [
  ['link-to-home', 'home'],
  ['link-to-etc', '/etc'],
  ['link-to-file', '../secret.ts'],
  ['link-to-sibling', '../repository-evil'],
  ['circle', 'circle'],
  ['chain', 'link-to-home'],
  ['dangling', '/nowhere/at/all'],
];

function known(root: string, home: string): string[] {
  const name = basename(root);
  return [
    ...['..', '../', '../secret.ts', './../secret.ts', 'src/../../secret.ts', 'src/../..', '../repository-evil/x.ts'],
    ...[
      `../${name}/../secret.ts`,
      '/',
      '/etc/passwd',
      '//etc/passwd',
      `${root}-evil/x.ts`,
      `${root}/../secret.ts`,
      home,
    ],
    ...[`${home}/secret.ts`, `${home}/outside/inner.ts`, 'link-to-home/secret.ts', 'link-to-file', 'chain/secret.ts'],
    ...[
      'link-to-etc/passwd',
      'link-to-sibling/x.ts',
      'circle',
      'dangling',
      'chain/outside/deep/x.ts',
      'link-to-home/outside',
    ],
    ...['file:///etc/passwd', `file://${home}/secret.ts`, 'FILE:/etc/passwd', 'https://example.org/x', 'src/main.ts\0'],
    ...[
      '\0',
      'src\0/../../secret.ts',
      '..\\secret.ts',
      'src\\..\\..\\secret.ts',
      '\\etc\\passwd',
      'C:\\Windows\\win.ini',
    ],
    ...[
      '%2e%2e/secret.ts',
      '..%2fsecret.ts',
      '%2e%2e%2fsecret.ts',
      '..%c0%afsecret.ts',
      '．．/secret.ts',
      '../secret.ts ',
    ],
    ...[
      '~',
      '~/secret.ts',
      '~root/.bashrc',
      '$HOME/secret.ts',
      '$(HOME)/secret.ts',
      '`pwd`/../secret.ts',
      '-',
      '--help',
    ],
    ...[
      '-o/etc/passwd',
      '/proc/self/environ',
      '/proc/self/root/etc/passwd',
      '/proc/self/cwd/../secret.ts',
      '/dev/stdin',
    ],
    ...['/dev/fd/0', '/dev/null', '/dev/zero', '/proc/self/mem', '/proc/kcore', '.git/config', '.git/../../secret.ts'],
    ...[
      '../*',
      '../**/*.ts',
      '**/../../secret.ts',
      '{..,src}/secret.ts',
      '../{secret,x}.ts',
      '[.][.]/secret.ts',
      '/**',
    ],
    ...[
      `${'../'.repeat(60)}etc/passwd`,
      `${'a/../'.repeat(500)}../secret.ts`,
      'x'.repeat(4_000),
      `${'../'.repeat(1_300)}etc`,
    ],
    ...[
      'src/./.././../secret.ts',
      'src//..//..//secret.ts',
      '....//secret.ts',
      '.../secret.ts',
      '. ./secret.ts',
      '..;/secret.ts',
    ],
  ];
}

const PIECES = [
  '..',
  '.',
  'src',
  'link-to-home',
  'chain',
  'outside',
  'deep',
  '',
  'link-to-sibling',
  'repository',
  '...',
];
const ENDS = ['secret.ts', 'x.ts', 'inner.ts', 'outside/inner.ts', 'repository-evil/x.ts', 'etc/passwd', ''];
const JOINTS = ['/', '/', '/', '//', '\\', '/./'];

/** Ways that nobody would write, from pieces that lead out and back. */
function composed(random: Random, most: number): string[] {
  const made = new Set<string>();
  while (made.size < most) {
    const parts = Array.from({ length: 1 + random(6) }, () => PIECES[random(PIECES.length)]!);
    const joint = JOINTS[random(JOINTS.length)]!;
    const path = [...parts, ENDS[random(ENDS.length)]!].join(joint);
    if (path !== '') made.add(path);
  }
  return [...made];
}

/** A thread that lets a folder be a link to its namesake outside, and itself again, as fast as it can. */
function swap(root: string, home: string): { end(): Promise<unknown> } {
  mkdirSync(join(home, 'aside'));
  const worker = new Worker(SWAPPING, { eval: true, workerData: { root, home } });
  return { end: () => worker.terminate() };
}

const SWAPPING = `
const { renameSync, rmSync, symlinkSync } = require('node:fs');
const { join } = require('node:path');
const { workerData: { root, home } } = require('node:worker_threads');
const [place, aside] = [join(root, 'swapped'), join(home, 'aside', 'swapped')];
const rest = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  renameSync(place, aside);
  symlinkSync(join(home, 'outside'), place);
  Atomics.wait(rest, 0, 0, Math.random() * 2);
  rmSync(place);
  renameSync(aside, place);
  Atomics.wait(rest, 0, 0, Math.random() * 2);
}`;

function naivelyInside(root: string, input: string): boolean {
  return resolve(root, input).startsWith(root);
}

/** Whether what opens at this path is one of the files outside. */
function leadsOut(root: string, home: string, input: string): boolean {
  const script = `const fs = require('fs'); try { process.exit(fs.readFileSync(process.argv[1], 'utf8').includes('${CANARY}') ? 3 : 0); } catch { process.exit(0); }`;
  if (input.includes('\0')) return false;
  return spawnSync(process.execPath, ['-e', script, '--', resolve(root, input)], { cwd: home }).status === 3;
}
