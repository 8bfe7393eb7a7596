// Builds, runs the tests, and ends with one line that counts them: `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

if (run('tools/build.mjs', '--quiet') !== 0) process.exit(1);
const folder = mkdtempSync(join(tmpdir(), 'dowser-test-'));
const report = join(folder, 'report.json');
const status = run(
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
);
let counts;
try {
  counts = JSON.parse(readFileSync(report, 'utf8'));
} catch {
  counts = { numPassedTests: 0, numFailedTests: 1, testResults: [] };
}
rmSync(folder, { recursive: true, force: true });
// A file that could not be loaded has no tests to fail: it counts as one.
const broken = counts.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
const failed = counts.numFailedTests + broken;
console.log(`${counts.numPassedTests} passed, ${failed} failed`);
process.exit(status !== 0 || failed > 0 || counts.numPassedTests === 0 ? 1 : 0);
