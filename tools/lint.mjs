// Formatting, lint rules and both type checks. Runs all of them, then fails if one did.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const steps = [
  ['node_modules/@biomejs/biome/bin/biome', 'check', ...process.argv.slice(2)],
  ['node_modules/typescript/bin/tsc', '-p', '.', '--noEmit'],
  ['node_modules/typescript/bin/tsc', '-p', 'test'],
];
const failed = steps.filter((step) => spawnSync(process.execPath, step, { cwd: root, stdio: 'inherit' }).status !== 0);
process.exit(failed.length === 0 ? 0 : 1);
