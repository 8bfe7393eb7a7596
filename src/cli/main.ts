/** The command line: finds the command, runs it, and is the only place that exits. 0 found, 1 nothing found or failed, 2 usage. */
import { constants } from 'node:os';
import { DowserError } from '../errors.ts';
import { nearest } from '../mcp/nearest.ts';
import { version } from '../mcp/package.ts';
import { visibleLine } from '../mcp/visible.ts';
import { keepHeapSmall } from '../memory.ts';
import { COMMANDS } from './commands.ts';
import { FLAGS, readFlags, UsageError } from './flags.ts';
import { commandHelp, overview } from './help.ts';

/** How long a command that was interrupted may take to put things in order. */
const INTERRUPT_WAIT_MS = 2_000;
/** One Ctrl-C arrives twice through the launcher: from the terminal, and passed on. */
const SAME_KEY_MS = 500;

/** Runs one command line and ends the process. */
export async function run(argv: readonly string[]): Promise<void> {
  keepHeapSmall();
  if (argv[0] !== 'serve') process.stdout.on('error', endWithoutReader); // a server closes its index first
  const interrupt = new AbortController();
  // What a command waits for may be a timer that holds no process open: without this, such a wait would end it, silently and with 0.
  setInterval(() => {}, 2 ** 30);
  let code: number;
  try {
    onInterrupt(interrupt);
    code = await dispatch(argv, interrupt.signal);
  } catch (error) {
    code = interrupt.signal.aborted ? (interrupt.signal.reason as number) : explain(error, argv[0]);
  }
  process.stdout.write('', () => process.exit(code));
}

async function dispatch(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const [first, ...rest] = argv;
  if (first === '--version' || first === '-v') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const asksForHelp = first === undefined || first === '--help' || first === '-h' || first === 'help';
  const name = first === 'help' ? rest[0] : asksForHelp ? undefined : first;
  if (name === undefined) {
    process.stdout.write(overview(COMMANDS));
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) throw new UsageError(unknownCommand(name));
  const { options, words } = first === 'help' ? readFlags(['--help'], command.flags) : readFlags(rest, command.flags);
  if (options.help) {
    process.stdout.write(commandHelp(command));
    return 0;
  }
  return command.run(options, words, signal);
}

function unknownCommand(name: string): string {
  const names = COMMANDS.map((command) => command.name);
  if (name.startsWith('-') && name.slice(2).split('=')[0]! in FLAGS) {
    return `Options stand after the command: dowser search ${visibleLine(name, 80)} ...`;
  }
  const guess = nearest(name, name.startsWith('-') ? ['--help', '--version'] : names);
  const kind = name.startsWith('-') ? 'option' : 'command';
  const hint = guess === undefined ? `Commands: ${names.join(', ')}.` : `Did you mean '${guess}'?`;
  return `Unknown ${kind} '${visibleLine(name, 80)}'. ${hint}`;
}

/** A reader that went away has what it wanted. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`dowser: can't write to standard output: ${error.message}\n`);
  process.exit(1);
}

/** The first signal asks the command to stop; a second one, or a command that does not, ends the process. */
function onInterrupt(interrupt: AbortController): void {
  let firstMs = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (interrupt.signal.aborted) {
        if (performance.now() - firstMs > SAME_KEY_MS) process.exit(code);
        return;
      }
      firstMs = performance.now();
      interrupt.abort(code);
      setTimeout(() => process.exit(code), INTERRUPT_WAIT_MS).unref();
    });
  }
}

/** What the user or the world did wrong is one line; a bug shows its stack. */
function explain(error: unknown, first: string | undefined): number {
  if (error instanceof UsageError) {
    const command = COMMANDS.some(({ name }) => name === first) ? `${first} ` : '';
    process.stderr.write(`dowser: ${error.message}\nSee: dowser ${command}--help\n`);
    return 2;
  }
  if (error instanceof DowserError) {
    process.stderr.write(`dowser: ${visibleLine(error.message, 2_000)}\n`);
    return error.code === 'bad_argument' ? 2 : 1;
  }
  process.stderr.write(`dowser: this is a bug: ${error instanceof Error ? error.stack : String(error)}\n`);
  return 1;
}
