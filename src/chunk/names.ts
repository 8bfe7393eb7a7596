/** Reads the names that a defining node gives, by the rule its language row has for it. */
import type { Node } from './grammars.ts';

/** `name` is undefined where a node defines nothing of its own (an `impl` block); `owners` are outermost first. */
export type Name = {
  readonly name: string | undefined;
  readonly owners: readonly string[];
  /** Line on which the name stands. */
  readonly row: number;
  readonly role?: 'container' | 'function';
};

/** Longer ones are no names that anybody asks for; tests in Swift and Java have some of 116. */
const NAME_CHARS_MAX = 160;
/** More would be a chain of calls, not a qualified name. */
const OWNERS_MAX = 4;
/** Steps down a C declarator; deeper ones are generated or hostile. */
const DECLARATOR_DEPTH_MAX = 12;

const ELIXIR_CONTAINERS = new Set(['defmodule', 'defprotocol', 'defimpl']);
const ELIXIR_FUNCTIONS = new Set(
  'def defp defmacro defmacrop defguard defguardp defdelegate defn defnp defcallback test'.split(' '),
);
/** Words of a qualified name that own nothing. */
const NO_OWNERS = new Set(['exports', 'module', 'prototype', 'this', 'self', 'window', 'crate', 'super', '_G']);

/** What a C parser that lost its way between macros takes for names. */
const C_KEYWORDS = new Set(['namespace', 'class', 'struct', 'if', 'for', 'while', 'switch', 'return', 'else']);

/** The name of a definition; undefined when the node turns out to define nothing. */
export function readName(node: Node, rule: string, enclosed: boolean): Name | undefined {
  if (rule === 'elixir') return readElixir(node);
  if (rule === 'declarator') return readDeclarator(node);
  const required = /^\?(\w+):/.exec(rule);
  if (required !== null && node.childForFieldName(required[1]!) === null) return undefined;
  if (rule.startsWith('!') && enclosed) return undefined;
  const [path = '', ownerField] = rule.slice(required?.[0].length ?? 0).split('@');
  for (const alternative of path.split('|')) {
    const steps = alternative.replace(/^[!^=]/, '');
    const target = follow(node, steps);
    if (target === undefined) continue;
    const scopeOnly = alternative.startsWith('^');
    const owner = ownerField === undefined ? null : node.childForFieldName(ownerField);
    const owners = owner === null ? [] : ownerNames(owner.text);
    const { name, owners: qualifiers } = splitName(target.text);
    const row = target.startPosition.row;
    if (scopeOnly)
      return { name: undefined, owners: [...qualifiers, ...(name === undefined ? [] : [name]), ...owners], row };
    return name === undefined ? undefined : { name, owners: [...owners, ...qualifiers], row };
  }
  return undefined;
}

/** Takes a written name apart: `Foo<T>::bar` -> bar of Foo, `exports.run` -> run, `operator==` as it is. */
export function splitName(text: string): { name: string | undefined; owners: string[] } {
  const trimmed = text.slice(0, 4 * NAME_CHARS_MAX).trim();
  if (/^["']/.test(trimmed)) return { name: clip(trimmed.replace(/^["']+|["']+$/g, '')), owners: [] };
  if (!/[\p{L}\p{N}_]/u.test(trimmed)) return { name: clip(trimmed.replace(/^\((.*)\)$/s, '$1').trim()), owners: [] };
  const operator = /(?:^|::)\s*(operator(?:\W.*)?)$/s.exec(trimmed);
  const plain = withoutArguments(operator === null ? trimmed : trimmed.slice(0, operator.index));
  const parts = plain
    .split(/::|->|[.:\\/]/)
    .map(lastWord)
    .filter((part) => part !== '');
  const name = operator === null ? parts.pop() : operator[1]!.replace(/\s+/g, ' ');
  const owners = parts.filter((part) => !NO_OWNERS.has(part)).slice(-OWNERS_MAX);
  return { name: name === 'exports' || name === '_' ? undefined : clip(name), owners };
}

/** The type of a receiver or of instance heads: `(s *Set[K])` -> Set. */
function ownerNames(text: string): string[] {
  const word = lastWord(withoutArguments(text.replace(/[()*&]/g, ' ')));
  return word === '' || NO_OWNERS.has(word) ? [] : [word];
}

/** Leaves out what stands in angle or square brackets. */
function withoutArguments(text: string): string {
  let depth = 0;
  let kept = '';
  for (const char of text) {
    if (char === '<' || char === '[') depth += 1;
    else if (char === '>' || char === ']') depth = Math.max(0, depth - 1);
    else if (depth === 0) kept += char;
  }
  return kept;
}

function lastWord(text: string): string {
  const word = /([~@#$]*[\p{L}\p{N}_$][\p{L}\p{M}\p{N}_$'!?=-]*)\W*$/u.exec(text.trim())?.[1] ?? '';
  return word.replace(/^[@#$]+/, '');
}

function clip(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : name.slice(0, NAME_CHARS_MAX);
}

/** Walks a path of steps (see languages.ts). */
function follow(node: Node, path: string): Node | undefined {
  let at: Node | undefined = node;
  for (const step of path.split('/')) {
    const [field = '', type] = step.split('>');
    if (at === undefined) return undefined;
    if (field === '') at = childOfType(at, type ?? '');
    else {
      at = at.childForFieldName(field) ?? undefined;
      if (type !== undefined && at?.type !== type) return undefined;
    }
  }
  return at;
}

function childOfType(node: Node, type: string): Node | undefined {
  for (let index = 0; index < node.namedChildCount; index++) {
    const child = node.namedChild(index);
    if (child?.type === type) return child;
  }
  return undefined;
}

/** `*(*name)(args)[3]` -> name. A declaration of a function is no definition; a variable or a type is. */
function readDeclarator(node: Node): Name | undefined {
  const declares = node.type === 'declaration';
  let at = node.childForFieldName('declarator');
  let called: Node | undefined;
  for (let depth = 0; at !== null && /declarator$/.test(at.type) && depth < DECLARATOR_DEPTH_MAX; depth++) {
    if (at.type === 'function_declarator') called ??= at;
    at = at.childForFieldName('declarator') ?? at.namedChild(at.namedChildCount - 1);
  }
  if (at === null || (declares && called !== undefined)) return undefined;
  const row = at.startPosition.row;
  const { name, owners } = splitName(at.text);
  if (name !== undefined && C_KEYWORDS.has(name)) return undefined;
  if (node.type !== 'function_definition') return name === undefined ? undefined : { name, owners, row };
  // `class EXPORTED Name { ... }` parses as a function without parameters.
  if (called === undefined) return { name, owners, row, role: 'container' };
  if (node.childForFieldName('type') === null && name !== undefined && /^[A-Z][A-Z0-9_]+$/.test(name)) {
    // TEST(Suite, Name) { ... }: the macro's arguments are what it defines.
    const given = splitName(called.childForFieldName('parameters')?.text.replace(/[(),\s]+/g, '.') ?? '');
    if (given.name !== undefined) return { ...given, row };
  }
  return { name, owners, row };
}

/** Elixir defines by calling macros. */
function readElixir(node: Node): Name | undefined {
  const target = node.childForFieldName('target')?.text ?? '';
  if (target === 'describe') return { name: undefined, owners: [], row: node.startPosition.row, role: 'container' };
  const isContainer = ELIXIR_CONTAINERS.has(target);
  if (!isContainer && !ELIXIR_FUNCTIONS.has(target)) return undefined;
  const given = childOfType(node, 'arguments');
  let head = given?.namedChild(0) ?? null;
  if (head === null) return undefined;
  if (head.type === 'binary_operator' && head.childForFieldName('operator')?.text === 'when')
    head = head.childForFieldName('left');
  const row = node.startPosition.row;
  const role = isContainer ? 'container' : 'function';
  const text = head?.childForFieldName('target')?.text ?? head?.childForFieldName('operator')?.text ?? head?.text ?? '';
  const { name, owners } = splitName(text);
  if (target !== 'defimpl') return name === undefined ? undefined : { name, owners, row, role };
  const type = /\bfor:\s*([\w.]+)/.exec(given?.text.slice(0, 4 * NAME_CHARS_MAX) ?? '')?.[1];
  return {
    name: undefined,
    owners: [...owners, ...(name ? [name] : []), ...(type ? ownerNames(type) : [])],
    row,
    role,
  };
}
