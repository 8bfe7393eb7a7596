// Starts the server exactly as mcp.json says, and calls each tool through the Inspector's command line, in both protocol eras.
// Run it with `npm run test:clients`; the repository that is asked about is this one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const inspector = fileURLToPath(new URL('node_modules/@modelcontextprotocol/inspector/package.json', import.meta.url));
const bin = join(inspector, '..', Object.values(JSON.parse(readFileSync(inspector, 'utf8')).bin)[0]);
const home = mkdtempSync(join(tmpdir(), 'dowser-clients-'));
const env = { PATH: process.env.PATH, HOME: home, TERM: 'dumb' };
const TIMEOUT_MS = 120_000;

/** What each call is given, and what its answer must contain. */
const CALLS = [
  ['search_code', { query: 'end the server when its client is gone', limit: 5 }, 'src/mcp/lifetime.ts'],
  ['find_similar', { path: 'src/mcp/visible.ts', line: 20 }, 'Index: '],
  ['complete_context', { path: 'src/mcp/server.ts', line: 60 }, 'Index: '],
  ['index_status', {}, 'Root: '],
];

function inspect(...words) {
  const config = ['--cli', '--config', join(repository, 'mcp.json'), '--server', 'dowser', '--format', 'json'];
  return spawnSync(process.execPath, [bin, ...config, ...words], {
    cwd: repository,
    env,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
}

let passed = 0;
let failed = 0;
function check(name, result, holds) {
  const ok = result.status === 0 && holds(result.stdout);
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok' : 'FAILED'}  ${name}`);
  if (!ok) console.log(`exit ${result.status}\n${result.stdout}\n${result.stderr}`);
}

for (const era of ['legacy', 'modern']) {
  const names = CALLS.map(([name]) => name);
  check(`${era}: tools/list`, inspect('--protocol-era', era, '--method', 'tools/list', '--strict'), (stdout) =>
    names.every((name) => stdout.includes(`"${name}"`)),
  );
  for (const [name, input, expected] of CALLS) {
    const words = ['--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(input)];
    check(`${era}: ${name}`, inspect('--protocol-era', era, ...words), (stdout) => stdout.includes(expected));
  }
}
rmSync(home, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
