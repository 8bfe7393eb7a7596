// Copies the wasm grammars and their licences out of the development dependencies, so that none is needed at run time.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  // Grammars whose wasm comes in somebody else's package: the text of their own licence.
  for (const entry of readdirSync(join(root, 'tools', 'licences'))) copy(join(root, 'tools', 'licences', entry), entry);
  repairSwift(join(targetDir, 'tree-sitter-swift.wasm'));
  for (const entry of readdirSync(targetDir)) if (!expected.has(entry)) rmSync(join(targetDir, entry));

  function copy(from, entry) {
    expected.add(entry);
    copyFileSync(from, join(targetDir, entry));
  }
}

/**
 * The scanner of this Swift grammar allocates its state with `calloc(0, 4)`, which clears nothing: from the second
 * file on it starts with garbage and takes twenty times as long where a text has an error (upstream has `calloc(1, 4)`
 * by now). One byte makes it so. A grammar without that code needs no repair.
 */
function repairSwift(file) {
  const wasm = readFileSync(file);
  const callocOfNothing = Buffer.from([0x41, 0x00, 0x41, 0x04, 0x10]); // i32.const 0, i32.const 4, call
  const at = wasm.indexOf(callocOfNothing);
  if (at === -1) return;
  if (wasm.indexOf(callocOfNothing, at + 1) !== -1)
    throw new Error(`${file} has changed: look at its scanner's state again`);
  wasm[at + 1] = 1;
  writeFileSync(file, wasm);
}
