import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { FLAGS, type FlagName, readFlags, UsageError } from '../../src/cli/flags.ts';

const ALL = Object.keys(FLAGS) as FlagName[];
const SWITCHES_OFF = {
  acceptLicence: false,
  taskNames: false,
  fail: false,
  dryRun: false,
  all: false,
  yes: false,
  json: false,
  explain: false,
  quiet: false,
  noColor: false,
  help: false,
};

describe('the command line', () => {
  test('is read into options and words, wherever the options stand', () => {
    const argv = [
      'where',
      '--limit',
      '3',
      'are',
      '--path=src/**',
      '--path',
      '!src/old/**',
      'sessions',
      '--json',
      '--kind',
      'code',
    ];
    expect(readFlags(argv, ALL)).toEqual({
      words: ['where', 'are', 'sessions'],
      options: { ...SWITCHES_OFF, json: true, limit: 3, kind: 'code', paths: ['src/**', '!src/old/**'] },
    });
  });

  test('leaves alone what follows two dashes', () => {
    expect(readFlags(['--', '--limit', '-x'], ALL)).toEqual({ words: ['--limit', '-x'], options: SWITCHES_OFF });
  });

  test('takes the last of several values, and -h for help', () => {
    expect(readFlags(['--limit', '3', '--limit', '4', '-h'], ALL).options).toEqual({
      ...SWITCHES_OFF,
      limit: 4,
      help: true,
    });
  });

  test('knows any kind as no filter', () => {
    expect(readFlags(['--kind', 'any'], ALL).options).toEqual(SWITCHES_OFF);
  });

  test.each([
    [['--limt', '3'], 'Unknown option --limt. Did you mean --limit?'],
    [['--maxtokens', '300'], 'Did you mean --max-tokens?'],
    [['--zebra'], 'Unknown option --zebra.'],
    [['-x'], 'Unknown option -x.'],
    [['--limit'], '--limit needs a value: --limit N.'],
    [['--root='], '--root needs a value: --root DIR.'],
    [['--json=yes'], '--json takes no value.'],
    [['--limit', '0'], '--limit is a whole number from 1 to 50'],
    [['--limit', '2.5'], '--limit is a whole number'],
    [['--limit', '1e1'], '--limit is a whole number'],
    [['--limit', '-5'], "not '-5'"],
    [['--max-tokens', '100'], 'from 200 to 20000'],
    [['--min-similarity', '1.5'], '--min-similarity is a number from 0 to 1'],
    [['--kind', 'code,docs'], '--kind is one of code, docs, tests, config, any'],
    [['--log-level', 'loud'], '--log-level is one of error, warn, info, debug'],
    [['--zebra\u001b[2J'], 'Unknown option --zebra\\u{1b}[2J.'],
  ])('refuses %j in words', (argv, message) => {
    expect(() => readFlags(argv, ALL)).toThrow(message);
    expect(() => readFlags(argv, ALL)).toThrow(UsageError);
  });

  test('refuses an option of another command', () => {
    expect(() => readFlags(['--json'], ['help'])).toThrow('Unknown option --json.');
  });

  test('whatever is typed is read or refused in words', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(...ALL.map((name) => `--${name}`), '--', '-', '--limit=3', '--__proto__'),
    );
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          expect(readFlags(argv, ALL).options.json).toBeTypeOf('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});

test('every command has help, examples that name it, and options that exist', () => {
  for (const { name, summary, usage, flags, examples } of COMMANDS) {
    expect(summary, name).toMatch(/^[A-Z].*[^.]$/);
    expect(usage.length, name).toBeGreaterThan(0);
    expect(flags, name).toContain('help');
    expect(new Set(flags).size, name).toBe(flags.length);
    expect(examples.length, name).toBeGreaterThan(0);
    for (const example of examples) expect(example).toContain(`dowser `);
    for (const flag of flags) expect(ALL).toContain(flag);
  }
});
