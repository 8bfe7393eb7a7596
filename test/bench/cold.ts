/**
 * A question right after connecting to a repository that was never indexed: `node test/bench/cold.ts [--files 10000]`.
 * Each of 20 questions gets a server and an index folder of its own, and is asked in the moment that the client is connected.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Definition, writeBigTree } from './bigTree.ts';
import { describeMachine, ms, percentile, table } from './figures.ts';
import { connect, searchCode } from './server.ts';

const HELP = `Asks cold servers for symbols of a generated repository.

  node test/bench/cold.ts [options]

  --files N      files of the repository (10,000)
  --questions N  servers started, one question each (20)
  --model DIR    asks each question a second time, of a server with this slow model beside the bundled one
  --json         figures as JSON instead of a table
  --help
`;

/** What the promise allows for an answer, from sending the question. */
const ANSWER_MS_MAX = 3_000;
/** Of 20 questions, this share must have the right file in time. */
const RIGHT_SHARE_MIN = 0.9;

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    questions: { type: 'string', default: '20' },
    model: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

type Asked = Definition & { readonly connectMs: number; readonly answerMs: number; readonly rank: number | undefined };

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dowser-cold-')));
try {
  const root = join(folder, 'repository');
  mkdirSync(root);
  process.stderr.write(`cold: writing ${values.files} files\n`);
  const symbols = writeBigTree(root, Number(values.files));
  const count = Number(values.questions);
  const machine = describeMachine();
  const asked: Asked[] = [];
  const besides: Asked[] = [];
  for (let at = 0; at < count; at++) {
    const symbol = symbols[Math.floor(((at + 0.5) * symbols.length) / count)]!;
    const one = await ask(root, join(folder, `cache${at}`), symbol);
    process.stderr.write(`cold: ${one.name} ${isRight(one) ? 'right' : 'NOT RIGHT'} after ${ms(one.answerMs)}\n`);
    asked.push(one);
    if (values.model !== undefined) besides.push(await ask(root, join(folder, `slow${at}`), symbol, values.model));
  }
  const right = asked.filter(isRight).length;
  if (values.json)
    process.stdout.write(
      `${JSON.stringify({ machine, files: symbols.length, right, asked, besides }, undefined, 2)}\n`,
    );
  else process.stdout.write(report(asked, besides, right, symbols.length));
  if (right < RIGHT_SHARE_MIN * count) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function isRight({ rank, answerMs }: Asked): boolean {
  return rank !== undefined && answerMs <= ANSWER_MS_MAX;
}

async function ask(root: string, cacheDir: string, symbol: Definition, model?: string): Promise<Asked> {
  const startedMs = performance.now();
  const environment = model === undefined ? {} : { DOWSER_MODEL: model, DOWSER_PAUSE: 'never' };
  const { client } = await connect(root, cacheDir, process.execPath, { environment });
  const connectedMs = performance.now();
  const text = await searchCode(client, symbol.name);
  const answeredMs = performance.now();
  await client.close();
  rmSync(cacheDir, { recursive: true, force: true, maxRetries: 5 });
  const places = [...text.matchAll(/\b(src\/\S+?):\d+-\d+/g)].map(([, path]) => path);
  const at = places.indexOf(symbol.path);
  return {
    ...symbol,
    connectMs: connectedMs - startedMs,
    answerMs: answeredMs - connectedMs,
    rank: at === -1 ? undefined : at + 1,
  };
}

function report(asked: readonly Asked[], besides: readonly Asked[], right: number, files: number): string {
  const { cpu, cores, node, platform, load } = describeMachine();
  const times = asked.map(({ answerMs }) => answerMs);
  const ofBesides = besides.map(({ answerMs }) => answerMs);
  const ratio = percentile(ofBesides, 0.5) / percentile(times, 0.5);
  const rows = [
    [`right file within ${ms(ANSWER_MS_MAX)}`, `${right} of ${asked.length}`],
    ['of these, first', `${asked.filter((one) => isRight(one) && one.rank === 1).length}`],
    [
      'from start to connected',
      `p50 ${ms(
        percentile(
          asked.map(({ connectMs }) => connectMs),
          0.5,
        ),
      )}`,
    ],
    ['from question to answer', `p50 ${ms(percentile(times, 0.5))}, slowest ${ms(Math.max(...times))}`],
    ...(besides.length === 0
      ? []
      : [
          ['with a slow model, right', `${besides.filter(isRight).length}`],
          ['from question to answer', `p50 ${ms(percentile(ofBesides, 0.5))}, slowest ${ms(Math.max(...ofBesides))}`],
          ['ratio of the medians', ratio.toFixed(2)],
        ]),
  ];
  return `cold start, ${files} files\n${cpu}, ${cores} cores, ${platform}, Node ${node}, load ${load.toFixed(1)}\n\n${table(['measure', 'value'], rows)}\n`;
}
