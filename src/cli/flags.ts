/** The options of the command line: what each is called, what it takes, and how a mistyped one is answered. */
import { parseArgs } from 'node:util';
import {
  DIMENSIONS_MAX,
  LIMIT_DEFAULT,
  LIMIT_MAX,
  MAX_TOKENS_DEFAULT,
  MAX_TOKENS_MAX,
  MAX_TOKENS_MIN,
} from '../config.ts';
import type { Pooling } from '../embed/manifest.ts';
import { nearest } from '../mcp/nearest.ts';
import { visibleLine } from '../mcp/visible.ts';
import type { Kind } from '../types.ts';

/** A command line that can't be carried out as typed: one line, then where help is. Exit code 2. */
export class UsageError extends Error {}

export type Flag = {
  /** What its value is called in the help; a flag without one is a switch. */
  readonly value?: string;
  readonly repeatable?: true;
  readonly about: string;
};

export const FLAGS = {
  root: { value: 'DIR', about: 'Repository; default: the one around the current folder' },
  path: { value: 'GLOB', repeatable: true, about: "Only these paths, from the root; '!GLOB' leaves out; repeatable" },
  language: { value: 'NAME', repeatable: true, about: 'Only this language; repeatable' },
  kind: { value: 'KIND', about: 'Only code, docs, tests or config' },
  limit: { value: 'N', about: `Most results, 1 to ${LIMIT_MAX} (${LIMIT_DEFAULT})` },
  'max-tokens': {
    value: 'N',
    about: `Budget for the code shown, ${MAX_TOKENS_MIN} to ${MAX_TOKENS_MAX} tokens (${MAX_TOKENS_DEFAULT})`,
  },
  'min-similarity': { value: 'X', about: 'Leave out what is less alike in meaning and structure, 0 to 1 (identical)' },
  'min-certainty': { value: 'X', about: 'Leave out what is less certain, 0 to 1 (0.8)' },
  'min-lines': { value: 'N', about: 'Leave out shorter copies, 3 to 1000 lines (6)' },
  'prefix-file': { value: 'FILE', about: "Unsaved text before the cursor; '-' reads it from standard input" },
  'suffix-file': { value: 'FILE', about: 'Unsaved text after the cursor' },
  since: { value: 'REV', about: 'Only what changed since this commit, tag or branch' },
  fail: { about: 'Exit with 1 when something was found, for CI' },
  'dry-run': { about: 'Show what would be done, and do nothing' },
  all: { about: 'All of them, needed or not: what is missing is made again' },
  yes: { about: 'Do not ask' },
  'accept-licence': { about: "Accept what the model's licence asks for" },
  as: { value: 'NAME', about: 'What the folder holds: a model of the catalog, or a name of your own for another' },
  url: { value: 'URL', about: 'A model on a server that speaks the API of OpenAI: its address, up to and with /v1' },
  'remote-model': { value: 'NAME', about: 'What the server calls the model' },
  'allow-host': { value: 'HOST', about: 'Allow that questions and code are sent to this host' },
  'task-names': {
    about: 'The server puts prefixes before texts itself and wants names of tasks, as the Jina API does',
  },
  'key-variable': { value: 'NAME', about: "Environment variable that holds the server's key (DOWSER_REMOTE_KEY)" },
  pooling: { value: 'HOW', about: 'How the model makes one embedding of a text: last, mean, cls, or none (it does)' },
  padding: { value: 'SIDE', about: 'Where it wants shorter texts filled up: left or right (right)' },
  'token-limit': { value: 'N', about: 'Tokens of a text that it reads (512)' },
  'query-prefix': { value: 'TEXT', about: 'What it wants before a question' },
  'passage-prefix': { value: 'TEXT', about: 'What it wants before a piece of code' },
  licence: { value: 'NAME', about: 'Its licence, to be shown' },
  json: { about: 'Print JSON' },
  explain: { about: 'Show what each part of a score is for' },
  model: { value: 'NAME', about: "Model: a name that 'dowser models list' shows, a folder, or 'none' for words alone" },
  dimensions: { value: 'N', about: "Size of the embeddings, one of the model's (its largest)" },
  'log-level': { value: 'LEVEL', about: 'error, warn, info or debug, on standard error (warn)' },
  quiet: { about: 'Results only: no progress, no notes' },
  'no-color': { about: 'No colours (also: NO_COLOR)' },
  help: { about: 'Show this help' },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;

/** What was typed, read: every value checked as far as that needs no repository. */
export type Options = {
  readonly root?: string;
  readonly paths?: readonly string[];
  readonly languages?: readonly string[];
  readonly kind?: Kind;
  readonly limit?: number;
  readonly maxTokens?: number;
  readonly minSimilarity?: number;
  readonly minCertainty?: number;
  readonly minLines?: number;
  readonly since?: string;
  readonly prefixFile?: string;
  readonly suffixFile?: string;
  readonly model?: string;
  readonly dimensions?: number;
  readonly logLevel?: string;
  readonly as?: string;
  readonly url?: string;
  readonly remoteModel?: string;
  readonly allowHost?: string;
  readonly taskNames: boolean;
  readonly keyVariable?: string;
  readonly pooling?: Pooling;
  readonly padding?: 'left' | 'right';
  readonly tokenLimit?: number;
  readonly queryPrefix?: string;
  readonly passagePrefix?: string;
  readonly licence?: string;
  readonly acceptLicence: boolean;
  readonly fail: boolean;
  readonly dryRun: boolean;
  readonly all: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly explain: boolean;
  readonly quiet: boolean;
  readonly noColor: boolean;
  readonly help: boolean;
};

/** Reads a command's arguments. Throws UsageError for what it does not know. */
export function readFlags(
  argv: readonly string[],
  allowed: readonly FlagName[],
): { options: Options; words: string[] } {
  const config = Object.fromEntries(
    allowed.map((name) => {
      const flag: Flag = FLAGS[name];
      return [
        name,
        {
          type: flag.value === undefined ? ('boolean' as const) : ('string' as const),
          multiple: flag.repeatable === true,
        },
      ];
    }),
  );
  const { tokens, positionals } = parseArgs({
    args: argv.map((word) => (word === '-h' ? '--help' : word)),
    options: config,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    checkFlag(token, allowed);
    given.set(token.name, [...(given.get(token.name) ?? []), token.value ?? '']);
  }
  return { options: toOptions(given), words: positionals };
}

function checkFlag(
  token: { name: string; rawName: string; value?: string | undefined },
  allowed: readonly FlagName[],
): void {
  const name = allowed.find((candidate) => candidate === token.name);
  if (name === undefined) {
    const guess = nearest(token.name, allowed);
    throw new UsageError(
      `Unknown option ${visibleLine(token.rawName, 80)}.${guess === undefined ? '' : ` Did you mean --${guess}?`}`,
    );
  }
  const flag: Flag = FLAGS[name];
  if (flag.value !== undefined && (token.value === undefined || token.value === '')) {
    throw new UsageError(`--${name} needs a value: --${name} ${flag.value}.`);
  }
  if (flag.value === undefined && token.value !== undefined) throw new UsageError(`--${name} takes no value.`);
}

function toOptions(given: ReadonlyMap<string, readonly string[]>): Options {
  const last = (name: FlagName): string | undefined => given.get(name)?.at(-1);
  const options = {
    root: last('root'),
    paths: given.get('path'),
    languages: given.get('language'),
    kind: oneOf('kind', last('kind'), ['code', 'docs', 'tests', 'config', 'any']),
    limit: numberIn('limit', last('limit'), 1, LIMIT_MAX, true),
    maxTokens: numberIn('max-tokens', last('max-tokens'), MAX_TOKENS_MIN, MAX_TOKENS_MAX, true),
    minSimilarity: numberIn('min-similarity', last('min-similarity'), 0, 1, false),
    minCertainty: numberIn('min-certainty', last('min-certainty'), 0, 1, false),
    minLines: numberIn('min-lines', last('min-lines'), 3, 1_000, true),
    since: last('since'),
    prefixFile: last('prefix-file'),
    suffixFile: last('suffix-file'),
    model: last('model'),
    dimensions: numberIn('dimensions', last('dimensions'), 1, DIMENSIONS_MAX, true),
    logLevel: oneOf('log-level', last('log-level'), ['error', 'warn', 'info', 'debug']),
    as: last('as'),
    url: last('url'),
    remoteModel: last('remote-model'),
    allowHost: last('allow-host'),
    taskNames: given.has('task-names'),
    keyVariable: last('key-variable'),
    pooling: oneOf('pooling', last('pooling'), ['none', 'last', 'mean', 'cls']),
    padding: oneOf('padding', last('padding'), ['left', 'right']),
    tokenLimit: numberIn('token-limit', last('token-limit'), 1, 131_072, true),
    queryPrefix: last('query-prefix'),
    passagePrefix: last('passage-prefix'),
    licence: last('licence'),
    acceptLicence: given.has('accept-licence'),
    fail: given.has('fail'),
    dryRun: given.has('dry-run'),
    all: given.has('all'),
    yes: given.has('yes'),
    json: given.has('json'),
    explain: given.has('explain'),
    quiet: given.has('quiet'),
    noColor: given.has('no-color'),
    help: given.has('help'),
  };
  const { kind, ...rest } = options;
  const present = { ...rest, kind: kind === 'any' ? undefined : kind };
  return Object.fromEntries(Object.entries(present).filter(([, value]) => value !== undefined)) as Options;
}

function oneOf(name: FlagName, value: string | undefined, choices: readonly string[]): string | undefined {
  if (value === undefined || choices.includes(value)) return value;
  throw new UsageError(`--${name} is one of ${choices.join(', ')}, not '${visibleLine(value, 80)}'.`);
}

function numberIn(
  name: FlagName,
  value: string | undefined,
  min: number,
  max: number,
  whole: boolean,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d*\.?\d+$/.test(value) && number >= min && number <= max && (!whole || Number.isInteger(number)))
    return number;
  throw new UsageError(
    `--${name} is a ${whole ? 'whole ' : ''}number from ${min} to ${max}, not '${visibleLine(value, 80)}'.`,
  );
}
