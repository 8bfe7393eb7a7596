/** Measures through MCP: the real server over stdio, the SDK's own client. */
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { percentile } from './figures.ts';
import { BIN, environmentFor, watchTree } from './processes.ts';

export type Connection = { readonly client: Client; readonly pid: number };

export type Ways = {
  /** Program of dowser's that is started; another build's, where versions meet. */
  readonly program?: string;
  /** A command that runs the server in its turn, such as `unshare -n`. */
  readonly within?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Hears what the server writes to stderr, which is passed on otherwise. */
  readonly onLog?: (text: string) => void;
};

/** Starts a server of its own on this root and connects to it. */
export async function connect(
  root: string,
  cacheDir: string,
  node = process.execPath,
  { program = BIN, within = [], environment = {}, onLog }: Ways = {},
): Promise<Connection> {
  const client = new Client({ name: 'bench', version: '1' });
  const [command, ...words] = [...within, node, program, 'serve', '--root', root];
  const transport = new StdioClientTransport({
    command: command!,
    args: words,
    env: { ...environmentFor(cacheDir), ...environment },
    stderr: onLog === undefined ? 'inherit' : 'pipe',
  });
  transport.stderr?.on('data', (chunk: Buffer) => onLog?.(chunk.toString()));
  await client.connect(transport);
  return { client, pid: transport.pid! };
}

export async function callTool(
  client: Client,
  name: string,
  input: Record<string, unknown>,
): Promise<{ readonly text: string; readonly isError: boolean }> {
  const result = (await client.callTool({ name, arguments: input })) as {
    content: { text: string }[];
    isError?: boolean;
  };
  return { text: result.content.map(({ text }) => text).join('\n'), isError: result.isError === true };
}

export async function searchCode(client: Client, query: string): Promise<string> {
  return (await callTool(client, 'search_code', { query })).text;
}

export type ServerFigures = { readonly p50Ms: number; readonly p95Ms: number; readonly peakBytes: number | undefined };

/** Asks all questions of a server whose index is complete. */
export async function measureServer(
  root: string,
  cacheDir: string,
  questions: readonly string[],
  rounds = 2,
): Promise<ServerFigures> {
  const { client, pid } = await connect(root, cacheDir);
  const tree = watchTree(pid);
  await searchCode(client, questions[0]!);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const question of questions) {
      const askedMs = performance.now();
      await searchCode(client, question);
      times.push(performance.now() - askedMs);
    }
  }
  const { peakBytes } = tree.end();
  await client.close();
  return { p50Ms: percentile(times, 0.5), p95Ms: percentile(times, 0.95), peakBytes };
}

/** From the start of the server's process to an answer, on a repository that was never indexed. */
export async function firstAnswerMs(
  root: string,
  cacheDir: string,
  question: string,
): Promise<{ connectMs: number; answerMs: number }> {
  const startedMs = performance.now();
  const { client } = await connect(root, cacheDir);
  const connectMs = performance.now() - startedMs;
  await searchCode(client, question);
  const answerMs = performance.now() - startedMs;
  await client.close();
  return { connectMs, answerMs };
}
