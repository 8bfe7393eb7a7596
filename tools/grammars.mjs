// Copies the wasm grammars and their licences out of the development dependencies, so that none is needed at run time.
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Package -> wasm files in it. The names of the copies are what src/languages.ts calls `grammar`. */
const PACKAGES = {
  '@vscode/tree-sitter-wasm': [
    'wasm/tree-sitter-bash.wasm',
    'wasm/tree-sitter-c-sharp.wasm',
    'wasm/tree-sitter-cpp.wasm',
    'wasm/tree-sitter-go.wasm',
    'wasm/tree-sitter-java.wasm',
    'wasm/tree-sitter-javascript.wasm',
    'wasm/tree-sitter-php.wasm',
    'wasm/tree-sitter-python.wasm',
    'wasm/tree-sitter-ruby.wasm',
    'wasm/tree-sitter-rust.wasm',
    'wasm/tree-sitter-tsx.wasm',
    'wasm/tree-sitter-typescript.wasm',
  ],
  '@repomix/tree-sitter-wasms': ['out/tree-sitter-c.wasm', 'out/tree-sitter-swift.wasm'],
  'tree-sitter-elixir': ['tree-sitter-elixir.wasm'],
  'tree-sitter-haskell': ['tree-sitter-haskell.wasm'],
  'tree-sitter-scala': ['tree-sitter-scala.wasm'],
  '@tree-sitter-grammars/tree-sitter-kotlin': ['tree-sitter-kotlin.wasm'],
  '@tree-sitter-grammars/tree-sitter-lua': ['tree-sitter-lua.wasm'],
  '@tree-sitter-grammars/tree-sitter-zig': ['tree-sitter-zig.wasm'],
};

/** Fills `targetDir` with every grammar and, beside them, the licence of each package they come from. */
export function copyGrammars(root, targetDir) {
  mkdirSync(targetDir, { recursive: true });
  const expected = new Set();
  for (const [name, files] of Object.entries(PACKAGES)) {
    const folder = join(root, 'node_modules', name);
    for (const file of files) copy(join(folder, file), basename(file));
    const licence = readdirSync(folder).find((entry) => /^licen[sc]e(\.|$)/i.test(entry));
    if (licence === undefined) throw new Error(`${name} carries no licence text, so its grammars may not be shipped`);
    copy(join(folder, licence), `${name.replace('/', '-')}.LICENSE`);
  }
  for (const entry of readdirSync(targetDir)) if (!expected.has(entry)) rmSync(join(targetDir, entry));

  function copy(from, entry) {
    expected.add(entry);
    copyFileSync(from, join(targetDir, entry));
  }
}
