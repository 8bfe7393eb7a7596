/** A slow model beside the bundled one: its own process, embeddings made behind the answers, and what becomes of them. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openEmbedder } from '../src/embed/embedder.ts';
import { JINA_PREFIXES } from '../src/embed/tasks.ts';
import { parseQuery } from '../src/rank/query.ts';
import { findCandidates } from '../src/search.ts';
import type { Filters, Task } from '../src/types.ts';
import { git, makeFolder, makeRepository, write } from './source/tree.ts';
import { lines, type Opened, openFor, pathsOf } from './support.ts';

/** A real transformer, tiny and with random weights (models/train/fixtures.py). */
const ENCODER = fileURLToPath(new URL('./fixtures/models/encoder/', import.meta.url));

const functionOf = (name: string): string =>
  lines(`export function ${name}(parcel) {`, `  return parcel.${name}Of(parcel.weight);`, '}');
const NAMES = ['acquireLease', 'openDesk', 'weighParcel', 'sortLetters', 'closeDepot'];
const PROJECT = Object.fromEntries(NAMES.map((name) => [`src/${name}.js`, functionOf(name)]));

async function openWith(root: string, model: string, cacheDir = join(makeFolder(), 'cache')): Promise<Opened> {
  const opened = await openFor(root, { model, cacheDir });
  await opened.index.sync();
  return opened;
}

/** Processes that this one has started and that are still there. */
function children(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

function modelsRunning(): number[] {
  return children().filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('embed/child'));
}

/** Until it is so; the time limit of the test is the bound. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Of all candidates, how many the slow model judged. */
async function judged({ engine }: Opened, question: string): Promise<[judged: number, of: number]> {
  const { found } = await findCandidates(engine(), parseQuery(question, {}, 10, 2_500));
  return [found.filter(({ slowCosine }) => slowCosine !== 0).length, found.length];
}

describe('a slow model', () => {
  test('answers nothing before it has read something, and judges all candidates afterwards', async () => {
    const opened = await openWith(makeRepository(PROJECT), ENCODER);
    const { index } = opened;
    const first = await index.search({ query: 'who weighs a parcel' });
    expect(pathsOf(first)).toHaveLength(NAMES.length);
    expect(first.coverage).toMatchObject({ embedded: 5, chunks: 5, slow: { name: 'encoder', embedded: 0 } });
    expect(modelsRunning()).toEqual([]);
    const steps: number[] = [];
    await index.readBehind(({ done, total, phase }) => {
      expect([total, phase]).toEqual([NAMES.length, 'reading']);
      steps.push(done);
    });
    expect(steps.at(-1)).toBe(NAMES.length);
    expect(modelsRunning()).toHaveLength(1);
    expect(await judged(opened, 'who weighs a parcel')).toEqual([NAMES.length, NAMES.length]);
    const status = await index.status();
    expect(status).toMatchObject({
      model: { name: 'dowser-static-v1' },
      slow: { name: 'encoder', dimensions: 32, state: 'all code is read' },
      coverage: { slow: { embedded: NAMES.length } },
      health: [],
    });
    await index.close();
    await until(() => modelsRunning().length === 0);
  });

  test('reads only what changed, and never again what it has read: of a file that moved lines, a work tree beside, a branch', async () => {
    const model = join(makeFolder(), 'encoder');
    cpSync(ENCODER, model, { recursive: true });
    const cacheDir = join(makeFolder(), 'cache');
    const root = makeRepository(PROJECT);
    const { index, engine } = await openWith(root, model, cacheDir);
    await index.readBehind();
    // From here on, the model can read nothing: its weights are gone.
    writeFileSync(join(model, 'model.onnx'), '');
    write(root, { 'src/openDesk.js': `// Moved.\n\n${functionOf('openDesk')}` });
    const sibling = join(makeFolder(), 'sibling');
    git(root, 'worktree', 'add', '-q', sibling, '-b', 'other');
    const beside = await openWith(sibling, model, cacheDir);
    await beside.index.readBehind();
    expect(beside.engine().store.counts()).toMatchObject({ slowEmbedded: NAMES.length });
    await index.sync();
    const { store } = engine();
    expect(store.slow!.missingEmbeddings(9).length).toBeLessThanOrEqual(1);
    write(root, { 'src/openDesk.js': functionOf('openDesk') });
    await index.sync();
    await index.readBehind();
    expect(store.counts()).toMatchObject({ chunks: NAMES.length, slowEmbedded: NAMES.length });
    await beside.index.close();
  });

  test('whose weights are damaged fails when it is first needed; answers go on without it', async () => {
    const model = join(makeFolder(), 'encoder');
    cpSync(ENCODER, model, { recursive: true });
    writeFileSync(join(model, 'model.onnx'), readFileSync(join(model, 'model.onnx')).fill(0, 500, 600));
    const opened = await openWith(makeRepository(PROJECT), model);
    await expect(opened.index.readBehind()).rejects.toMatchObject({ code: 'model_damaged' });
    const answer = await opened.index.search({ query: 'weighParcel' });
    expect(pathsOf(answer)[0]).toBe('src/weighParcel.js');
    await until(() => modelsRunning().length === 0);
  });

  test('whose process is killed is started again, and what it had read stays read', async () => {
    const opened = await openWith(makeRepository(PROJECT), ENCODER);
    const { index, engine } = opened;
    const reading = index.readBehind(() => {
      for (const pid of modelsRunning()) process.kill(pid, 'SIGKILL');
    });
    await expect(reading).rejects.toMatchObject({ code: 'model_failed' });
    const before = engine().store.counts().slowEmbedded;
    expect(before).toBeGreaterThan(0);
    await index.readBehind();
    expect(engine().store.counts().slowEmbedded).toBe(NAMES.length);
  });

  test('reads behind the answers of a server, and not where the setting says so', async () => {
    const root = makeRepository(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const paused = await openFor(root, { model: ENCODER, cacheDir, pause: 'always' });
    paused.index.start();
    await until(async () => (await paused.index.status()).slow?.state === 'paused (setting)');
    expect(paused.engine().store.counts()).toMatchObject({ embedded: NAMES.length, slowEmbedded: 0 });
    await paused.index.close();
    const opened = await openFor(root, { model: ENCODER, cacheDir, pause: 'never' });
    opened.index.start();
    await until(() => opened.engine().store.counts().slowEmbedded === NAMES.length);
    expect(await judged(opened, 'who weighs a parcel')).toEqual([NAMES.length, NAMES.length]);
  });

  test('is read for by the leader, and asked by followers as well', async () => {
    const root = makeRepository(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const leader = await openWith(root, ENCODER, cacheDir);
    const follower = await openWith(root, ENCODER, cacheDir);
    await leader.index.readBehind();
    expect(await judged(follower, 'who weighs a parcel')).toEqual([NAMES.length, NAMES.length]);
    expect((await follower.index.status()).role).toBe('follower');
  });

  test('is held once for all servers: the leader answers for the followers, and whoever leads next does', async () => {
    const root = makeRepository(PROJECT);
    const cacheDir = join(makeFolder(), 'cache');
    const leader = await openWith(root, ENCODER, cacheDir);
    await leader.index.readBehind();
    leader.index.start();
    const follower = await openWith(root, ENCODER, cacheDir);
    follower.index.start();
    expect(await judged(follower, 'who weighs a parcel')).toEqual([NAMES.length, NAMES.length]);
    expect(modelsRunning()).toHaveLength(1);
    await leader.index.close();
    await until(async () => (await follower.index.status()).role === 'leader');
    expect(await judged(follower, 'who sorts letters')).toEqual([NAMES.length, NAMES.length]);
    const third = await openWith(root, ENCODER, cacheDir);
    third.index.start();
    await until(async () => (await judged(third, `who closes a depot ${Math.random()}`))[0] === NAMES.length);
    expect(modelsRunning()).toHaveLength(1);
    await follower.index.close();
    await third.index.close();
  });

  test('reads prose as answers and code as code, and asks each so, where its prefixes say so', async () => {
    const model = join(makeFolder(), 'encoder');
    cpSync(ENCODER, model, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8'));
    // To a model with random weights all texts are much alike: it takes strong words to tell the tasks apart.
    const prefixes = { ...JINA_PREFIXES, qa: { query: '??? '.repeat(30), passage: '0 1 2 3 '.repeat(30) } };
    writeFileSync(join(model, 'model.json'), JSON.stringify({ ...manifest, prefixes }));
    const prose = 'A parcel is weighed before it is sorted.';
    const opened = await openWith(makeRepository({ ...PROJECT, 'docs/parcels.md': prose }), model);
    await opened.index.readBehind();
    const embedder = await openEmbedder({ model });
    const cosine = async (task: Task, question: string, passageTask: Task, passage: string): Promise<number> => {
      const [[asked], [read]] = [
        await embedder.embed([question], task, 'query'),
        await embedder.embed([passage], passageTask, 'passage'),
      ];
      return asked!.reduce((sum, value, at) => sum + value * read![at]!, 0);
    };
    const ask = async (filters: Filters): Promise<Map<string, number>> => {
      const { found } = await findCandidates(opened.engine(), parseQuery('who weighs a parcel', filters, 10, 2_500));
      return new Map(found.map(({ row, slowCosine }) => [row.path, slowCosine]));
    };
    const code = `src/weighParcel.js\n${functionOf('weighParcel').trimEnd()}`;
    const all = await ask({});
    const inProse = await cosine('qa', 'who weighs a parcel', 'qa', `docs/parcels.md\n${prose}`);
    expect(all.get('docs/parcels.md')).toBeCloseTo(inProse, 2);
    expect(all.get('src/weighParcel.js')).toBeCloseTo(
      await cosine('nl2code', 'who weighs a parcel', 'nl2code', code),
      2,
    );
    expect(inProse).not.toBeCloseTo(
      await cosine('nl2code', 'who weighs a parcel', 'nl2code', `docs/parcels.md\n${prose}`),
      2,
    );
    expect((await ask({ kind: 'docs' })).get('docs/parcels.md')).toBeCloseTo(inProse, 2);
    await embedder.close();
  });
});
