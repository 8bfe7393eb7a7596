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

export { manyFiles, nameAt, PROJECT, pathAt } from './projects.ts';

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
