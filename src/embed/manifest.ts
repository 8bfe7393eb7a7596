/**
 * What model.json says, checked field by field. By hand: a schema library takes 55 ms to load, in each thread that has a
 * model, and a small repository is indexed in a few hundred.
 */
import type { Side, Task } from '../types.ts';
import { type Prefixes, SIDES, TASKS } from './tasks.ts';

export type ModelFile = { readonly sha256: string; readonly bytes: number };

export type ModelManifest = {
  readonly name: string;
  /** What model.onnx is: a table of weighted vectors, which needs no library, or anything else that ONNX Runtime runs. */
  readonly kind: 'static' | 'transformer';
  readonly version: 1;
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly pooling: 'none';
  readonly inputs: { readonly ids: string; readonly mask: string; readonly side: string };
  readonly output: string;
  readonly prefixes: Prefixes;
  readonly sides: Readonly<Partial<Record<Task, Readonly<Partial<Record<Side, Side>>>>>>;
  readonly licence: string;
  readonly files: Readonly<Record<'model.onnx' | 'tokenizer.json', ModelFile>>;
};

/**
 * The manifest, with what is not listed here left out: that can describe a model, but what changes its embeddings comes
 * with another `kind` or `version`, which an older dowser refuses. Throws an Error that names the wrong field.
 */
export function readManifest(json: unknown): ModelManifest {
  const root = new Field(json, '');
  const inputs = root.at('inputs');
  const files = root.at('files');
  return {
    name: root.at('name').text(/^[\w][\w.-]{0,99}$/),
    kind: root.at('kind').oneOf(['static', 'transformer']),
    version: root.at('version').oneOf([1]),
    dimensions: root.at('dimensions').count(4096),
    maxTokens: root.at('maxTokens').count(8192),
    pooling: root.at('pooling').oneOf(['none']),
    inputs: { ids: inputs.at('ids').text(), mask: inputs.at('mask').text(), side: inputs.at('side').text() },
    output: root.at('output').text(),
    prefixes: entries(root.at('prefixes'), TASKS, (task) => entries(task, SIDES, (side) => side.text())) as Prefixes,
    sides: optional(root.at('sides'), TASKS, (task) => optional(task, SIDES, (side) => side.oneOf(SIDES))),
    licence: root.at('licence').text(),
    files: { 'model.onnx': modelFile(files.at('model.onnx')), 'tokenizer.json': modelFile(files.at('tokenizer.json')) },
  };
}

/** One value of the manifest and where it stands. */
class Field {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  get isThere(): boolean {
    return this.#value !== undefined;
  }

  at(name: string): Field {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('an object');
    const own = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    return new Field(own, this.#path === '' ? name : `${this.#path}.${name}`);
  }

  text(pattern = /(?:)/): string {
    if (typeof this.#value === 'string' && pattern.test(this.#value)) return this.#value;
    throw this.#wrong(pattern.source === '(?:)' ? 'a text' : `a text like ${pattern.source}`);
  }

  count(max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw this.#wrong(`a whole number from 1 to ${max}`);
  }

  oneOf<const Choice>(choices: readonly Choice[]): Choice {
    const choice = choices.find((candidate) => candidate === this.#value);
    if (choice !== undefined) return choice;
    throw this.#wrong(choices.map((candidate) => JSON.stringify(candidate)).join(' or '));
  }

  #wrong(wanted: string): Error {
    return new Error(`${this.#path === '' ? 'the whole' : this.#path}: expected ${wanted}`);
  }
}

function modelFile(field: Field): ModelFile {
  return { sha256: field.at('sha256').text(/^[0-9a-f]{64}$/), bytes: field.at('bytes').count() };
}

function entries<Name extends string, Value>(field: Field, names: readonly Name[], read: (value: Field) => Value) {
  return Object.fromEntries(names.map((name) => [name, read(field.at(name))])) as Record<Name, Value>;
}

/** Like `entries`, of the names that are there. */
function optional<Name extends string, Value>(field: Field, names: readonly Name[], read: (value: Field) => Value) {
  if (!field.isThere) return {};
  return entries(
    field,
    names.filter((name) => field.at(name).isThere),
    read,
  ) as Partial<Record<Name, Value>>;
}
