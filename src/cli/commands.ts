/** The commands: one entry each. What a command needs is loaded when it runs, so that help and version are instant. */
import type { FlagName, Options } from './flags.ts';

export type Command = {
  readonly name: string;
  readonly summary: string;
  /** What may stand after the name, one line each. */
  readonly usage: readonly string[];
  readonly flags: readonly FlagName[];
  /** What else is worth knowing before it is run. */
  readonly notes?: readonly string[];
  readonly examples: readonly string[];
  /** Resolves to the exit code. */
  run(options: Options, words: readonly string[], signal: AbortSignal): Promise<number>;
};

const COMMON: readonly FlagName[] = ['model', 'dimensions', 'log-level', 'quiet', 'no-color', 'help'];
const FILTERS: readonly FlagName[] = ['root', 'path', 'language', 'kind', 'limit', 'max-tokens', 'json', 'explain'];

export const COMMANDS: readonly Command[] = [
  {
    name: 'search',
    summary: 'Find code by a question, a name or an error message',
    usage: ['[options] QUERY...'],
    flags: [...FILTERS, ...COMMON],
    examples: [
      'dowser search "where are expired sessions removed"',
      "dowser search parse_url --language python --path 'src/**'",
      'dowser search "connection reset by peer" --kind code --json',
    ],
    run: async (...input) => (await import('./actions.ts')).search(...input),
  },
  {
    name: 'similar',
    summary: 'Find code that does the same as a piece of it, or nearly',
    usage: ['[options] PATH:LINE', '[options] -      (the code itself, from standard input)'],
    flags: [...FILTERS, 'min-similarity', ...COMMON],
    examples: [
      'dowser similar src/store.ts:42',
      'dowser similar src/store.ts:42 --min-similarity 0.8',
      'pbpaste | dowser similar -',
    ],
    run: async (...input) => (await import('./actions.ts')).similar(...input),
  },
  {
    name: 'dupes',
    summary: 'List code that stands in several places, what saves most first',
    usage: ['[options]'],
    flags: ['root', 'since', 'min-lines', 'path', 'language', 'kind', 'limit', 'fail', 'json', ...COMMON],
    examples: [
      'dowser dupes',
      'dowser dupes --since main --fail      (in CI: does this branch touch copied code?)',
      "dowser dupes --path 'src/**' --min-lines 12 --limit 20",
      'dowser dupes --kind tests --json',
    ],
    run: async (...input) => (await import('./actions.ts')).dupes(...input),
  },
  {
    name: 'complete',
    summary: 'Collect what is needed to write the code at a place',
    usage: ['[options] PATH:LINE[:COLUMN]', '[options] --prefix-file FILE [--suffix-file FILE] [PATH]'],
    flags: ['root', 'prefix-file', 'suffix-file', 'limit', 'max-tokens', 'json', 'explain', ...COMMON],
    examples: ['dowser complete src/store.ts:42', 'head -n 80 draft.ts | dowser complete --prefix-file - src/draft.ts'],
    run: async (...input) => (await import('./actions.ts')).complete(...input),
  },
  {
    name: 'docs-drift',
    summary: 'Report prose and comments that name what the code no longer has',
    usage: ['[options]'],
    flags: ['root', 'path', 'since', 'min-certainty', 'fail', 'json', 'log-level', 'quiet', 'no-color', 'help'],
    notes: [
      'Reported, most certain first: comments that document a parameter which the code below them does not have; and',
      'symbols, paths, flags and arguments in code marks that prose names, that git proves to have been there, and that',
      'are gone. Logs of changes, words about the past and names that never were here are passed over.',
      'What is less certain than 0.8 (symbols, calls, options) is counted and not shown, unless --min-certainty says so.',
      'Exit code 0; with --fail 1 when something was found.',
    ],
    examples: [
      'dowser docs-drift',
      'dowser docs-drift --min-certainty 0',
      "dowser docs-drift --path 'docs/**' --json",
      'dowser docs-drift --since v1.4 --fail',
    ],
    run: async (...input) => (await import('./drift.ts')).docsDrift(...input),
  },
  {
    name: 'index',
    summary: 'Bring the index in step with the files, and say what changed',
    usage: ['[options]'],
    flags: ['root', 'json', ...COMMON],
    notes: [
      'A slow model (dowser models --help) then reads all code that it has not read yet; what it has read stays when this is stopped.',
    ],
    examples: ['dowser index', 'dowser index --root ~/src/project --json'],
    run: async (...input) => (await import('./actions.ts')).index(...input),
  },
  {
    name: 'status',
    summary: 'Tell what the index covers, and how it is',
    usage: ['[options]'],
    flags: ['root', 'json', ...COMMON],
    examples: ['dowser status', 'dowser status --json'],
    run: async (options, words) => (await import('./actions.ts')).status(options, words),
  },
  {
    name: 'clean',
    summary: 'Remove indexes of folders that are gone, and other leftovers',
    usage: ['[options]'],
    flags: ['dry-run', 'all', 'yes', 'json', 'log-level', 'quiet', 'help'],
    examples: ['dowser clean --dry-run', 'dowser clean', 'dowser clean --all --yes'],
    run: async (options, words) => (await import('./clean.ts')).clean(options, words),
  },
  {
    name: 'models',
    summary: 'Fetch, add, check and choose models for meaning',
    usage: [
      'list',
      'pull [options] NAME      (fetches a model of the catalog)',
      'add [options] FOLDER     (a model that was brought by hand)',
      'add [options] NAME --url URL --remote-model NAME --allow-host HOST     (a model on a server)',
      'verify [NAME]',
      'use NAME',
      'remove NAME',
    ],
    flags: [
      ...(['accept-licence', 'as', 'pooling', 'dimensions', 'padding', 'token-limit'] as const),
      ...(['url', 'remote-model', 'allow-host', 'task-names', 'key-variable'] as const),
      ...(['query-prefix', 'passage-prefix', 'licence', 'json', 'log-level', 'quiet', 'help'] as const),
    ],
    notes: [
      "The bundled model needs none of this. Others lie in the cache folder, under 'models', for this user alone; each file",
      'is checked before it is loaded: against the checksum of the catalog, or, where none is known, of its first download.',
      'DOWSER_MODEL_MIRROR names another hub than huggingface.co; HTTPS_PROXY, HTTP_PROXY and NO_PROXY are obeyed.',
      'A download that was stopped goes on where it stopped. --pooling to --licence describe a model of no catalog to add.',
      'Nothing uses the network but pull, and a model on a server once it is used: that one is sent chunks of code with',
      'their paths, and questions, with secrets masked. Its key is read from the environment and kept nowhere.',
      "'use' chooses for this user; --model and DOWSER_MODEL win over it; 'use dowser-static-v1' goes back.",
    ],
    examples: [
      'dowser models list',
      'dowser models pull granite-embedding-97m-multilingual-r2',
      'dowser models pull jina-code-embeddings-0.5b --accept-licence',
      'dowser models use granite-embedding-97m-multilingual-r2',
      'dowser models add ~/downloads/minilm --as all-MiniLM-L6-v2',
      'dowser models add ~/models/mine --as mine --pooling mean --dimensions 384',
      'dowser models add mine --url http://localhost:8080/v1 --remote-model m --allow-host localhost:8080 --as jina-code-embeddings-0.5b',
    ],
    run: async (...input) => (await import('./models.ts')).models(...input),
  },
  {
    name: 'serve',
    summary: 'Serve coding agents over MCP, on standard input and output',
    usage: ['[options]'],
    flags: ['root', ...COMMON],
    examples: [
      'claude mcp add dowser -- npx -y dowser serve',
      'codex mcp add dowser -- npx -y dowser serve --root ~/src/project',
    ],
    run: async (options, words) => (await import('./actions.ts')).serve(options, words),
  },
];
