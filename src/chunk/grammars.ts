/** Grammars as wasm: each is loaded once, on first use; the only file that knows web-tree-sitter. */
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Language, type Node, Parser, type Tree, type TreeCursor } from 'web-tree-sitter';
import type { Syntax } from '../languages.ts';
import { log } from '../log.ts';

export type { Node, Tree, TreeCursor };

/**
 * A parse may take this long, then its file is chunked by lines: grammars need 0.1 to 1 ms for a thousand characters,
 * Scala's up to 8 (500 ms for a file of 60,000), and seconds only where a text drives them astray. It is the thread's own time where Node tells it (from 23.9 on):
 * how a file is chunked must not depend on how busy the machine is.
 */
export const PARSE_MS_MAX = 1_000;
const PARSE_MS_PER_1000_CHARS = 5;

/** What a node is to the chunker. */
export const Role = {
  Token: 0,
  Other: 1,
  Container: 2,
  Function: 3,
  Value: 4,
  Wrapper: 5,
  Comment: 6,
  Attribute: 7,
} as const;

/** A grammar and what its node types mean, by type id. */
export type Grammar = {
  readonly roles: Uint8Array;
  /** Where the name of a defining node stands (see languages.ts). */
  readonly rules: readonly (string | undefined)[];
  readonly language: Language;
};

const FOLDER = new URL('../../dist/grammars/', import.meta.url);
const ERROR_TYPE_ID = 65_535;
const loading = new Map<string, Promise<Grammar | undefined>>();
const broken = new Map<string, string>();
let runtime: Promise<void> | undefined;
let parser: Parser | undefined;

/** The grammars that could not be used in this thread, and why: their files are chunked by lines. */
export function brokenGrammars(): ReadonlyMap<string, string> {
  return broken;
}

/** The grammar, or undefined when it can't be used. */
export function loadGrammar(syntax: Syntax): Promise<Grammar | undefined> {
  let grammar = loading.get(syntax.grammar);
  if (grammar === undefined) {
    grammar = load(syntax).catch((error: unknown) => {
      reportBroken(syntax.grammar, error);
      return undefined;
    });
    loading.set(syntax.grammar, grammar);
  }
  return grammar;
}

/** Parses, hands the tree to `use` and frees it; undefined when the text took too long or the parser failed on it. */
export function withTree<Result>(grammar: Grammar, text: string, use: (tree: Tree) => Result): Result | undefined {
  let tree: Tree | null = null;
  try {
    tree = parse(grammar, text);
    return tree === null ? undefined : use(tree);
  } catch (error) {
    if (!(error instanceof Error && error.name === 'RuntimeError')) throw error;
    // The parser trapped on this text: its state can't be trusted, but other texts are not to suffer.
    log.warn('a parser failed; chunking the file by lines', { error: String(error) });
    parser = undefined;
    tree = null;
    return undefined;
  } finally {
    tree?.delete();
  }
}

function parse(grammar: Grammar, text: string): Tree | null {
  parser ??= new Parser();
  parser.setLanguage(grammar.language);
  // What a stopped parse left behind would be taken up again.
  parser.reset();
  const budgetMs = Math.max(PARSE_MS_MAX, (text.length / 1_000) * PARSE_MS_PER_1000_CHARS);
  const startMs = threadMs();
  const progressCallback = (): boolean => threadMs() - startMs > budgetMs;
  return parser.parse(text, null, { progressCallback });
}

function threadMs(): number {
  if (typeof process.threadCpuUsage !== 'function') return performance.now();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

async function load(syntax: Syntax): Promise<Grammar> {
  runtime ??= startRuntime();
  await runtime;
  const language = await Language.load(fileURLToPath(new URL(syntax.grammar, FOLDER)));
  const roles = new Uint8Array(ERROR_TYPE_ID + 1);
  const rules: (string | undefined)[] = [];
  const known = knownTypes(syntax);
  for (let id = 0; id < language.nodeTypeCount; id++) {
    if (!language.nodeTypeIsNamed(id)) continue;
    const found = known.get(language.nodeTypeForId(id) ?? '');
    roles[id] = found?.role ?? Role.Other;
    rules[id] = found?.rule;
  }
  roles[ERROR_TYPE_ID] = Role.Wrapper;
  return { roles, rules, language };
}

/**
 * Optimising a grammar's lexer, one function of 100 kB and more, takes V8 600 MB (Python) for a gain of a third on
 * large trees and a loss on small ones: 144 MB instead of 390 for 10 MB of C++, 97 instead of 600 for 0.6 MB of Python.
 */
function startRuntime(): Promise<void> {
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
  return Parser.init();
}

function knownTypes(syntax: Syntax): Map<string, { role: number; rule: string }> {
  const known = new Map<string, { role: number; rule: string }>();
  const lists: [string, number][] = [
    [syntax.containers, Role.Container],
    [syntax.functions, Role.Function],
    [syntax.values, Role.Value],
    [syntax.wrappers, Role.Wrapper],
    [syntax.comments, Role.Comment],
    [syntax.attributes, Role.Attribute],
  ];
  for (const [list, role] of lists) {
    for (const word of list.split(/\s+/).filter((word) => word !== '')) {
      const [type = '', ...rule] = word.split('=');
      known.set(type, { role, rule: rule.join('=') });
    }
  }
  return known;
}

function reportBroken(name: string, error: unknown): void {
  broken.set(name, error instanceof Error ? error.message : String(error));
  log.warn('a grammar can not be used; its files are chunked by lines', { grammar: name, error: broken.get(name) });
}
