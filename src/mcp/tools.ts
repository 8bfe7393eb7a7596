/** The tools: one entry each, with the schema that a model reads and what happens when it is called. */
import { z } from 'zod';
import { LIMIT_DEFAULT, LIMIT_MAX, MAX_TOKENS_DEFAULT, MAX_TOKENS_MAX, MAX_TOKENS_MIN } from '../config.ts';
import { DowserError } from '../errors.ts';
import type { CodeIndex, Filters, Kind } from '../types.ts';
import { readArguments } from './arguments.ts';
import { statusText } from './statusText.ts';
import { answerText } from './text.ts';

/** Longest code, prefix or suffix: larger than any piece worth comparing, and two of them fit into one message. */
const CODE_CHARS_MAX = 500_000;
const LINE_MAX = 10_000_000;

/** Asks the index, with arguments that were already read. */
export type Ask = (index: CodeIndex, signal: AbortSignal) => Promise<string>;

export type Tool = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: { readonly type: 'object'; readonly [key: string]: unknown };
  /** Shown to the model at once where a client would otherwise only show names. */
  readonly alwaysLoad: boolean;
  /** Reads the arguments, before the index is needed. Throws DowserError('bad_argument'). */
  prepare(raw: unknown): Ask;
};

const maxTokens = z
  .number()
  .int()
  .min(MAX_TOKENS_MIN)
  .max(MAX_TOKENS_MAX)
  .optional()
  .describe(`Budget for the answer in tokens, ${MAX_TOKENS_MIN} to ${MAX_TOKENS_MAX} (default ${MAX_TOKENS_DEFAULT}).`);

const limit = z
  .number()
  .int()
  .min(1)
  .max(LIMIT_MAX)
  .optional()
  .describe(`Most snippets to return, 1 to ${LIMIT_MAX} (default ${LIMIT_DEFAULT}).`);

const filters = {
  paths: z
    .array(z.string().min(1).max(1_000))
    .max(50)
    .optional()
    .describe(
      'Globs on paths from the repository root, such as "src/**" or "**/*.ts". One that starts with "!" excludes. Default: everything.',
    ),
  languages: z
    .array(z.string().min(1).max(40))
    .max(50)
    .optional()
    .describe('Only these languages, by name: "typescript", "python", "go", ... Default: all.'),
  kind: z
    .enum(['code', 'docs', 'tests', 'config', 'any'])
    .optional()
    .describe('Only this kind of file: code, docs, tests or config. Default: any.'),
};

const path = z.string().min(1).max(4_096).describe('File, from the repository root, such as "src/server.ts".');
const line = z.number().int().min(1).max(LINE_MAX).describe('Line number, counting from 1.');

const searchCode = defineTool({
  name: 'search_code',
  title: 'Search code',
  description:
    'Find code in this repository by meaning or by name: where something is implemented, defined, handled, configured, tested or ' +
    'documented. Takes words, a question, a symbol or an error message and returns ranked snippets, each with path:start-end and the ' +
    'lines as they are on disk now, so that they need not be read again. Use it first, before grep or listing files, whenever you do not know ' +
    'the exact place. Use grep instead for every occurrence of an exact text.',
  alwaysLoad: true,
  schema: z.strictObject({
    query: z
      .string()
      .min(1)
      .describe(
        'What to find: a question, a few words, a symbol name such as "parse_url" or "Store.open", or an error message. One topic a query.',
      ),
    ...filters,
    limit,
    max_tokens: maxTokens,
  }),
  async ask(index, { query, max_tokens, limit, ...given }, signal) {
    const filters = filtersOf(index, given);
    const answer = await index.search({ query, ...filters, ...present({ limit, maxTokens: max_tokens, signal }) });
    const filtered = Object.keys(filters).length > 0;
    const advice = `Next: try the name of a symbol, words that the code itself would use, or the text of an error message${filtered ? '; or drop paths, languages and kind' : ''}.`;
    return answerText(answer, { maxTokens: max_tokens, advice });
  },
});

const findSimilar = defineTool({
  name: 'find_similar',
  title: 'Find similar code',
  description:
    'Find code that does the same as a given piece, or nearly: duplicates, alternatives, examples of the same pattern to follow or to ' +
    'change along. Give a place (path and line) or the code itself. Each snippet says how far it is the same: identical (but for comments), ' +
    'renamed (names and literals differ), same job (written alike) or related; copies of one text come as one. The piece itself is not returned.',
  alwaysLoad: false,
  schema: z.strictObject({
    path: path.optional(),
    line: line.optional().describe('A line inside the piece, counting from 1. Needs path.'),
    code: z
      .string()
      .min(1)
      .max(CODE_CHARS_MAX)
      .optional()
      .describe('The piece of code itself, instead of path and line.'),
    ...filters,
    min_similarity: z
      .number()
      .min(0)
      .max(1)
      .optional()
      .describe(
        'Leave out what is less alike than this, 0 to 1: the greater of meaning and structure in common; 1 is identical. Default: only what is hardly alike at all.',
      ),
    limit,
    max_tokens: maxTokens,
  }),
  async ask(index, { max_tokens, min_similarity, limit, code, path, line, ...given }, signal) {
    const at = splitPlace({ path, line });
    if ((code === undefined) === (at.path === undefined && at.line === undefined)) {
      throw new DowserError('bad_argument', "find_similar: give either 'code', or 'path' and 'line'.");
    }
    if (code === undefined && (at.path === undefined || at.line === undefined)) {
      throw new DowserError(
        'bad_argument',
        "find_similar: 'path' and 'line' belong together; line is any line of the piece.",
      );
    }
    const options = present({ ...at, code, limit, maxTokens: max_tokens, minSimilarity: min_similarity, signal });
    const advice =
      'Next: lower min_similarity, choose a line inside a larger definition, or say with search_code what the code does.';
    return answerText(await index.similar({ ...filtersOf(index, given), ...options }), {
      maxTokens: max_tokens,
      advice,
    });
  },
});

const completeContext = defineTool({
  name: 'complete_context',
  title: 'Context to complete code',
  description:
    'Collect what is needed to write or finish code at a cursor: definitions of the names that are used there, and definitions and uses ' +
    'of those that the code will need next, judged by imports, types in reach and code that continues alike. Many short pieces, so that ' +
    'a small budget shows much. Give a place (path and line) in a file on disk, or the unsaved text before the cursor as prefix. What ' +
    'you already see there is not repeated.',
  alwaysLoad: false,
  schema: z.strictObject({
    path: path
      .optional()
      .describe(
        'File that the cursor is in, from the repository root. With prefix: where that text will be saved (helps, not needed).',
      ),
    line: line.optional().describe('Line of the cursor, counting from 1. Needs path.'),
    column: z
      .number()
      .int()
      .min(1)
      .max(LINE_MAX)
      .optional()
      .describe('Column of the cursor, counting from 1. Default: the end of the line.'),
    prefix: z
      .string()
      .min(1)
      .max(CODE_CHARS_MAX)
      .optional()
      .describe('Unsaved text before the cursor, instead of line.'),
    suffix: z.string().max(CODE_CHARS_MAX).optional().describe('Unsaved text after the cursor. Needs prefix.'),
    max_tokens: maxTokens,
  }),
  async ask(index, { max_tokens, prefix, suffix, column, ...rest }, signal) {
    const at = prefix === undefined ? splitPlace(rest) : rest;
    if (prefix === undefined && (at.path === undefined || at.line === undefined)) {
      throw new DowserError(
        'bad_argument',
        "complete_context: give 'path' and 'line' of the cursor, or the text before it as 'prefix'.",
      );
    }
    if (prefix !== undefined && (at.line !== undefined || column !== undefined)) {
      throw new DowserError(
        'bad_argument',
        "complete_context: 'prefix' ends at the cursor, so leave out 'line' and 'column'.",
      );
    }
    if (prefix === undefined && suffix !== undefined) {
      throw new DowserError('bad_argument', "complete_context: 'suffix' goes with 'prefix'.");
    }
    const answer = await index.complete(present({ ...at, column, prefix, suffix, maxTokens: max_tokens, signal }));
    const advice = 'Next: ask search_code for the names or the behaviour that you need here.';
    return answerText(answer, { maxTokens: max_tokens, advice, isGrouped: true });
  },
});

const indexStatus = defineTool({
  name: 'index_status',
  title: 'Index status',
  description:
    'Tell what the code index covers: root, files indexed, pending and left out with reasons, languages, model, last change, health. Use ' +
    'it when an answer says that it is incomplete, or when something that should be there is not found.',
  alwaysLoad: false,
  schema: z.strictObject({}),
  ask: async (index) => statusText(await index.status()),
});

/** In the order in which clients list them; it never changes between calls. */
export const TOOLS: readonly Tool[] = [searchCode, findSimilar, completeContext, indexStatus];

function defineTool<Schema extends z.ZodObject>(tool: {
  name: string;
  title: string;
  description: string;
  alwaysLoad: boolean;
  schema: Schema;
  ask(index: CodeIndex, input: z.output<Schema>, signal: AbortSignal): Promise<string>;
}): Tool {
  const { $schema: _, ...inputSchema } = z.toJSONSchema(tool.schema, { io: 'input' });
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    alwaysLoad: tool.alwaysLoad,
    inputSchema: { ...inputSchema, type: 'object' },
    prepare(raw) {
      const input = readArguments(tool.name, tool.schema, raw);
      return (index, signal) => tool.ask(index, input, signal);
    },
  };
}

type Given = { paths?: string[] | undefined; languages?: string[] | undefined; kind?: Kind | 'any' | undefined };

/** Filters as the index takes them. Models know absolute paths, and globs count from the root. */
function filtersOf({ root }: CodeIndex, { paths, languages, kind }: Given): Filters {
  const fromRoot = paths?.map((glob) => {
    const [not, rest] = glob.startsWith('!') ? ['!', glob.slice(1)] : ['', glob];
    return rest.startsWith(`${root}/`) ? `${not}${rest.slice(root.length + 1)}` : glob;
  });
  return present({ paths: fromRoot, languages, kind: kind === 'any' ? undefined : kind });
}

/** Snippets are headed `path:start-end`, and models hand that back as the path. */
function splitPlace(at: { path?: string | undefined; line?: number | undefined }): {
  path?: string | undefined;
  line?: number | undefined;
} {
  const match = at.line === undefined ? /^(.+):(\d{1,8})(?:-\d{1,8})?$/s.exec(at.path ?? '') : null;
  return match === null ? { path: at.path, line: at.line } : { path: match[1]!, line: Math.max(1, Number(match[2])) };
}

type Present<Given> = { [Key in keyof Given]?: Exclude<Given[Key], undefined> };

/** Leaves out what is undefined, as exact optional properties ask for. */
function present<Given extends object>(given: Given): Present<Given> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Present<Given>;
}
