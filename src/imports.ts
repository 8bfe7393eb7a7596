/** What a file imports, read from the look of its lines in any language, and how well a path of the repository fits. Pure. */

/** A module as an import names it: its parts, and whether they count from the importing file's folder. */
export type Import = { readonly parts: readonly string[]; readonly isRelative: boolean };

/** Imports stand at the top; a file with more is generated. */
const IMPORTS_MAX = 80;
const PARTS_MAX = 8;

/** Lines that name a module: by a keyword at their start, or by a call that loads one. */
const LEAD =
  /^\s*(?:\.\s|(?:import|from|use|using|require|require_relative|include|#\s*include|#\s*import|alias|source|export\b.*\bfrom|@import|load|autoload)\b(?!\.|\s*[(=:,)])|(?:pub\s+)?mod\s+\w+\s*;|package\s+[\w.]+\s*;?\s*$|open\s+[A-Z][\w.]*\s*$)/;
const CALL = /\b(?:require|@import|import|dofile|include_once|require_once|Code\.require_file)\s*\(?\s*["'`]/;

/** The modules that a text imports, in order, each once. */
export function importsOf(text: string): Import[] {
  const found = new Map<string, Import>();
  const lines = text.split('\n');
  for (let at = 0; at < lines.length && found.size < IMPORTS_MAX; at++) {
    const line = lines[at]!;
    const isGoBlock = /^\s*(?:[\w.]+\s+)?"[\w./-]+"\s*$/.test(line);
    if (!isGoBlock && !LEAD.test(line) && !CALL.test(line)) {
      // What was imported over several lines ends with where from.
      const from = /^\s*\}\s*from\s+["']([^"']+)["']/.exec(line)?.[1];
      if (from !== undefined) addModule(found, from);
      continue;
    }
    const quoted = [...line.matchAll(/["'`<]([\w@./\\+-]+)["'`>]/g)].map(([, module]) => module!);
    if (quoted.length > 0) for (const module of quoted) addModule(found, module);
    else for (const module of modulesNamed(line)) addModule(found, module);
  }
  return [...found.values()];
}

/** Which lines only import: they name much and show nothing. 1 for each that does. */
export function markImports(lines: readonly string[]): Uint8Array {
  const marks = new Uint8Array(lines.length);
  let open = '';
  for (const [at, line] of lines.entries()) {
    if (open !== '') {
      marks[at] = 1;
      if (line.includes(open)) open = '';
      continue;
    }
    if (!LEAD.test(line) && !((line.includes('require') || line.includes('@import')) && MODULE_LOADED.test(line)))
      continue;
    marks[at] = 1;
    if (/\{[^}]*$/.test(line)) open = '}';
    else if (/\([^)]*$/.test(line)) open = ')';
  }
  return marks;
}

/** `const a = require('b')`, and nothing else on the line. */
const MODULE_LOADED =
  /^\s*(?:const|let|var|local|pub const)?\s*[\w{}, ]+=\s*(?:require|@import)\s*\(?["'][^"']*["']\)?\s*;?\s*$/;

/** Names joined by dots, colons or backslashes: `use App\Http\{Kernel, Request}` names two. */
function modulesNamed(line: string): string[] {
  const plain = line.replace(/(?:\/\/|--|#(?!\s*include)).*$/, '');
  const python = /^\s*from\s+([\w.]+)\s+import\s+(.*)$/.exec(plain);
  if (python !== null) {
    const names = python[2]!.match(/\w+/g) ?? [];
    return [python[1]!, ...names.slice(0, PARTS_MAX).map((name) => `${python[1]}.${name}`.replace(/\.\./g, '.'))];
  }
  const group = /([\w.:\\]+)[:.\\]*\{([^}]*)\}/.exec(plain);
  if (group !== null) return group[2]!.split(',').map((name) => `${group[1]}::${name.trim().split(/\s/)[0]}`);
  return (plain.match(/[\w]+(?:(?:::|[.\\/])[\w*]+)+|\b[A-Za-z_]\w+/g) ?? []).filter((word) => !KEYWORDS.has(word));
}

const KEYWORDS = new Set(
  'import from use using require require_relative include alias open source package mod pub static as qualified hiding crate const local export autoload load'.split(
    ' ',
  ),
);

function addModule(found: Map<string, Import>, module: string): void {
  const isRelative = /^\.{1,2}(?:\/|$|\w)/.test(module) || /^(?:self|super|crate)::/.test(module);
  const parts = module
    .replace(/\.(?:[cm]?[jt]sx?|h|hh|hpp|hxx|inc|py|rb|php|lua|zig|sh|bash|dart)$/, '')
    .split(/::|[./\\]+/)
    .filter((part) => part !== '' && part !== '*' && part !== 'crate' && part !== 'self' && part !== 'super')
    .map(plain)
    .slice(-PARTS_MAX);
  if (parts.length > 0) found.set(`${isRelative} ${parts.join('/')}`, { parts, isRelative });
}

/** `MyApp` and `my_app` are one name. */
function plain(part: string): string {
  return part.replaceAll(/[_-]/g, '').toLowerCase();
}

/** Files that stand for their folder. */
const BARREL = new Set(['index', 'init', 'mod', 'lib', 'main', 'root', 'package']);

/** How well a path fits the best of these imports, 0 to 1. */
export function importFitter(imports: readonly Import[]): (path: string) => number {
  // Most paths are told apart by their last two names alone: an import fits none that has neither of its own last two.
  const byEnd = new Map<string, Import[]>();
  for (const one of imports)
    for (const part of new Set(one.parts.slice(-2))) byEnd.set(part, [...(byEnd.get(part) ?? []), one]);
  const known = new Map<string, number>();
  return (path) => {
    let fit = known.get(path);
    if (fit === undefined) {
      const names = namesOf(path);
      fit = 0;
      for (const end of names.slice(-2)) for (const one of byEnd.get(end) ?? []) fit = Math.max(fit, fits(one, names));
      known.set(path, fit);
    }
    return fit;
  };
}

/** How much of a module's name the path's end repeats, 0 to 1. The last part may name something in the file, not the file. */
function fits({ parts }: Import, names: readonly string[]): number {
  const whole = matchEnd(parts, names);
  if (whole > 0) return whole;
  // `net/http` is a folder of files; `store.open` a name in a file.
  const folder = 0.8 * matchEnd(parts, names.slice(0, -1));
  const member = parts.length > 1 ? 0.8 * matchEnd(parts.slice(0, -1), names) : 0;
  return Math.max(folder, member);
}

/** Plain names of a path's folders and of its file, without a file that stands for its folder. Every file is asked for at each cursor. */
function namesOf(path: string): readonly string[] {
  let names = pathNames.get(path);
  if (names === undefined) {
    const all = path
      .replace(/\.\w+$/, '')
      .split('/')
      .map(plain);
    names = all.length > 1 && BARREL.has(all.at(-1)!) ? all.slice(0, -1) : all;
    if (pathNames.size >= PATHS_KEPT) pathNames.clear();
    pathNames.set(path, names);
  }
  return names;
}

/** Paths whose names are remembered: 10,000 take 3 MB. */
const PATHS_KEPT = 10_000;
const pathNames = new Map<string, readonly string[]>();

/** Share of the parts that end the path; 0 unless the last one does. */
function matchEnd(parts: readonly string[], named: readonly string[]): number {
  let count = 0;
  while (count < parts.length && count < named.length && parts.at(-1 - count) === named.at(-1 - count)) count++;
  if (count === 0) return 0;
  const possible = Math.min(parts.length, named.length);
  return 0.5 + 0.5 * (count / Math.max(1, possible));
}
