/**
 * What model.json says, checked field by field. By hand: a schema library takes 55 ms to load, in each thread that has a
 * model, and a small repository is indexed in a few hundred.
 */
import { KEY_VARIABLE } from '../config.ts';
import type { Side, Task } from '../types.ts';
import { type Prefixes, SIDES, TASKS } from './tasks.ts';

export type ModelFile = { readonly sha256: string; readonly bytes: number };

/** Which of a model's outputs become the embedding of a text: 'none' where the model gives one for each text itself. */
export type Pooling = 'none' | 'last' | 'mean' | 'cls';

type Common = {
  readonly name: string;
  readonly version: 1;
  /** Of an embedding as the model makes it. */
  readonly dimensions: number;
  /** Sizes to which it may be cut, ascending (Matryoshka, arXiv 2205.13147); the last is `dimensions`. */
  readonly matryoshka: readonly number[];
  readonly maxTokens: number;
  readonly prefixes: Prefixes;
  readonly sides: Readonly<Partial<Record<Task, Readonly<Partial<Record<Side, Side>>>>>>;
  readonly licence: string;
  /** What must be accepted before the model is of use: set where the licence asks for more than a mention. */
  readonly notice?: string;
};

type Inputs = { readonly ids: string; readonly mask: string; readonly side: string };

/** Files by name: the two that every model has, and the weights that model.onnx keeps beside itself. */
type Files = Readonly<Record<string, ModelFile>> & Readonly<Record<(typeof MODEL_FILES)[number], ModelFile>>;

/** A table of weighted vectors: it needs no library. */
export type StaticManifest = Common & {
  readonly kind: 'static';
  readonly pooling: 'none';
  readonly inputs: Inputs;
  readonly output: string;
  readonly files: Files;
};

/** Anything else that ONNX Runtime runs. */
export type TransformerManifest = Common & {
  readonly kind: 'transformer';
  readonly pooling: Pooling;
  /** Where shorter texts of a batch are filled up. */
  readonly padding: 'left' | 'right';
  /** Without them, the model's own inputs say what it is fed. */
  readonly inputs?: Inputs;
  /** Without it, the first of its outputs that can be pooled. */
  readonly output?: string;
  readonly files: Files;
};

/** A server that speaks the API of OpenAI's `/v1/embeddings`; texts leave this machine, or this process at least. */
export type RemoteManifest = Common & {
  readonly kind: 'remote';
  /** Up to and with `/v1`. */
  readonly url: string;
  /** What the server calls the model. */
  readonly model: string;
  /** The host, with its port if it has one, that the user consented to send texts to; it must be that of `url`. */
  readonly host: string;
  /** Environment variable that the server's key is in, if it wants one. */
  readonly keyVariable: string;
  /** By the server's name of the task ('' where it has none): the start of what it gave for PROBE_TEXT (remote.ts) when it was added. */
  readonly probes: Readonly<Record<string, readonly number[]>>;
  /** Names of tasks for a server that puts prefixes before texts itself, as the Jina API does. */
  readonly tasks?: Readonly<Record<Task, Readonly<Record<Side, string>>>>;
};

export type LocalManifest = StaticManifest | TransformerManifest;
export type ModelManifest = LocalManifest | RemoteManifest;

export const MODEL_FILES = ['model.onnx', 'tokenizer.json'] as const;

const DIMENSIONS_MAX = 8_192;
const TOKENS_MAX = 131_072;
/** A plain name: never a path, so that nothing outside the folder is read. */
const FILE_NAME = /^\w[\w.-]{0,199}$/;

/**
 * The manifest, with what is not listed here left out: that can describe a model, but what changes its embeddings comes
 * with another `kind` or `version`, which an older dowser refuses. Throws an Error that names the wrong field.
 */
export function readManifest(json: unknown): ModelManifest {
  const root = new Field(json, '');
  const kind = root.at('kind').oneOf(['static', 'transformer', 'remote']);
  const common = readCommon(root);
  if (kind === 'remote') {
    const [tasks, key] = [root.at('tasks'), root.at('keyVariable')];
    return {
      ...common,
      kind,
      url: root.at('url').text(/^https?:\/\/\S+$/),
      model: root.at('model').text(/./),
      host: root.at('host').text(/^\S+$/),
      keyVariable: key.isThere ? key.text(/^[A-Z_][A-Z0-9_]*$/) : KEY_VARIABLE,
      probes: readProbes(root.at('probes')),
      ...(tasks.isThere ? { tasks: readSides(tasks) } : {}),
    };
  }
  const files = readFiles(root.at('files'));
  if (kind === 'static') {
    const pooling = root.at('pooling').oneOf(['none']);
    return { ...common, kind, pooling, inputs: readInputs(root.at('inputs')), output: root.at('output').text(), files };
  }
  const [inputs, output, padding] = [root.at('inputs'), root.at('output'), root.at('padding')];
  return {
    ...common,
    kind,
    pooling: root.at('pooling').oneOf(['none', 'last', 'mean', 'cls']),
    padding: padding.isThere ? padding.oneOf(['left', 'right']) : 'right',
    ...(inputs.isThere ? { inputs: readInputs(inputs) } : {}),
    ...(output.isThere ? { output: output.text() } : {}),
    files,
  };
}

function readCommon(root: Field): Common {
  const dimensions = root.at('dimensions').count(DIMENSIONS_MAX);
  const [matryoshka, notice] = [root.at('matryoshka'), root.at('notice')];
  return {
    name: root.at('name').text(/^[\w][\w.-]{0,99}$/),
    version: root.at('version').oneOf([1]),
    dimensions,
    matryoshka: matryoshka.isThere ? matryoshka.counts(dimensions) : [dimensions],
    maxTokens: root.at('maxTokens').count(TOKENS_MAX),
    prefixes: readSides(root.at('prefixes')),
    sides: optional(root.at('sides'), TASKS, (task) => optional(task, SIDES, (side) => side.oneOf(SIDES))),
    licence: root.at('licence').text(),
    ...(notice.isThere ? { notice: notice.text() } : {}),
  };
}

function readProbes(field: Field): RemoteManifest['probes'] {
  const names = field.isThere ? field.names(/^[\w.-]{0,100}$/) : [];
  return entries(field, names, (probe) => probe.numbers());
}

function readSides(field: Field): Prefixes {
  return entries(field, TASKS, (task) => entries(task, SIDES, (side) => side.text()));
}

function readInputs(inputs: Field): Inputs {
  return { ids: inputs.at('ids').text(), mask: inputs.at('mask').text(), side: inputs.at('side').text() };
}

function readFiles(files: Field): Files {
  const others = files.names(FILE_NAME).filter((name) => !MODEL_FILES.some((file) => file === name));
  return entries(files, [...MODEL_FILES, ...others], modelFile) as Files;
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

  /** Ascending, at least one, the last one `last`. */
  counts(last: number): number[] {
    const value = this.#value;
    const isRow =
      Array.isArray(value) && value.every((size, at) => Number.isInteger(size) && size > (value[at - 1] ?? 0));
    if (isRow && value.at(-1) === last) return value;
    throw this.#wrong(`ascending whole numbers that end with ${last}`);
  }

  numbers(): readonly number[] {
    const value = this.#value;
    if (Array.isArray(value) && value.every(Number.isFinite)) return value;
    throw this.#wrong('a list of numbers');
  }

  /** The names of what is in an object. */
  names(pattern: RegExp): string[] {
    const value = this.#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('an object');
    const names = Object.keys(value);
    if (names.every((name) => pattern.test(name))) return names;
    throw this.#wrong(`names like ${pattern.source}`);
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
