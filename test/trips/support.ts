/** Temporary repositories, the real binary, and the real server with real clients. */
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  execFileSync,
  spawn,
  spawnSync,
} from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { vi } from 'vitest';

/** Trips start processes and index thousands of files: on a loaded machine that takes its time. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

export const BIN = fileURLToPath(new URL('../../bin/dowser.cjs', import.meta.url));

/** Nothing of the machine reaches a trip but the PATH; its home and its cache are its own. */
export type Place = { readonly root: string; readonly environment: Record<string, string>; remove(): void };

export function makePlace(files: Readonly<Record<string, string>>): Place {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-trip-')));
  const root = join(folder, 'repository');
  mkdirSync(root);
  write(root, files);
  execFileSync('git', ['init', '-q'], { cwd: root, env: { PATH: process.env.PATH, HOME: folder } });
  const environment = { PATH: process.env.PATH ?? '', HOME: folder, DOWSER_CACHE: join(folder, 'cache'), TERM: 'dumb' };
  return { root, environment, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

export function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** A small project with something to find in several languages and kinds of file. */
export const PROJECT: Readonly<Record<string, string>> = {
  'README.md':
    '# Parcel depot\n\nRoutes parcels between depots.\n\n## Leases\n\nA worker takes a lease before it moves a parcel.\n',
  'src/lease.ts': [
    "import { Clock } from './clock.ts';",
    '',
    '/** Takes the lease of a parcel, or waits until the one who holds it lets go. */',
    'export async function acquireLease(parcel: string, clock: Clock): Promise<Lease> {',
    '  while (held.has(parcel)) await clock.tick();',
    '  held.add(parcel);',
    '  return { parcel, release: () => held.delete(parcel) };',
    '}',
    '',
    'export type Lease = { parcel: string; release(): boolean };',
    'const held = new Set<string>();',
    '',
  ].join('\n'),
  'src/clock.ts':
    '/** Time that tests can hold still. */\nexport interface Clock {\n  now(): number;\n  tick(): Promise<void>;\n}\n',
  'src/router.py': [
    'class DepotRouter:',
    '    """Finds the shortest way between two depots."""',
    '',
    '    def shortest_route(self, start, goal):',
    '        queue = [(0, start)]',
    '        while queue:',
    '            cost, depot = queue.pop(0)',
    '            if depot == goal:',
    '                return cost',
    '        raise LookupError("no route between depots")',
    '',
  ].join('\n'),
  'src/retry.go':
    'package depot\n\n// Retry calls f until it succeeds or attempts run out.\nfunc Retry(attempts int, f func() error) error {\n\tvar err error\n\tfor i := 0; i < attempts; i++ {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t}\n\treturn err\n}\n',
  'src/retryTwin.go':
    'package depot\n\n// Again calls f until it succeeds or tries run out.\nfunc Again(tries int, f func() error) error {\n\tvar err error\n\tfor i := 0; i < tries; i++ {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t}\n\treturn err\n}\n',
  'test/lease.test.ts':
    "import { acquireLease } from '../src/lease.ts';\n\ntest('a lease is exclusive', async () => {\n  const lease = await acquireLease('p1', clock);\n  lease.release();\n});\n",
  'config/depot.json': '{ "depots": ["north", "south"], "leaseSeconds": 30 }\n',
};

/** `count` files that each define a function of a name of their own. */
export function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [pathAt(at), textAt(at)]));
}

export function pathAt(at: number): string {
  return `src/part${at % 40}/module${at}.ts`;
}

export function nameAt(at: number): string {
  return `handle${wordAt(at)}${at}`;
}

function textAt(at: number): string {
  const body = Array.from(
    { length: 12 },
    (_, line) => `  const step${line} = input * ${line} + ${at}; // ${wordAt(at + line)}`,
  );
  const head = `/** Works on ${wordAt(at * 7)}. */\nexport function ${nameAt(at)}(input: number): number {`;
  return `${head}\n${body.join('\n')}\n  return step0 + step11;\n}\n`;
}

function wordAt(at: number): string {
  return WORDS[at % WORDS.length]!;
}

const WORDS = [
  'Parcel',
  'Depot',
  'Route',
  'Lease',
  'Invoice',
  'Courier',
  'Label',
  'Customs',
  'Pallet',
  'Manifest',
  'Weight',
  'Tariff',
  'Pickup',
];

export function runCli(place: Place, words: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...words], {
    cwd: place.root,
    env: place.environment,
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

export type Era = 'auto' | 'legacy';

/** A client of the current SDK, connected to a server of its own on this place. */
export async function connectClient(place: Place, era: Era = 'auto'): Promise<Client> {
  const client = new Client({ name: 'trip', version: '1' }, { versionNegotiation: { mode: era } });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BIN, 'serve'],
    env: place.environment,
    cwd: place.root,
    stderr: 'inherit',
  });
  await client.connect(transport);
  return client;
}

type AnyClient = { callTool(call: { name: string; arguments?: Record<string, unknown> }): Promise<unknown> };

/** The text of a tool's answer. */
export async function ask(
  client: AnyClient,
  name: string,
  input: Record<string, unknown> = {},
): Promise<{ text: string; isError: boolean }> {
  const result = (await client.callTool({ name, arguments: input })) as {
    content: { type: string; text: string }[];
    isError?: boolean;
  };
  return { text: result.content.map(({ text }) => text).join('\n'), isError: result.isError === true };
}

/** Asks until the answer fits, at most `withinMs`; returns the last answer. */
export async function askUntil(
  ask: () => Promise<string>,
  fits: (text: string) => boolean,
  withinMs: number,
): Promise<string> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const text = await ask();
    if (fits(text) || Date.now() > deadline) return text;
    await pause(50);
  }
}

/** A server without a client around it: lines in, lines out. */
export class RawServer {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #id = 0;

  constructor(place: Place, words: readonly string[] = ['serve']) {
    this.child = spawn(process.execPath, [BIN, ...words], { cwd: place.root, env: place.environment });
    this.child.stderr.on('data', (chunk: Buffer) => process.stderr.write(chunk));
    this.child.stdin.on('error', () => {}); // it may be gone before we write
    createInterface(this.child.stdout).on('line', (line) => {
      this.lines.push(line);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** Sends a request and resolves to its response. */
  async request(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    for (;;) {
      const found = this.lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((message) => message.id === id && 'result' in message);
      if (found !== undefined) return found.result as Record<string, unknown>;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async initialize(): Promise<Record<string, unknown>> {
    const result = await this.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    });
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
    return result;
  }
}

/** Milliseconds until the process has ended, from now; kills it when that takes longer than `atMostMs`. */
export async function msUntilExit(child: ChildProcess, atMostMs: number): Promise<number> {
  const startedMs = performance.now();
  const killer = setTimeout(() => child.kill('SIGKILL'), atMostMs);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  clearTimeout(killer);
  return performance.now() - startedMs;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
