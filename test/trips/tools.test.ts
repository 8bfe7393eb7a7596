/** A client connects and asks every tool: the current SDK in both protocol eras, and the SDK before it. */
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, BIN, connectClient, makePlace, type Place, PROJECT, RawServer } from './support.ts';

let place: Place;
beforeAll(() => {
  place = makePlace(PROJECT);
});
afterAll(() => place.remove());

type AnyClient = Parameters<typeof ask>[0];

async function askEveryTool(client: AnyClient): Promise<void> {
  const found = await ask(client, 'search_code', { query: 'wait until the holder lets go of a parcel' });
  expect(found.text).toMatch(/^1\. src\/lease\.ts:\d+-\d+ · score/m);
  expect(found.text).toContain('export async function acquireLease(parcel: string, clock: Clock): Promise<Lease> {');
  const symbol = await ask(client, 'search_code', { query: 'shortest_route', languages: ['python'], kind: 'code' });
  expect(symbol.text).toMatch(/^1\. src\/router\.py:/m);
  const similar = await ask(client, 'find_similar', { path: 'src/retry.go', line: 5 });
  expect(similar.text).toMatch(/^1\. src\/retryTwin\.go:/m);
  expect(similar.text).not.toMatch(/^\d+\. src\/retry\.go:/m);
  const context = await ask(client, 'complete_context', { path: 'test/lease.test.ts', line: 4 });
  expect(context.text).toContain('src/lease.ts');
  const unsaved = await ask(client, 'complete_context', {
    prefix: "import { acquireLease } from '../src/lease.ts';\nconst lease = await acquireLease(",
  });
  expect(unsaved.text).toContain('export async function acquireLease');
  const status = await ask(client, 'index_status');
  expect(status.text).toContain(`Root: ${place.root}`);
  for (const { isError } of [found, symbol, similar, context, unsaved, status]) expect(isError).toBe(false);
}

test.each(['auto', 'legacy'] as const)('the current client, negotiating %s, uses every tool', async (era) => {
  const client = await connectClient(place, era);
  expect(client.getNegotiatedProtocolVersion()).toBe(era === 'auto' ? '2026-07-28' : '2025-11-25');
  await askEveryTool(client);
  await client.close();
});

test('the client of the older package uses every tool', async () => {
  const client = new OldClient({ name: 'old', version: '1' });
  await client.connect(
    new OldTransport({ command: process.execPath, args: [BIN, 'serve'], env: place.environment, cwd: place.root }),
  );
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['search_code', 'find_similar', 'complete_context', 'index_status']);
  await askEveryTool(client);
  await client.close();
});

describe('the root', () => {
  const statusIn = async (words: readonly string[], environment: Record<string, string>): Promise<string> => {
    const server = new RawServer(
      { ...place, root: elsewhere.root, environment: { ...place.environment, ...environment } },
      ['serve', ...words],
    );
    await server.initialize();
    const result = await server.request('tools/call', { name: 'index_status', arguments: {} });
    server.child.stdin.end();
    return JSON.stringify(result);
  };
  let elsewhere: Place;
  beforeAll(() => {
    elsewhere = makePlace({ 'a.ts': 'export const a = 1;\n' });
  });
  afterAll(() => elsewhere.remove());

  test('is --root before DOWSER_ROOT before CLAUDE_PROJECT_DIR before the current folder', async () => {
    const at = (root: string): string => `Root: ${root}`;
    expect(await statusIn([], {})).toContain(at(elsewhere.root));
    expect(await statusIn([], { CLAUDE_PROJECT_DIR: `${place.root}/src` })).toContain(at(place.root));
    expect(await statusIn([], { DOWSER_ROOT: place.root, CLAUDE_PROJECT_DIR: elsewhere.root })).toContain(
      at(place.root),
    );
    expect(await statusIn(['--root', place.root], { DOWSER_ROOT: elsewhere.root })).toContain(at(place.root));
  });

  test('is refused in words when it is the whole disk, the home folder or missing; the handshake works all the same', async () => {
    expect(await statusIn(['--root', '/'], {})).toMatch(/too wide.*"isError":true/s);
    expect(await statusIn([], { DOWSER_ROOT: elsewhere.root, HOME: elsewhere.root })).toMatch(
      /too wide.*"isError":true/s,
    );
    expect(await statusIn(['--root', '/nowhere/at/all'], {})).toMatch(/Give a folder that exists.*"isError":true/s);
  });
});

describe('random questions', () => {
  const COUNT = 200;
  const text = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.string({ unit: 'binary', minLength: 1 }),
    fc
      .array(
        fc.constantFrom(
          '"',
          "'",
          '*',
          'NEAR',
          'AND',
          'OR',
          'NOT',
          '(',
          ')',
          ':',
          '^',
          '-',
          'lease',
          'a.b',
          '%',
          '_',
          ';',
          '--',
          '\0',
          '世界',
        ),
        { minLength: 1 },
      )
      .map((words) => words.join(' ')),
    fc.constantFrom(
      'SELECT * FROM chunks',
      'x'.repeat(20_000),
      '\\',
      '{"a":',
      '../../etc/passwd',
      'C:\\x',
      'lease '.repeat(2_000),
    ),
  );
  const paths = fc.oneof(
    fc.constantFrom(...Object.keys(PROJECT), '..', '/etc/passwd', 'src', '.git/config', '', 'a\0b'),
    text,
  );
  const line = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer());
  const filters = {
    paths: fc.array(text, { maxLength: 2 }),
    languages: fc.array(fc.constantFrom('go', 'typescript', 'TS', 'klingon'), { maxLength: 2 }),
    limit: fc.integer({ min: 0, max: 51 }),
  };
  const inputs: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
    search_code: fc.record(
      { query: text, ...filters, kind: fc.constantFrom('code', 'docs', 'any') },
      { requiredKeys: ['query'] },
    ),
    find_similar: fc.oneof(
      fc.record(
        { code: text, ...filters, min_similarity: fc.double({ min: 0, max: 1, noNaN: true }) },
        { requiredKeys: ['code'] },
      ),
      fc.record({ path: paths, line }),
    ),
    complete_context: fc.oneof(
      fc.record(
        { prefix: text, suffix: text, path: paths, max_tokens: fc.integer({ min: 100, max: 21_000 }) },
        { requiredKeys: ['prefix'] },
      ),
      fc.record({ path: paths, line, column: line }, { requiredKeys: ['path', 'line'] }),
    ),
    index_status: fc.constantFrom({}, { verbose: true }),
  };

  test.each(Object.keys(inputs))(`to %s raise no internal error, ${COUNT} times`, async (name) => {
    const client = await connectClient(place);
    const answered = { fine: 0, refused: 0 };
    for (const input of fc.sample(inputs[name]!, { numRuns: COUNT, seed: 5 })) {
      const { text: answer, isError } = await ask(client, name, input);
      expect(answer, JSON.stringify(input)).not.toMatch(/internal error|SQLITE|at .*\.js:\d+|root:x:/);
      expect(Buffer.byteLength(answer)).toBeGreaterThan(0);
      answered[isError ? 'refused' : 'fine']++;
    }
    expect(answered.fine, JSON.stringify(answered)).toBeGreaterThan(COUNT / 10);
    await client.close();
  });
});
