/** Generates a repository of many files in several languages, the same every time: what a cold start is measured on. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomNumbers } from './questions.ts';

export type Definition = { readonly name: string; readonly path: string };

const SEED = 7;
/** About what source files of real repositories measure in the mean. */
const FILE_CHARS = 5_000;
const FILES_PER_FOLDER = 40;

const VERBS = [
  'load',
  'parse',
  'render',
  'merge',
  'resolve',
  'encode',
  'flush',
  'schedule',
  'validate',
  'route',
  'cache',
  'split',
];
const NOUNS = [
  'Session',
  'Token',
  'Packet',
  'Header',
  'Ledger',
  'Cursor',
  'Worker',
  'Frame',
  'Schema',
  'Bucket',
  'Channel',
  'Shard',
  'Lease',
  'Quota',
  'Digest',
];
const QUALITIES = [
  'Stale',
  'Remote',
  'Nested',
  'Signed',
  'Partial',
  'Sparse',
  'Atomic',
  'Lazy',
  'Public',
  'Pending',
  'Ordered',
];
const COMMENT_WORDS =
  'the a when it is not ready yet keeps what was read before so that callers never wait for more than one round trip and errors stay visible to whoever asked first'.split(
    ' ',
  );

type Shape = {
  readonly extension: string;
  readonly head: (module: string) => string;
  /** One definition: its name, a sentence on it, and names of others that it calls. */
  readonly definition: (name: string, comment: string, calls: readonly string[]) => string;
};

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const SHAPES: readonly Shape[] = [
  {
    extension: 'ts',
    head: (module) => `import { context } from '../${module}.ts';\n`,
    definition: (name, comment, calls) =>
      `/** ${comment} */\nexport function ${name}(input: Input, limit = 10): Result {\n  const state = context.open(input.key);\n${calls.map((call, at) => `  if (state.size > ${at + 3}) state.push(${call}(input, limit - ${at}));`).join('\n')}\n  return { ok: state.size < limit, state };\n}\n`,
  },
  {
    extension: 'py',
    head: (module) => `"""Helpers around ${module}."""\nfrom .context import open_state\n`,
    definition: (name, comment, calls) =>
      `def ${snake(name)}(source, limit=10):\n    """${comment}."""\n    state = open_state(source)\n${calls.map((call, at) => `    if len(state) > ${at + 3}:\n        state.append(${snake(call)}(source, limit - ${at}))`).join('\n')}\n    return [item for item in state if item is not None][:limit]\n`,
  },
  {
    extension: 'go',
    head: (module) => `package ${module}\n\nimport "errors"\n`,
    definition: (name, comment, calls) =>
      `// ${name} ${comment}.\nfunc ${name}(input *Input, limit int) (int, error) {\n\tstate := input.Open()\n${calls.map((call, at) => `\tif state.Len() > ${at + 3} {\n\t\tif _, err := ${call}(input, limit-${at}); err != nil {\n\t\t\treturn 0, errors.Join(err, ErrLimit)\n\t\t}\n\t}`).join('\n')}\n\treturn state.Len(), nil\n}\n`,
  },
  {
    extension: 'java',
    head: (module) => `package bench.${module};\n\nimport java.util.List;\n`,
    definition: (name, comment, calls) =>
      `/** ${comment}. */\nfinal class ${name[0]!.toUpperCase()}${name.slice(1)} {\n    static int ${name}(List<String> input, int limit) {\n        int total = input.size();\n${calls.map((call, at) => `        if (total > ${at + 3}) {\n            total += ${call[0]!.toUpperCase()}${call.slice(1)}.${call}(input, limit - ${at});\n        }`).join('\n')}\n        return Math.min(total, limit);\n    }\n}\n`,
  },
  {
    extension: 'rs',
    head: (module) => `use crate::${module}::State;\n`,
    definition: (name, comment, calls) =>
      `/// ${comment}.\npub fn ${snake(name)}(input: &State, limit: usize) -> Option<usize> {\n    let mut total = input.len();\n${calls.map((call, at) => `    if total > ${at + 3} {\n        total += ${snake(call)}(input, limit - ${at})?;\n    }`).join('\n')}\n    Some(total.min(limit))\n}\n`,
  },
];

/** Writes `count` files below `root`, a git work tree; returns one symbol of each file, as its language spells it. */
export function writeBigTree(root: string, count: number): Definition[] {
  const next = randomNumbers(SEED);
  const symbols: Definition[] = [];
  for (let at = 0; at < count; at++) {
    const shape = SHAPES[at % SHAPES.length]!;
    const area = `area${Math.floor(at / FILES_PER_FOLDER)}`;
    const names: string[] = [];
    let text = shape.head(area);
    while (text.length < FILE_CHARS) {
      const name = `${pick(VERBS, next)}${pick(QUALITIES, next)}${pick(NOUNS, next)}${names.length === 0 ? '' : 'Of'}${wordFor(at, names.length)}`;
      names.push(name);
      // Others are called, so that a name stands in more files than the one that defines it.
      const calls = [0, 1].map(() => symbols[Math.floor(next() * symbols.length)]?.name ?? name);
      text += `\n${shape.definition(name, sentence(next), calls.map(plain))}`;
    }
    const path = `src/${area}/${plain(names[0]!).toLowerCase()}.${shape.extension}`;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    const spelled = shape.extension === 'py' || shape.extension === 'rs' ? snake(names[0]!) : names[0]!;
    symbols.push({ name: spelled, path });
  }
  execFileSync('git', ['init', '-q', root]);
  return symbols;
}

/** Back from `snake_case`, so that each language spells a call its own way. */
function plain(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** A syllable word that only this definition has, as real names have that of their subject. */
function wordFor(file: number, definition: number): string {
  const syllables = ['ba', 'ke', 'li', 'mo', 'nu', 'ra', 'se', 'ti', 'vo', 'zu'];
  const digits = String(file * 10 + (definition % 10)).padStart(5, '0');
  const word = [...digits].map((digit) => syllables[Number(digit)]!).join('');
  return word[0]!.toUpperCase() + word.slice(1);
}

function sentence(next: () => number): string {
  const words = Array.from({ length: 9 + Math.floor(next() * 9) }, () => pick(COMMENT_WORDS, next));
  return words.join(' ').replace(/^./, (letter) => letter.toUpperCase());
}

function pick<Item>(items: readonly Item[], next: () => number): Item {
  return items[Math.floor(next() * items.length)]!;
}
