/** The help, made from the same tables that the command line is read by. */
import type { Command } from './commands.ts';
import { FLAGS, type Flag, type FlagName } from './flags.ts';

export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return [
    'dowser finds code in a repository, by meaning and by name. Everything stays on this machine.',
    '',
    'Usage: dowser <command> [options]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    '',
    'Examples:',
    '  dowser search "where are expired sessions removed"',
    '  dowser similar src/store.ts:42',
    '  claude mcp add dowser -- npx -y dowser serve',
    '',
    "'dowser <command> --help' shows the options and examples of one; 'dowser --version' the version.",
    '',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const heads = command.flags.map((name) => flagHead(name));
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  return [
    `${command.summary}.`,
    '',
    ...command.usage.map(
      (usage, index) =>
        `${index === 0 ? 'Usage: ' : '       '}dowser ${command.name}${usage === '' ? '' : ` ${usage}`}`,
    ),
    '',
    ...(command.notes === undefined ? [] : [...command.notes, '']),
    'Options:',
    ...command.flags.map((name, index) => `  ${heads[index]!.padEnd(width)}${FLAGS[name].about}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function flagHead(name: FlagName): string {
  const flag: Flag = FLAGS[name];
  return flag.value === undefined ? `--${name}` : `--${name} ${flag.value}`;
}
