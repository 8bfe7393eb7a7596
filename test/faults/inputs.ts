/** Bad files and worse questions: every call is answered in time, nothing crashes, and no answer is an internal error. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Connection, callTool, connect } from '../bench/server.ts';
import { makeRepository, write } from './ground.ts';
import { type Context, type Outcome, type Random, type Row, randomFrom } from './row.ts';

/** For one call, other work on the machine included; a question is asked three at a time. */
const ANSWER_MS_MAX = 5_000;
const ASKERS = 3;

export const inputs: Row = {
  name: 'bad files, and 20,000 random questions to all tools',
  promise: 'no crash, no internal error, every answer in time',
  counts: { quick: 20_000, full: 200_000 },
  run,
};

async function run({ count, seed, folder, progress }: Context): Promise<Outcome> {
  const root = makeRepository(folder(), { ...SOUND, ...badFiles() });
  layOddities(root);
  const connection = await connect(root, folder());
  const losses: string[] = [];
  const times: number[] = [];
  let refusals = 0;
  const startedMs = performance.now();
  while (!(await status(connection)).includes('Pending: 0\n')) await pause(50);
  const indexedMs = performance.now() - startedMs;
  const sound = (await callTool(connection.client, 'search_code', { query: 'soundFunctionBesideBadFiles' })).text;
  if (!sound.includes('src/sound.js:')) losses.push('a sound file among bad ones was not found');
  const random = randomFrom(seed);
  let begun = 0;
  await Promise.all(
    Array.from({ length: ASKERS }, async () => {
      while (begun++ < count) {
        const [tool, given] = callOf(random);
        const askedMs = performance.now();
        try {
          const { text, isError } = await callTool(connection.client, tool, given);
          if (/internal error/i.test(text)) losses.push(`${tool} ${JSON.stringify(given).slice(0, 200)}: ${text}`);
          if (isError) refusals++;
        } catch (error) {
          // The protocol's own refusal of arguments is an answer; a closed connection is a death.
          if (/closed|EPIPE|not connected/i.test(String(error)))
            losses.push(`died of ${tool} ${JSON.stringify(given).slice(0, 200)}`);
          else refusals++;
        }
        const ms = performance.now() - askedMs;
        times.push(ms);
        if (ms > ANSWER_MS_MAX) losses.push(`${tool} ${JSON.stringify(given).slice(0, 200)}: ${Math.round(ms)} ms`);
        if (times.length % 100 === 0) progress(times.length, count);
      }
    }),
  );
  if (!(await status(connection)).includes('Root:')) losses.push('the server was gone at the end');
  await connection.client.close();
  times.sort((a, b) => a - b);
  return {
    faults: times.length + Object.keys(badFiles()).length,
    losses,
    control: rawMatches(randomFrom(seed)),
    notes: [
      `slowest answer ${Math.round(times.at(-1) ?? 0)} ms, p95 ${Math.round(times[Math.floor(times.length * 0.95)] ?? 0)} ms`,
      `${refusals} refused with a reason`,
      `bad files indexed in ${(indexedMs / 1_000).toFixed(1)} s`,
    ],
  };
}

async function status({ client }: Connection): Promise<string> {
  return (await callTool(client, 'index_status', {})).text;
}

const SOUND = {
  'src/sound.js': 'export function soundFunctionBesideBadFiles() {\n  return 1;\n}\n',
  'src/other.py': 'def sound_function_in_python():\n    return "value"\n',
};

/** Table 4 of what is known to break indexers. */
function badFiles(): Record<string, string | Uint8Array> {
  const noise = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 2_654_435_761) >>> 24);
  const utf16 = Buffer.from('\ufeffexport function wide() { return 1; }\n'.repeat(50), 'utf16le');
  const endings = [
    'js',
    'ts',
    'tsx',
    'py',
    'go',
    'rs',
    'java',
    'kt',
    'c',
    'cpp',
    'cs',
    'rb',
    'php',
    'swift',
    'scala',
    'hs',
    'ex',
    'lua',
    'zig',
    'sh',
    'md',
    'json',
    'yaml',
    'txt',
  ];
  const bodies: Record<string, string | Uint8Array> = {
    brackets: '('.repeat(100_000),
    nested: '{ try { } catch { (, e '.repeat(4_000),
    quote: `const text = "${'x'.repeat(200_000)}`,
    line: `${'var a=1;'.repeat(60_000)}\n`,
    noise,
    late: Buffer.concat([Buffer.from('function late() {}\n'.repeat(1_000)), Buffer.from([0, 1, 2])]),
    utf16,
    latin: Buffer.from('// caf\u00e9 na\u00efve\nfunction latin() {}\n'.repeat(100), 'latin1'),
    broken: Buffer.concat([
      Buffer.from('function broken() {}\n'),
      Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
      Buffer.from('\nfunction after() {}\n'),
    ]),
    surrogate: Buffer.from([0xed, 0xa0, 0x80, 0x0a, 0x61]),
    bidi: '// \u202e\u2066 hidden \u2069\u200b\u{e0041}\nfunction bidi() {}\n',
    ends: 'a\rb\r\nc\n\n\r\rd',
    empty: '',
    blanks: ' \n\t\n'.repeat(10_000),
    many: 'function f() {}\n'.repeat(5_000),
  };
  const files: Record<string, string | Uint8Array> = {};
  // Each in a third of the languages, so that every language meets five of them.
  for (const [at, [name, body]] of Object.entries(bodies).entries())
    for (let ending = at % 3; ending < endings.length; ending += 3) files[`bad/${name}.${endings[ending]}`] = body;
  return files;
}

/** What git does not commit: odd names, links, devices, files of no end. */
function layOddities(root: string): void {
  for (const name of [
    'new\nline.js',
    'tab\t.js',
    '"quoted".js',
    '-rf.js',
    '[b]*?.js',
    'back\\slash.js',
    'x'.repeat(250),
    '\u0065\u0301.js',
    '\u00e9.js',
    '\u202egnp.js',
  ])
    write(root, { [`odd/${name}`]: 'function odd() {}\n' });
  writeFileSync(
    Buffer.concat([Buffer.from(`${root}/odd/`), Buffer.from([0xff, 0xfe]), Buffer.from('.js')]),
    'function bytes() {}\n',
  );
  spawnSync('mkfifo', [join(root, 'odd/pipe.js')]);
  for (const [name, target] of [
    ['circle.js', 'circle.js'],
    ['zero.js', '/dev/zero'],
    ['self', '/proc/self'],
    ['up', '..'],
  ] as const)
    symlinkSync(target, join(root, 'odd', name));
  write(root, { 'odd/sparse.js': '' });
  truncateSync(join(root, 'odd/sparse.js'), 2 ** 33);
  mkdirSync(join(root, 'odd', ...Array.from({ length: 200 }, () => 'd')), { recursive: true });
}

type Call = readonly [tool: string, given: Record<string, unknown>];

const WORDS = [
  'sound',
  'AND',
  'OR',
  'NOT',
  'NEAR(',
  '"',
  "'",
  '*',
  '^',
  ':',
  '-',
  '(',
  ')',
  '{',
  '}',
  '--',
  ';',
  'DROP TABLE chunks',
  'std::vector<int>',
  'C++',
  'a.b.c',
  '\u0000',
  '\ud800',
  '\u{1f600}',
  '漢字',
  'é',
  'words:sound',
  'col:',
  '%',
  '_',
  '\\',
  '/',
  '//',
  '[',
  ']',
  '(a+)+$',
  '(.*a){25}',
  '\n',
  '\t',
  'function',
  'Error: x',
  'at f (bad/line.js:1:2)',
  '__proto__',
  'constructor',
  'null',
  '0',
  '-1',
  'NaN',
];

function callOf(random: Random): Call {
  const pick = <Value>(values: readonly Value[]): Value => values[random(values.length)]!;
  const text = (): string => Array.from({ length: 1 + random(12) }, () => pick(WORDS)).join(pick(['', ' ', ' ', '\n']));
  const odd = (): unknown =>
    pick<unknown>([
      text(),
      '',
      0,
      -1,
      1.5,
      1e308,
      null,
      true,
      [],
      {},
      { __proto__: null },
      ['**'],
      [text()],
      'x'.repeat(100_000),
    ]);
  const dice = random(20);
  if (dice < 10) return ['search_code', { query: text() }];
  if (dice < 12)
    return ['search_code', { query: text(), paths: [text()], limit: 1 + random(20), max_tokens: 200 + random(5_000) }];
  if (dice < 14) return ['find_similar', { code: text() }];
  if (dice < 15)
    return ['find_similar', { path: pick(['src/sound.js', 'bad/line.js', 'bad/many.py', text()]), line: random(50) }];
  if (dice < 17) return ['complete_context', { prefix: text(), suffix: text() }];
  if (dice < 18)
    return [
      'complete_context',
      { path: pick(['src/other.py', 'bad/brackets.js', text()]), line: random(5), column: random(9) },
    ];
  if (dice === 18 && random(40) === 0) return ['search_code', { query: `${text()} `.repeat(20_000) }];
  const names = [
    'query',
    'paths',
    'languages',
    'kind',
    'limit',
    'max_tokens',
    'code',
    'path',
    'line',
    'prefix',
    '__proto__',
    text(),
  ];
  const given = Object.fromEntries(Array.from({ length: 1 + random(4) }, () => [pick(names), odd()]));
  return [pick(['search_code', 'find_similar', 'complete_context', 'index_status', 'no_such_tool']), given];
}

/** The control: the same questions given to FTS5 as they are. */
function rawMatches(random: Random): Outcome['control'] {
  const questions = Array.from({ length: 500 }, () => callOf(random)).flatMap(([tool, { query }]) =>
    tool === 'search_code' && typeof query === 'string' ? [query.slice(0, 1_000)] : [],
  );
  const program = `
    import Database from ${JSON.stringify(import.meta.resolve('better-sqlite3'))};
    import { readFileSync } from 'node:fs';
    const database = new Database(':memory:');
    database.exec("CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES('sound function')");
    const match = database.prepare('SELECT count(*) FROM words WHERE words MATCH ?');
    let failed = 0;
    for (const question of JSON.parse(readFileSync(0, 'utf8'))) try { match.get(question); } catch { failed++; }
    process.stdout.write(String(failed));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    input: JSON.stringify(questions),
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  return { losses: Number(stdout), of: questions.length, how: 'the same questions as FTS5 takes them' };
}
