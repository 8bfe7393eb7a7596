/** A repository full of programs that git, npm or dowser could be made to run: none of them runs, and nothing below the root changes. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BIN } from '../bench/processes.ts';
import { callTool, connect } from '../bench/server.ts';
import { git, makeRepository, write } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

export const hostile: Row = {
  name: 'hostile repository: programs that it brings along',
  promise: 'none runs while it is indexed and asked; nothing below the root is written, no git lock is taken',
  counts: { quick: TRAPS().length, full: TRAPS().length },
  run,
};

/** A way to have a program run; each leaves a file of its name in the folder of canaries. */
type Trap = {
  readonly name: string;
  set(root: string, program: string): void;
  /** What runs it where nothing protects; without it, git's everyday commands do. */
  readonly control?: readonly string[];
};

async function run({ folder, progress }: Context): Promise<Outcome> {
  const losses: string[] = [];
  const canaries = folder();
  const traps = TRAPS();
  let controls = 0;
  for (const [at, trap] of traps.entries()) {
    const root = makeRepository(folder(), FILES);
    const canary = join(canaries, `${at}`);
    const program = join(root, 'tools/program.sh');
    writeFileSync(program, `#!/bin/sh\necho sung >> '${canary}'\ncat\n`);
    chmodSync(program, 0o755);
    trap.set(root, program);
    write(root, {
      'src/main.js': 'export function parcelOfTheDepot() {\n  return 2;\n}\n',
      'src/letter.js': 'void 0;\n',
    });
    rmSync(canary, { force: true });
    const before = censusOf(root);
    losses.push(...(await askAll(root, folder())).map((problem) => `${trap.name}: ${problem}`));
    losses.push(...askHistory(root, folder()).map((problem) => `${trap.name}: ${problem}`));
    if (existsSync(canary)) losses.push(`${trap.name} ran`);
    const changed = [...new Set([...before.keys(), ...censusOf(root).keys()])].filter(
      (path) => before.get(path) !== censusOf(root).get(path),
    );
    if (changed.length > 0) losses.push(`${trap.name}: changed ${changed.slice(0, 5).join(', ')}`);
    rmSync(canary, { force: true });
    for (const words of trap.control ? [trap.control] : EVERYDAY) unprotected(root, words);
    if (existsSync(canary)) controls++;
    progress(at + 1, traps.length);
  }
  losses.push(...(await besideGit(folder(), folder())));
  return {
    faults: traps.length,
    losses,
    control: { losses: controls, of: traps.length, how: 'plain git, npm or node in the same repository' },
    notes: [],
  };
}

const FILES = {
  'src/main.js': 'export function parcelOfTheDepot() {\n  return 1;\n}\n',
  'src/letter.js': 'export function letterOfTheDepot() {\n  return 1;\n}\n',
  'a.txt': 'one\n',
  'b.txt': 'two\n',
  '.gitattributes': '*.txt filter=evil diff=evil merge=evil\n',
  'tools/readme.md': '# Tools\n\nCall `letterOfTheDepot` for a letter.\n',
};

/** What people and their editors run all day. */
const EVERYDAY: readonly (readonly string[])[] = [
  ['git', 'ls-files', '-co', '--exclude-standard'],
  ['git', 'status'],
  ['git', 'diff'],
  ['git', 'log', '-p', '-1'],
  ['git', '-p', 'log'],
  ['git', 'checkout', '-f', '-q', 'HEAD'],
  ['git', 'add', '--all'],
  ['git', 'commit', '-q', '-m', 'more'],
];

function config(name: string, ...values: [setting: string, value: (program: string) => string][]): Trap {
  return {
    name,
    set(root, program) {
      for (const [setting, value] of values) git(root, 'config', setting, value(program));
    },
  };
}

function hook(name: string): Trap {
  return {
    name: `hook ${name}`,
    set(root, program) {
      write(root, { [`.git/hooks/${name}`]: readFileSync(program) });
      chmodSync(join(root, '.git/hooks', name), 0o755);
    },
  };
}

function TRAPS(): Trap[] {
  const itself = (program: string): string => program;
  return [
    config('core.fsmonitor', ['core.fsmonitor', itself]),
    config('clean filter', ['filter.evil.clean', itself]),
    config('smudge filter', ['filter.evil.smudge', itself]),
    config('process filter', ['filter.evil.process', itself]),
    config('textconv', ['diff.evil.textconv', itself]),
    config('diff.external', ['diff.external', itself]),
    config('diff driver', ['diff.evil.command', itself]),
    { ...config('core.pager', ['core.pager', itself]), control: ['script', '-qc', 'git -p log', '/dev/null'] },
    { ...config('alias', ['alias.listing', (program) => `!${program}`]), control: ['git', 'listing'] },
    { ...config('core.sshCommand', ['core.sshCommand', itself]), control: ['git', 'ls-remote', 'ssh://localhost/x'] },
    {
      ...config(
        'ext transport',
        ['remote.origin.url', (program) => `ext::${program}`],
        ['protocol.ext.allow', () => 'always'],
      ),
      control: ['git', 'fetch'],
    },
    { ...config('core.editor', ['core.editor', itself]), control: ['git', 'commit', '--allow-empty'] },
    { ...config('gpg.program', ['gpg.program', itself]), control: ['git', 'commit', '-S', '--allow-empty', '-m', 'x'] },
    config('hooks path', ['core.hooksPath', (program) => join(program, '../hooks')]),
    {
      name: 'include.path',
      set(root, program) {
        write(root, { '.gitconfig-evil': `[core]\n\tfsmonitor = ${program}\n` });
        git(root, 'config', 'include.path', '../.gitconfig-evil');
      },
    },
    hook('post-index-change'),
    hook('post-checkout'),
    hook('pre-commit'),
    hook('reference-transaction'),
    {
      name: 'bare repository in a folder',
      set(root, program) {
        const bare = join(root, 'vendor/bare');
        git(root, 'init', '-q', '--bare', bare);
        git(bare, 'config', 'core.worktree', root);
        git(bare, 'config', 'core.fsmonitor', program);
      },
      control: ['git', '-C', 'vendor/bare', 'status'],
    },
    {
      name: 'a git of its own',
      set(root, program) {
        write(root, { git: readFileSync(program) });
        chmodSync(join(root, 'git'), 0o755);
      },
      control: ['./git', 'status'],
    },
    {
      name: 'npm scripts and .npmrc',
      set(root, program) {
        const scripts = { preinstall: program, prepare: program, start: program };
        write(root, {
          'package.json': JSON.stringify({ name: 'evil', scripts }),
          '.npmrc': `script-shell=${program}\n`,
        });
      },
      control: ['npm', 'start'],
    },
    {
      name: 'NODE_OPTIONS in .env, a node_modules that shadows',
      set(root, program) {
        const evil = `require('node:child_process').spawnSync(${JSON.stringify(program)}, { input: '' });`;
        write(root, { 'evil.cjs': evil, '.env': 'NODE_OPTIONS=--require ./evil.cjs\n' });
        for (const name of ['better-sqlite3', 'chokidar', '@secretlint/core'])
          write(root, {
            [`node_modules/${name}/index.js`]: evil,
            [`node_modules/${name}/package.json`]: '{"main":"index.js"}',
          });
      },
      control: ['node', '-e', "require('better-sqlite3')"],
    },
  ];
}

/** Indexes and asks all tools, with git's own commands found as a terminal in the root would find them. */
async function askAll(root: string, cacheDir: string): Promise<string[]> {
  const path = process.env.PATH;
  process.env.PATH = `.:${root}:${path}`;
  try {
    const { client } = await connect(root, cacheDir);
    let text = '';
    while (!text.includes('Pending: 0\n')) text = (await callTool(client, 'index_status', {})).text;
    const answers = [
      await callTool(client, 'search_code', { query: 'parcelOfTheDepot' }),
      await callTool(client, 'find_similar', { path: 'src/main.js', line: 1 }),
      await callTool(client, 'complete_context', { path: 'src/main.js', line: 2 }),
    ];
    await client.close();
    return answers[0]!.text.includes('src/main.js:') ? [] : ['the repository could not be asked'];
  } finally {
    process.env.PATH = path;
  }
}

/** What `docs-drift` asks of git goes through commits, trees and blobs. */
function askHistory(root: string, cacheDir: string): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [BIN, 'docs-drift', '--json', '--min-certainty', '0'], {
    cwd: root,
    env: { PATH: `.:${root}:${process.env.PATH}`, HOME: cacheDir, DOWSER_CACHE: cacheDir },
    encoding: 'utf8',
  });
  const isFound = stdout.includes('"name": "letterOfTheDepot"') || stdout.includes('"name":"letterOfTheDepot"');
  return isFound ? [] : [`docs-drift did not find what is gone: ${stderr.slice(0, 200)}`];
}

function unprotected(root: string, [command, ...words]: readonly string[]): void {
  spawnSync(command!, words, {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: root,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'f',
      GIT_AUTHOR_EMAIL: 'f@x',
      GIT_COMMITTER_NAME: 'f',
      GIT_COMMITTER_EMAIL: 'f@x',
    },
    stdio: ['ignore', 'ignore', 'ignore'],
    timeout: 20_000,
  });
}

/** Name, size and times of all that lies below a root, .git too. */
function censusOf(root: string): Map<string, string> {
  const census = new Map<string, string>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const { size, mtimeMs, ctimeMs, mode } = lstatSync(join(root, path));
    census.set(path, `${size} ${mtimeMs} ${ctimeMs} ${mode}`);
  }
  return census;
}

/** `git add` beside a server that looks at the disk all the time: none of them meets a lock. */
async function besideGit(home: string, cacheDir: string): Promise<string[]> {
  const root = makeRepository(home, FILES);
  const { client } = await connect(root, cacheDir);
  const losses: string[] = [];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) await callTool(client, 'index_status', {});
  })();
  for (let at = 0; at < 100; at++) {
    write(root, { [`src/new${at}.js`]: `export const value${at} = ${at};\n` });
    try {
      git(root, 'add', '--all');
    } catch (error) {
      losses.push(`git add failed: ${error}`);
    }
    await new Promise(setImmediate);
  }
  isOver = true;
  await asking;
  await client.close();
  return losses;
}
