/** What neural models cost: `node test/bench/neural.ts DIR...`, a folder each that dowser opens as a model. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openModelFolder } from '../../src/embed/catalog.ts';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { openTokenizer } from '../../src/embed/tokenizer.ts';
import { passageText } from '../../src/prepare.ts';
import { describeMachine, megabytes, ms, percentile, table } from './figures.ts';

const HELP = `Measures the speed and memory of neural models, each in a process of its own.

  node test/bench/neural.ts DIR... [options]

  --threads N,M    threads that share a run (1 and as many as there are cores)
  --tokens N       tokens of code to embed as passages (6,000)
  --json           figures as JSON instead of a table
  --help
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: [...new Set([1, availableParallelism()])].join() },
    tokens: { type: 'string', default: '6000' },
    cache: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || positionals.length === 0) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}

/** About what chunks of code are: 30 lines. */
const PASSAGE_CHARS = 1_000;
const QUERIES = [
  'where is the retry delay of a failed request computed',
  'parse a url into its parts',
  'how are indexes of removed folders cleaned up',
  'reciprocal rank fusion of several result lists',
  'which thread writes to the database',
];

type Figures = {
  readonly model: string;
  readonly threads: number;
  /** Until it can be asked: with its files hashed, and with files that are known. */
  readonly openMs: { readonly first: number; readonly again: number };
  readonly passages: number;
  readonly tokensPerSecond: number;
  /** Processors that were kept busy. */
  readonly cores: number;
  readonly queryMs: number;
  readonly loadedBytes: number;
  readonly peakBytes: number;
};

if (values.cache !== undefined) {
  process.stdout.write(JSON.stringify(await measure(positionals[0]!, Number(values.threads), values.cache)));
} else {
  const figures = positionals.flatMap(measureApart);
  if (values.json) process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
  else process.stdout.write(report(figures));
}

/** Once for each number of threads. */
function measureApart(model: string): Figures[] {
  return values.threads.split(',').map((threads) => {
    process.stderr.write(`neural: ${model}, threads ${threads}\n`);
    const cache = mkdtempSync(join(tmpdir(), 'dowser-neural-'));
    try {
      const own = [fileURLToPath(import.meta.url), model, '--threads', threads, '--tokens', values.tokens];
      return JSON.parse(execFileSync(process.execPath, [...own, '--cache', cache], { encoding: 'utf8' })) as Figures;
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  });
}

async function measure(model: string, threads: number, rememberIn: string): Promise<Figures> {
  const folder = await openModelFolder(model, undefined, rememberIn);
  const count = openTokenizer(folder.tokenizer, folder.manifest.maxTokens, true);
  const open = async () => {
    const from = performance.now();
    const embedder = await openEmbedder({ model, threads, rememberIn });
    return { embedder, openMs: performance.now() - from };
  };
  rmSync(join(rememberIn, 'checked'), { recursive: true, force: true });
  const first = await open();
  await first.embedder.close();
  const { embedder, openMs } = await open();
  const loadedBytes = process.memoryUsage.rss();

  const passages = passagesOf(Number(values.tokens), (text) => count(text).length);
  // What is tried out once, and memory that is touched once, is not measured.
  await embedder.embed(QUERIES.slice(0, 2), 'nl2code', 'passage');
  const [from, fromCpu] = [performance.now(), process.cpuUsage()];
  await embedder.embed(passages.texts, 'nl2code', 'passage');
  const seconds = (performance.now() - from) / 1_000;
  const { user, system } = process.cpuUsage(fromCpu);
  const queriesMs: number[] = [];
  for (const query of QUERIES) {
    const asked = performance.now();
    await embedder.embed([query], 'nl2code', 'query');
    queriesMs.push(performance.now() - asked);
  }
  await embedder.close();
  return {
    model: folder.manifest.name,
    threads,
    openMs: { first: first.openMs, again: openMs },
    passages: passages.texts.length,
    tokensPerSecond: passages.tokens / seconds,
    cores: (user + system) / 1e6 / seconds,
    queryMs: percentile(queriesMs, 0.5),
    loadedBytes,
    peakBytes: process.resourceUsage().maxRSS * 1_024,
  };
}

/** Code of dowser itself, cut to the size of chunks, until there are so many tokens. */
function passagesOf(tokensMin: number, count: (text: string) => number): { texts: string[]; tokens: number } {
  const folder = fileURLToPath(new URL('../../src/', import.meta.url));
  const all = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .flatMap((path) => {
      const pieces = readFileSync(join(folder, path), 'utf8').match(new RegExp(`[^]{1,${PASSAGE_CHARS}}`, 'g')) ?? [];
      return pieces.map((piece) => passageText(path, piece));
    });
  const texts: string[] = [];
  let tokens = 0;
  for (let at = 0; at < all.length && tokens < tokensMin; at++) {
    texts.push(all[at]!);
    tokens += count(all[at]!);
  }
  return { texts, tokens };
}

function report(figures: readonly Figures[]): string {
  const { cpu, cores, platform, node, load } = describeMachine();
  const head = [
    'model',
    'threads',
    'open, hashed',
    'open again',
    'tokens/s',
    'cores busy',
    'a query',
    'loaded',
    'peak',
  ];
  const rows = figures.map((one) => [
    one.model,
    String(one.threads),
    ms(one.openMs.first),
    ms(one.openMs.again),
    one.tokensPerSecond.toFixed(0),
    one.cores.toFixed(2),
    ms(one.queryMs),
    megabytes(one.loadedBytes),
    megabytes(one.peakBytes),
  ]);
  return `${cpu}, ${cores} cores, ${platform}, Node ${node}, load ${load.toFixed(1)}\n\n${table(head, rows)}\n`;
}
