// Builds dist: compiled sources, grammars with their licences. Does nothing when dist is newer than all it is made of.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyGrammars } from './grammars.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');
const quiet = process.argv.includes('--quiet');

function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}

const inputs = ['src', 'tools', 'package-lock.json', 'tsconfig.json'].map((name) => join(root, name));
if (existsSync(stamp) && Math.max(...inputs.map(newestMs)) <= statSync(stamp).mtimeMs) {
  if (!quiet) console.log('dist is up to date');
} else {
  // Files of deleted sources must not linger, but a running server's dist must not vanish for long: only code is cleared.
  for (const name of existsSync(join(root, 'dist')) ? readdirSync(join(root, 'dist')) : []) {
    if (name !== 'grammars') rmSync(join(root, 'dist', name), { recursive: true, force: true });
  }
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root], {
    stdio: ['ignore', 2, 2],
  });
  if (tsc.status !== 0) process.exit(tsc.status ?? 1);
  mkdirSync(join(root, 'dist', 'grammars'), { recursive: true });
  copyGrammars(root, join(root, 'dist', 'grammars'));
  writeFileSync(stamp, '');
  if (!quiet) console.log('built dist');
}
