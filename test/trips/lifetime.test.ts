/** A server starts at once and ends with its client: idle, and in the middle of indexing. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BIN, makePlace, manyFiles, msUntilExit, type Place, PROJECT, pause, RawServer } from './support.ts';

const HANDSHAKE_MS_MAX = 1_000;
const EXIT_MS_MAX = 1_000;
const ORPHAN_MS_MAX = 3_000;
/** The least of so many times counts: what other work on the machine takes is not the server's. */
const ATTEMPTS = 3;
/** Far beyond the bounds: a server that outlives this is killed, and the test fails. */
const GIVE_UP_MS = 15_000;

let idle: Place;
let large: Place;
beforeAll(() => {
  idle = makePlace(PROJECT);
  large = makePlace(manyFiles(3_000));
});
afterAll(() => {
  idle.remove();
  large.remove();
});

/** A fresh cache, so that the server finds everything still to be indexed. */
function cold(place: Place): Place {
  coldRuns++;
  return {
    ...place,
    environment: { ...place.environment, DOWSER_CACHE: `${place.environment.DOWSER_CACHE}-${coldRuns}` },
  };
}
let coldRuns = 0;

async function startIn(state: string): Promise<RawServer> {
  const server = new RawServer(state === 'idle' ? idle : cold(large));
  await server.initialize();
  if (state === 'idle') await server.request('tools/call', { name: 'index_status', arguments: {} });
  else await pause(400); // in the middle of it: 3,000 files take seconds
  return server;
}

test.each([
  ['small', () => cold(idle)],
  ['large and cold', () => cold(large)],
])('the handshake is answered within a second on a %s repository', async (_name, place) => {
  await expectWithin(HANDSHAKE_MS_MAX, async () => {
    const startedMs = performance.now();
    const server = new RawServer(place());
    const result = await server.initialize();
    const ms = performance.now() - startedMs;
    expect(result).toMatchObject({ serverInfo: { name: 'dowser' }, capabilities: { tools: {} } });
    server.child.stdin.end();
    await msUntilExit(server.child, GIVE_UP_MS);
    return ms;
  });
});

describe.each(['idle', 'indexing'])('a server that is %s', (state) => {
  test.each([
    ['its input ends', (server: RawServer) => server.child.stdin.end()],
    ['SIGINT', (server: RawServer) => server.child.kill('SIGINT')],
    ['SIGTERM', (server: RawServer) => server.child.kill('SIGTERM')],
    ['SIGHUP', (server: RawServer) => server.child.kill('SIGHUP')],
    [
      'nobody reads its output any more',
      (server: RawServer) => {
        server.child.stdout.destroy();
        server.child.stdin.write('{"jsonrpc":"2.0","id":99,"method":"tools/list"}\n');
      },
    ],
  ])('ends within a second when %s', async (_name, end) => {
    await expectWithin(EXIT_MS_MAX, async () => {
      const server = await startIn(state);
      end(server);
      const ms = await msUntilExit(server.child, GIVE_UP_MS);
      expect(server.child.signalCode).toBeNull();
      return ms;
    });
  });

  // Five megabytes are to be read first, beside the threads that index.
  test('ends soon after a message that is longer than any honest one', async () => {
    const server = await startIn(state);
    server.child.stdin.write('x'.repeat(5 * 1024 * 1024));
    await msUntilExit(server.child, GIVE_UP_MS);
    expect(server.child.signalCode).toBeNull();
  });

  test.skipIf(process.platform === 'win32')('ends soon after its parent was killed', async () => {
    await expectWithin(ORPHAN_MS_MAX, async () => {
      const place = state === 'idle' ? idle : cold(large);
      const parent = spawn(process.execPath, ['-e', PARENT, BIN], {
        cwd: place.root,
        env: place.environment,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const pid = Number(
        await new Promise<string>((resolve) => parent.stdout.once('data', (data: Buffer) => resolve(data.toString()))),
      );
      await pause(500);
      expect(isAlive(pid)).toBe(true);
      parent.kill('SIGKILL');
      const startedMs = performance.now();
      while (isAlive(pid) && performance.now() - startedMs < GIVE_UP_MS) await pause(50);
      return performance.now() - startedMs;
    });
  });
});

/** Measures once more where a time was too long: only what is always slow fails. */
async function expectWithin(msMax: number, measure: () => Promise<number>): Promise<void> {
  const times: number[] = [];
  while (times.length < ATTEMPTS && !(Math.min(...times) < msMax)) times.push(await measure());
  expect(Math.min(...times), `${times.map(Math.round)} ms`).toBeLessThan(msMax);
}

/** Starts a server whose input stays open when this process dies: the test itself holds the other end. */
const PARENT = `
  const child = require('node:child_process').spawn(process.execPath, [process.argv[1], 'serve'], { stdio: ['inherit', 'ignore', 'inherit'] });
  process.stdout.write(String(child.pid));
  setInterval(() => {}, 1000);`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('standard output carries nothing but the protocol', async () => {
  const server = new RawServer(cold(idle), ['serve', '--log-level', 'debug']);
  await server.initialize();
  await server.request('tools/list', {});
  await server.request('tools/call', { name: 'search_code', arguments: { query: 'lease' } });
  await server.request('tools/call', { name: 'search_code', arguments: { wrong: 1 } });
  server.child.stdin.write('this is not JSON\n');
  server.child.stdin.end();
  await msUntilExit(server.child, GIVE_UP_MS);
  for (const line of server.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  expect(server.child.exitCode).toBe(0);
});
