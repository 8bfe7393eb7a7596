/** What was asked, from flags, environment, the user's choice and defaults in this order, made one frozen Config. */
import { availableParallelism } from 'node:os';
import { DowserError } from './errors.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { PAUSES, type Pause } from './power.ts';

/** Every setting of one CodeIndex. Frozen; trusted once it exists. */
export type Config = {
  /** Real path of the repository; `findRoot` decides it. */
  readonly root: string;
  /** Folder of the indexes; undefined means the user's cache folder. `DOWSER_CACHE`. */
  readonly cacheDir: string | undefined;
  /** Name of a model, bundled or on the user's shelf, path of a model folder, or 'none' for words alone. `--model`, `DOWSER_MODEL`. */
  readonly model: string;
  /** What runs the model: 'auto' takes what suits it best (embed/embedder.ts says why). `DOWSER_RUNTIME`. */
  readonly runtime: 'auto' | 'onnx' | 'table';
  /** Size of the embeddings, one of the model's; undefined means its largest. `--dimensions`, `DOWSER_DIMENSIONS`. */
  readonly dimensions: number | undefined;
  /** What computes a neural model where it can; the processor does where not. `DOWSER_PROVIDER`. */
  readonly provider: Provider;
  /** Threads that share one run of a neural model; undefined leaves it to embed/embedder.ts. `DOWSER_MODEL_THREADS`. */
  readonly modelThreads: number | undefined;
  /** Worker threads that read, parse and embed, 1 to WORKERS_MAX. `DOWSER_WORKERS`. */
  readonly workers: number;
  /** When a slow model stops reading code behind the answers: on battery is the default (power.ts). `DOWSER_PAUSE`. */
  readonly pause: Pause;
  /** Where `dowser models pull` fetches from, instead of the public hub. `DOWSER_MODEL_MIRROR`. */
  readonly modelMirror: string | undefined;
  /** `--log-level`, `DOWSER_LOG`. */
  readonly logLevel: LogLevel;
};

/** The processor, or a graphics card where the installed ONNX Runtime has been built for it. */
export const PROVIDERS = ['cpu', 'cuda', 'coreml', 'dml', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Far above any model and machine: a typing error, not a choice. */
export const DIMENSIONS_MAX = 8_192;
const MODEL_THREADS_MAX = 64;

/** Each worker holds a parser and a model (about 90 MB): past four, memory grows faster than speed. */
export const WORKERS_MAX = 4;

/** Snippets in an answer: default and bounds. */
export const LIMIT_DEFAULT = 10;
export const LIMIT_MAX = 50;

/** Tokens in an answer: default and bounds. 2,500 keeps the text under the 10 kB that every client shows whole. */
export const MAX_TOKENS_DEFAULT = 2_500;
export const MAX_TOKENS_MIN = 200;
export const MAX_TOKENS_MAX = 20_000;

/** Longest question that is read; a longer one is cut (stack traces fit). */
export const QUERY_CHARS_MAX = 4_096;

type Flags = Partial<Config>;

/** Where the key of a model on a server is looked for. It is read where it is used: a configuration can be shown. */
export const KEY_VARIABLE = 'DOWSER_REMOTE_KEY';

const ENVIRONMENT: Readonly<Record<string, keyof Flags>> = {
  DOWSER_ROOT: 'root',
  DOWSER_CACHE: 'cacheDir',
  DOWSER_MODEL: 'model',
  DOWSER_RUNTIME: 'runtime',
  DOWSER_DIMENSIONS: 'dimensions',
  DOWSER_PROVIDER: 'provider',
  DOWSER_MODEL_THREADS: 'modelThreads',
  DOWSER_WORKERS: 'workers',
  DOWSER_PAUSE: 'pause',
  DOWSER_MODEL_MIRROR: 'modelMirror',
  DOWSER_LOG: 'logLevel',
};

/**
 * Settles every setting: flags win over the environment, this over what the user chose for good, this over the defaults.
 * Throws DowserError('bad_argument') that names the setting which can't be used.
 */
export function resolveConfig(
  flags: Readonly<Record<string, unknown>> & { readonly root: string },
  environment: Readonly<Record<string, string | undefined>> = {},
  chosen: { readonly model?: string | undefined } = {},
): Config {
  const known = new Set<string>(Object.values(ENVIRONMENT));
  for (const name of Object.keys(flags)) {
    if (!known.has(name))
      throw new DowserError('bad_argument', `Unknown setting '${name}'. Known: ${[...known].join(', ')}.`);
  }
  for (const name of Object.keys(environment)) {
    if (name.startsWith('DOWSER_') && !(name in ENVIRONMENT) && name !== KEY_VARIABLE) {
      throw new DowserError('bad_argument', `Unknown variable ${name}. Known: ${Object.keys(ENVIRONMENT).join(', ')}.`);
    }
  }
  const asked = (setting: keyof Flags): unknown => {
    const variable = Object.keys(ENVIRONMENT).find((name) => ENVIRONMENT[name] === setting)!;
    return flags[setting] ?? (environment[variable] || undefined);
  };
  return Object.freeze({
    root: flags.root,
    cacheDir: asText('cacheDir', asked('cacheDir')),
    model: asText('model', asked('model')) ?? chosen.model ?? 'dowser-static-v1',
    runtime: asOneOf('runtime', asked('runtime'), ['auto', 'onnx', 'table'] as const) ?? 'auto',
    dimensions: asCount('dimensions', asked('dimensions'), DIMENSIONS_MAX),
    provider: asOneOf('provider', asked('provider'), PROVIDERS) ?? 'cpu',
    modelThreads: asCount('modelThreads', asked('modelThreads'), MODEL_THREADS_MAX),
    workers:
      asCount('workers', asked('workers'), WORKERS_MAX) ?? Math.max(1, Math.min(WORKERS_MAX, availableParallelism())),
    pause: asOneOf('pause', asked('pause'), PAUSES) ?? 'battery',
    modelMirror: asText('modelMirror', asked('modelMirror')),
    logLevel: asOneOf('logLevel', asked('logLevel'), LOG_LEVELS) ?? 'warn',
  });
}

function asText(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
  throw new DowserError('bad_argument', `Setting '${name}' needs a text, not ${JSON.stringify(value)}.`);
}

function asOneOf<const Choice extends string>(
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice | undefined {
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw new DowserError(
    'bad_argument',
    `Setting '${name}' is one of ${choices.join(', ')}, not ${JSON.stringify(value)}.`,
  );
}

function asCount(name: string, value: unknown, max: number): number | undefined {
  if (value === undefined) return undefined;
  const count = typeof value === 'string' ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new DowserError(
    'bad_argument',
    `Setting '${name}' is a number from 1 to ${max}, not ${JSON.stringify(value)}.`,
  );
}
