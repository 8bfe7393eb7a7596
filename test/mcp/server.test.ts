import { Client } from '@modelcontextprotocol/client';
import { InMemoryTransport } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { afterEach, describe, expect, test } from 'vitest';
import { DowserError } from '../../src/errors.ts';
import { setLogLevel } from '../../src/log.ts';
import { INSTRUCTIONS } from '../../src/mcp/instructions.ts';
import { LateIndex, type OpenIndex } from '../../src/mcp/lateIndex.ts';
import { buildServer } from '../../src/mcp/server.ts';
import type { CodeIndex } from '../../src/types.ts';
import { MemoryIndex } from './memoryIndex.ts';

type Roots = 'none' | 'named' | 'refused';
type Connected = { client: Client; late: LateIndex; opened: string[][] };

const ERAS = ['auto', 'legacy'] as const;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  setLogLevel('warn');
  for (const close of closers.splice(0)) await close();
});

/** A client and a server in this process, joined as over stdio. */
async function connect(
  mode: (typeof ERAS)[number],
  roots: Roots,
  open: () => Promise<CodeIndex>,
  rootIsConfigured = false,
): Promise<Connected> {
  const opened: string[][] = [];
  const openCounted: OpenIndex = (clientRoots) => {
    opened.push([...clientRoots]);
    return open();
  };
  const late = new LateIndex(openCounted, rootIsConfigured);
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const session = serveStdio(({ era }) => buildServer(late, era), { transport: ours });
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: roots === 'none' ? {} : { roots: {} }, versionNegotiation: { mode } },
  );
  if (roots !== 'none') {
    client.setRequestHandler('roots/list', () => {
      if (roots === 'refused') throw new Error('no roots today');
      return { roots: [{ uri: 'file:///home/me/project' }, { uri: 'file:///home/me/other' }] };
    });
  }
  await client.connect(theirs);
  closers.push(async () => {
    await client.close();
    await session.close();
    await late.close();
  });
  return { client, late, opened };
}

const memory = async () => new MemoryIndex({ 'src/lease.ts': 'export function takeLease() {}' });

async function call(
  client: Client,
  name: string,
  input: Record<string, unknown>,
): Promise<{ text: string; isError: boolean }> {
  const result = await client.callTool({ name, arguments: input });
  expect(result.structuredContent).toBeUndefined();
  const texts = result.content.map((content) => (content.type === 'text' ? content.text : content.type));
  return { text: texts.join('\n'), isError: result.isError === true };
}

describe.each(ERAS)('a client that negotiates %s', (mode) => {
  test('meets the server, its instructions and its tools', async () => {
    const { client } = await connect(mode, 'none', memory);
    expect(client.getNegotiatedProtocolVersion()).toBe(mode === 'legacy' ? '2025-11-25' : '2026-07-28');
    expect(client.getServerVersion()).toMatchObject({
      name: 'dowser',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(client.getInstructions()).toBe(INSTRUCTIONS);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['search_code', 'find_similar', 'complete_context', 'index_status']);
    for (const tool of tools) {
      expect(tool.annotations).toMatchObject({
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: true,
        openWorldHint: false,
      });
      expect(tool.outputSchema).toBeUndefined();
    }
    expect(tools.filter(({ _meta }) => _meta?.['anthropic/alwaysLoad'] === true).map(({ name }) => name)).toEqual([
      'search_code',
    ]);
  });

  test('calls every tool and gets text', async () => {
    const { client } = await connect(mode, 'none', memory);
    expect((await call(client, 'search_code', { query: 'lease' })).text).toContain('1. src/lease.ts:1-1');
    expect((await call(client, 'find_similar', { code: 'lease()' })).text).toContain('takeLease');
    expect((await call(client, 'complete_context', { prefix: 'take' })).text).toContain('takeLease');
    expect((await call(client, 'index_status', {})).text).toContain('Root: /repo');
  });

  test('is told in a tool error what to do about bad arguments', async () => {
    const { client } = await connect(mode, 'none', memory);
    const { text, isError } = await call(client, 'search_code', { q: 'lease' });
    expect(isError).toBe(true);
    expect(text).toContain("'query': missing");
  });

  test('hears of a place that does not exist as a tool error', async () => {
    const { client } = await connect(mode, 'none', memory);
    const { text, isError } = await call(client, 'find_similar', { path: 'nowhere.ts', line: 3 });
    expect(isError).toBe(true);
    expect(text).toContain("No file 'nowhere.ts' in the index.");
  });

  test('hears of a fault of ours by an id only, and the next call works', async () => {
    setLogLevel('error');
    const index = await memory();
    const { client } = await connect(mode, 'none', async () => index);
    const search = index.search.bind(index);
    index.search = async () => {
      throw new Error('secret text of the repository');
    };
    const { text, isError } = await call(client, 'search_code', { query: 'lease' });
    expect(isError).toBe(true);
    expect(text).toMatch(/^internal error [0-9a-f]{8} in search_code/);
    expect(text).not.toContain('secret');
    index.search = search;
    expect((await call(client, 'search_code', { query: 'lease' })).isError).toBe(false);
  });

  test('finds the prompts, and gets one filled in', async () => {
    const { client } = await connect(mode, 'none', memory);
    const { prompts } = await client.listPrompts();
    expect(prompts).toMatchObject([{ name: 'review_duplicates', arguments: [{ name: 'since', required: false }] }]);
    const { messages } = await client.getPrompt({ name: 'review_duplicates', arguments: { since: 'HEAD' } });
    expect(messages).toMatchObject([
      { role: 'user', content: { type: 'text', text: expect.stringContaining('HEAD') } },
    ]);
    const long = { name: 'review_duplicates', arguments: { since: 'x'.repeat(500) } };
    await expect(client.getPrompt(long)).rejects.toThrow("'since' names a commit");
    await expect(client.getPrompt({ name: 'other' })).rejects.toThrow("Unknown prompt 'other'");
  });

  test('is refused a tool that does not exist', async () => {
    const { client } = await connect(mode, 'none', memory);
    await expect(call(client, 'grep', {})).rejects.toThrow("Unknown tool 'grep'");
  });

  test('gets the reason when the index can not be opened, and another try with the next call', async () => {
    setLogLevel('error');
    let fails = true;
    const { client, opened } = await connect(mode, 'none', async () => {
      if (fails) throw new DowserError('bad_root', 'That folder is too wide. Give one with --root.');
      return memory();
    });
    expect(await call(client, 'index_status', {})).toEqual({
      text: 'That folder is too wide. Give one with --root.',
      isError: true,
    });
    fails = false;
    expect((await call(client, 'index_status', {})).isError).toBe(false);
    expect(opened.length).toBeGreaterThan(1);
  });

  test('waits for an index that is still being opened, and sees progress', async () => {
    const { promise, resolve } = deferred<CodeIndex>();
    const { client } = await connect(mode, 'none', () => promise);
    const messages: (string | undefined)[] = [];
    const result = client.callTool(
      { name: 'search_code', arguments: { query: 'lease' } },
      { onprogress: ({ message }) => messages.push(message) },
    );
    setTimeout(async () => resolve(await memory()), 30);
    expect(JSON.stringify(await result)).toContain('takeLease');
    expect(messages).toEqual(['opening the index', 'searching']);
  });

  test('sees how far a slow model has read the code', async () => {
    const index = await memory();
    index.reading = () => ({ done: 1_200, total: 3_000, phase: 'reading' });
    const { client } = await connect(mode, 'none', async () => index);
    const messages: (string | undefined)[] = [];
    const onprogress = ({ message }: { message?: string | undefined }) => messages.push(message);
    await client.callTool({ name: 'search_code', arguments: { query: 'lease' } }, { onprogress });
    expect(messages.at(-1)).toBe('searching; the slow model has read 1,200 of 3,000 chunks');
  });

  test('may cancel a call', async () => {
    const index = await memory();
    const { promise, resolve } = deferred<void>();
    index.search = ({ signal }) =>
      new Promise((_, reject) => {
        signal!.addEventListener('abort', () => {
          resolve();
          reject(new DowserError('cancelled', 'Cancelled.'));
        });
      });
    const { client } = await connect(mode, 'none', async () => index);
    const abort = new AbortController();
    const result = client.callTool({ name: 'search_code', arguments: { query: 'lease' } }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(result).rejects.toThrow();
    await promise; // the index was told
  });

  test.each([
    ['named', [['file:///home/me/project', 'file:///home/me/other']]],
    ['refused', [[]]],
    ['none', [[]]],
  ] as const)('whose roots are %s has the index opened there, once', async (roots, expected) => {
    setLogLevel('error');
    const { client, opened } = await connect(mode, roots, memory);
    await client.listTools();
    // A newer client that can't answer what the server needs fails its own call: the next one must work.
    await call(client, 'index_status', {}).catch(() => undefined);
    if (mode === 'legacy' || roots !== 'refused') expect(opened).toEqual(expected);
  });
});

test.each(ERAS)('a client that negotiates %s is not asked for roots when the root is configured', async (mode) => {
  const { client, opened } = await connect(mode, 'named', memory, true);
  await call(client, 'index_status', {});
  expect(opened).toEqual([[]]);
});

describe('an index that opens late', () => {
  test('is closed although it opens only after the end', async () => {
    const { promise, resolve } = deferred<CodeIndex>();
    const late = new LateIndex(() => promise, true);
    late.begin();
    const closing = late.close();
    const index = await memory();
    resolve(index);
    await closing;
    expect(index.closed).toBe(true);
  });

  test('does not hold a call whose client went away', async () => {
    const late = new LateIndex(() => new Promise(() => {}), true);
    const abort = new AbortController();
    const waiting = late.get(abort.signal);
    abort.abort();
    await expect(waiting).rejects.toThrow('cancelled');
    await expect(late.get(abort.signal)).rejects.toThrow('cancelled');
  });

  test('is not opened any more once it was closed', async () => {
    let opens = 0;
    const late = new LateIndex(() => {
      opens++;
      return memory();
    }, true);
    await late.close();
    late.begin();
    await expect(late.get(new AbortController().signal)).rejects.toThrow('shutting down');
    expect(opens).toBe(0);
  });
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
