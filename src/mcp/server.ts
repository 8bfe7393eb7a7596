/** The MCP server over stdio: answers the handshake at once, in both protocol eras, and opens the index behind it. */
import { randomBytes } from 'node:crypto';
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type ListToolsResult,
  type ProtocolEra,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { DowserError } from '../errors.ts';
import { log } from '../log.ts';
import type { SyncProgress } from '../types.ts';
import { INSTRUCTIONS } from './instructions.ts';
import { LateIndex, type OpenIndex } from './lateIndex.ts';
import { type Ending, untilClientIsGone } from './lifetime.ts';
import { version } from './package.ts';
import { PROMPTS, type Prompt } from './prompts.ts';
import { number } from './text.ts';
import { TOOLS, type Tool } from './tools.ts';
import { visibleLine } from './visible.ts';

/** Longest that a client may take to name its roots before the working folder is taken. */
const ROOTS_WAIT_MS = 1_500;
/** Lets the first message, which usually waits in the pipe already, be answered before the index is loaded. */
const HANDSHAKE_HEAD_START_MS = 20;
/** Longest message: both ends of the longest file that is parsed, in any script. A longer one ends the connection. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** Longest that closing the index may hold up the end: with the rest of it, the process is gone within a second. */
const CLOSE_WAIT_MS = 600;
/** The list of tools is the same for everybody and changes only with the version. */
const TOOLS_CACHE_MS = 300_000;

const ANNOTATIONS = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

export type ServeOptions = {
  /** Opens the index for the root that was configured, else for one of the client's, else for the working folder. */
  readonly open: OpenIndex;
  /** True when flags or environment say which root: then the client is not asked. */
  readonly rootIsConfigured: boolean;
};

/** Serves until the client is gone, then closes the index and tells how it ended. The caller exits. */
export async function serveMcp({ open, rootIsConfigured }: ServeOptions): Promise<Ending> {
  const late = new LateIndex(open, rootIsConfigured);
  const transport = new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: MESSAGE_BYTES_MAX });
  const session = serveStdio(({ era }) => buildServer(late, era), {
    transport,
    onerror: (error) => log.debug('protocol', { message: error.message }),
  });
  const gone = untilClientIsGone(transport);
  if (rootIsConfigured) setTimeout(() => late.begin(), HANDSHAKE_HEAD_START_MS);
  const ending = await gone;
  log.info('ending', ending);
  await Promise.race([Promise.allSettled([session.close(), late.close()]), delay(CLOSE_WAIT_MS)]);
  return ending;
}

/** One server for one connection; cheap and without side effects until a client speaks. */
export function buildServer(late: LateIndex, era: ProtocolEra): Server {
  const server = new Server(
    { name: 'dowser', title: 'dowser: code search', version },
    {
      capabilities: { tools: {}, prompts: {} },
      instructions: INSTRUCTIONS,
      cacheHints: { 'tools/list': { ttlMs: TOOLS_CACHE_MS, cacheScope: 'public' } },
    },
  );
  if (era === 'legacy') server.oninitialized = () => late.begin(legacyRoots(server, late));
  server.setRequestHandler('tools/list', (_request, context) => {
    if (era === 'modern' && !namesRoots(context)) late.begin();
    return { tools: TOOLS.map(listed) };
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: PROMPTS.map(({ name, title, description, arguments: taken }) => {
      return { name, title, description, arguments: taken.map((one) => ({ ...one })) };
    }),
  }));
  server.setRequestHandler('prompts/get', async (request, { mcpReq }) => {
    const prompt = PROMPTS.find(({ name }) => name === request.params.name);
    if (prompt === undefined) throw unknown('prompt', request.params.name, PROMPTS);
    const text = await write(prompt, request.params.arguments ?? {}, late, mcpReq.signal);
    return { description: prompt.description, messages: [{ role: 'user', content: { type: 'text', text } }] };
  });
  server.setRequestHandler('tools/call', async (request, context) => {
    const tool = TOOLS.find(({ name }) => name === request.params.name);
    if (tool === undefined) throw unknown('tool', request.params.name, TOOLS);
    return call(tool, request.params.arguments, late, context);
  });
  return server;
}

function unknown(what: string, name: string, all: readonly { readonly name: string }[]): ProtocolError {
  const names = all.map((one) => one.name).join(', ');
  const message = `Unknown ${what} '${visibleLine(name, 60)}'. The ${what}s are ${names}.`;
  return new ProtocolError(ProtocolErrorCode.InvalidParams, message);
}

/** A prompt has no answer that says why it failed: the protocol's error does. */
async function write(
  prompt: Prompt,
  given: Readonly<Record<string, string>>,
  late: LateIndex,
  signal: AbortSignal,
): Promise<string> {
  try {
    return await prompt.write(await late.get(signal), given, signal);
  } catch (error) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, failureText(prompt, error));
  }
}

function listed(tool: Tool): ListToolsResult['tools'][number] {
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: tool.inputSchema,
    annotations: { title: tool.title, ...ANNOTATIONS },
    ...(tool.alwaysLoad ? { _meta: { 'anthropic/alwaysLoad': true } } : {}),
  };
}

async function call(
  tool: Tool,
  raw: unknown,
  late: LateIndex,
  context: ServerContext,
): Promise<CallToolResult | InputRequiredResult> {
  const { signal } = context.mcpReq;
  try {
    const ask = tool.prepare(raw);
    if (late.wantsRoots && namesRoots(context)) {
      if (context.mcpReq.inputResponses === undefined)
        return inputRequired({ inputRequests: { roots: inputRequired.listRoots() } });
      const response = inputResponse(context.mcpReq.inputResponses, 'roots');
      late.begin(response.kind === 'roots' ? response.roots.map(({ uri }) => uri) : []);
    }
    const report = progressOf(context);
    report(() => 'opening the index');
    const index = await late.get(signal);
    report(() => searching(index.reading()));
    return { content: [{ type: 'text', text: await ask(index, signal) }] };
  } catch (error) {
    return { content: [{ type: 'text', text: failureText(tool, error) }], isError: true };
  }
}

/** What a model can act on. A bug shows as an id that stands beside its stack in the log; nothing of the repository goes along. */
function failureText(tool: { readonly name: string }, error: unknown): string {
  if (error instanceof DowserError) return visibleLine(error.message, 2_000);
  const id = randomBytes(4).toString('hex');
  log.error(`internal error ${id} in ${tool.name}`, { stack: error instanceof Error ? error.stack : String(error) });
  return `internal error ${id} in ${tool.name}: a fault in dowser, not in the arguments; its log says more. Another tool, or other words, may still work.`;
}

/** Reports steps to a client that asked for them. */
function progressOf({ mcpReq }: ServerContext): (message: () => string) => void {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return () => {};
  let progress = 0;
  return (message) => {
    progress++;
    const params = { progressToken, progress, total: 2, message: message() };
    mcpReq
      .notify({ method: 'notifications/progress', params })
      .catch((error: unknown) => log.debug('progress', { reason: String(error) }));
  };
}

function searching(reading: SyncProgress | undefined): string {
  if (reading === undefined) return 'searching';
  return `searching; the slow model has read ${number(reading.done)} of ${number(reading.total)} chunks`;
}

/** On a connection of the newer era, each request says whether its client can name roots. */
function namesRoots({ mcpReq }: ServerContext): boolean {
  const envelope = mcpReq.envelope as Readonly<Record<string, unknown>> | undefined;
  const capabilities = envelope?.[CLIENT_CAPABILITIES_META_KEY];
  return typeof capabilities === 'object' && capabilities !== null && 'roots' in capabilities;
}

/** On a connection of the older era, the client is asked once, right after the handshake. */
async function legacyRoots(server: Server, late: LateIndex): Promise<readonly string[]> {
  if (!late.wantsRoots || server.getClientCapabilities()?.roots === undefined) return [];
  try {
    const { roots } = await server.listRoots({}, { timeout: ROOTS_WAIT_MS });
    return roots.map(({ uri }) => uri);
  } catch (error) {
    log.info('the client did not name its roots', { reason: String(error) });
    return [];
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
