/** Nothing leaves: servers and commands with every way to a network watched, and where the system allows it, with none there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BIN, environmentFor } from '../bench/processes.ts';
import { callTool, connect } from '../bench/server.ts';
import { PROJECT } from '../trips/projects.ts';
import { makeRepository } from './ground.ts';
import type { Context, Outcome, Row } from './row.ts';

export const network: Row = {
  name: 'every way to a network watched, or taken away',
  promise:
    'no name is looked up and no connection opened, by any thread, and every answer is the same without a network',
  counts: { quick: 10, full: 100 },
  run,
};

const WATCH = fileURLToPath(new URL('watchedNetwork.ts', import.meta.url));
const QUESTIONS: readonly [tool: string, input: Record<string, unknown>][] = [
  ['search_code', { query: 'who takes the lease of a parcel' }],
  ['find_similar', { path: 'src/retry.go', line: 5 }],
  ['complete_context', { path: 'src/lease.ts', line: 5 }],
];
const COMMANDS: readonly (readonly string[])[] = [
  ['search', 'acquireLease'],
  ['index'],
  ['status'],
  ['similar', 'src/retry.go:5'],
  ['clean', '--dry-run'],
  ['models', 'list'],
  ['models', 'verify'],
];
/** Commands that are about no repository. */
const ROOTLESS = ['clean', 'models'];

async function run({ count, folder, progress }: Context): Promise<Outcome> {
  const losses: string[] = [];
  const uses = join(folder(), 'uses');
  const environment = { NODE_OPTIONS: `--no-warnings --require ${WATCH}`, NETWORK_USES: uses };
  const mayTakeAway = spawnSync('unshare', ['-rn', 'true']).status === 0;
  const root = makeRepository(folder(), PROJECT);
  let first: string[] | undefined;
  for (let at = 0; at < count; at++) {
    const isAway = mayTakeAway && at % 2 === 1;
    const within = isAway ? ['unshare', '-rn'] : [];
    const cacheDir = folder();
    const { client } = await connect(root, cacheDir, process.execPath, { within, environment });
    while (!(await callTool(client, 'index_status', {})).text.includes('Pending: 0\n'));
    const answers: string[] = [];
    for (const [tool, input] of QUESTIONS) answers.push((await callTool(client, tool, input)).text);
    await client.close();
    first ??= answers;
    if (answers.join() !== first.join())
      losses.push(`start ${at}${isAway ? ' without a network' : ''} answers otherwise`);
    const words = COMMANDS[at % COMMANDS.length]!;
    const command = [
      ...within,
      process.execPath,
      BIN,
      ...words,
      ...(ROOTLESS.includes(words[0]!) ? [] : ['--root', root]),
    ];
    const env = { ...environmentFor(cacheDir), ...environment };
    const { status, stderr } = spawnSync(command[0]!, command.slice(1), { env, encoding: 'utf8' });
    if (status !== 0) losses.push(`dowser ${words[0]} ended with ${status}: ${stderr.slice(0, 200)}`);
    progress(at + 1, count);
  }
  losses.push(...usesIn(uses).map((use) => `used the network: ${use}`));
  const control = watchedUses(join(folder(), 'uses'));
  if (control.losses < control.of) losses.push(`of ${control.of} ways to a network only ${control.losses} are watched`);
  return {
    faults: 2 * count,
    losses,
    control,
    notes: [
      mayTakeAway ? 'half of them without any network' : 'watched only: this system lets nobody take the network away',
    ],
  };
}

function usesIn(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
}

/** The control: ways to a network that are taken, on the main thread and on another one, are all seen. */
function watchedUses(file: string): Outcome['control'] {
  const ways = [
    "require('node:http').get('http://127.0.0.1:9/').on('error', () => {})",
    "require('node:net').connect(9, '127.0.0.1').on('error', () => {})",
    "require('node:dns').lookup('localhost', () => {})",
    "require('node:dgram').createSocket('udp4').close()",
    "fetch('http://127.0.0.1:9/').catch(() => {})",
    "new (require('node:worker_threads').Worker)(\"require('node:net').connect(9, '127.0.0.1').on('error', () => {})\", { eval: true })",
  ];
  const seen = ways.filter((way) => {
    const before = usesIn(file).length;
    const env = { ...process.env, NODE_OPTIONS: `--no-warnings --require ${WATCH}`, NETWORK_USES: file };
    spawnSync(process.execPath, ['-e', way], { env });
    return usesIn(file).length > before;
  });
  return { losses: seen.length, of: ways.length, how: 'programs that do use it' };
}
