/** Servers of embeddings that are busy, broken or foul: no wrong vector is taken for a right one, nobody waits for ever. */
import { openRemote } from '../../src/embed/remote.ts';
import { DowserError } from '../../src/errors.ts';
import { EmbeddingServer, LIES, TRICKS, type Trick } from '../embed/embeddingServer.ts';
import { type Context, type Outcome, type Row, randomFrom } from './row.ts';

export const remote: Row = {
  name: 'answers of a server of embeddings: busy, failing, cut, shuffled, shifted, of other sizes and models',
  promise: "each embedding is its own text's, or the call says why there is none, and no other host is asked",
  counts: { quick: 600, full: 6_000 },
  run,
};

const TRICK_NAMES = Object.keys(TRICKS) as (keyof typeof TRICKS)[];
const ALL_NAMES = [...TRICK_NAMES, ...(Object.keys(LIES) as (keyof typeof LIES)[])];
/** Faults one after another at one call: the most that its patience survives is five. */
const RUN_MAX = 7;
const TRIES_MAX = 6;
/** Texts of one request, between the probes. */
const TEXTS_MAX = 30;
/** The same in another order, and what is taken apart and asked again. */
const HARMLESS = ['shuffled', 'refused'];
/** Those that end a call at once: no other attempt would do better. */
const FINAL = ['redirect', 'unknown', 'forbidden', 'rotated', 'otherModel'] as const;
const STATUS = { redirect: 307, unknown: 404, forbidden: 403 } as const;
/** Rounding of sums in another order, and of numbers written as decimals. */
const TOLERANCE = 1e-5;
const CALL_MS_MAX = 20_000;
/** Ten times what an honest answer takes here: one that is given up in vain uses up the fault that was meant for the next attempt. */
const QUICK = { pauseMs: 1, silenceMs: 250 };

async function run({ count, seed, progress }: Context): Promise<Outcome> {
  const random = randomFrom(seed);
  const [server, other] = [await EmbeddingServer.start(), await EmbeddingServer.start()];
  const losses: string[] = [];
  const manifest = server.manifest();
  const model = openRemote(manifest, manifest.dimensions, QUICK);
  let [made, told, due, naive, naiveOf] = [0, 0, 0, 0, 0];
  try {
    for (let call = 0; made < count; call++) {
      progress(Math.min(made, count), count);
      const texts = Array.from({ length: 1 + random(40) }, () => `text ${random(1_000)} of ${random(1_000)}`);
      const truth = await server.truth(texts);
      const names = Array.from({ length: 1 + random(RUN_MAX) }, () => TRICK_NAMES[random(TRICK_NAMES.length)]!);
      const final = random(6) === 0 ? FINAL[random(FINAL.length)]! : undefined;
      server.tricks = names.map((name) => TRICKS[name]);
      if (final !== undefined) server.tricks.unshift(finalTrick(final, `${other.url}/embeddings`));
      const faults = server.tricks.length;
      const what = `call ${call} of ${texts.length} texts, ${[...(final ? [final] : []), ...names].join(' ')}`;
      const startedMs = performance.now();
      const result = await model.embed(texts, 'nl2code', 'passage').catch((error: unknown) => error);
      if (performance.now() - startedMs > CALL_MS_MAX)
        losses.push(`${what}: took ${Math.round(performance.now() - startedMs)} ms`);
      made += faults - server.tricks.length;
      // What harms nothing, such as another order of the same, is not due to be told.
      const mustFail =
        final !== undefined ||
        (texts.length <= TEXTS_MAX &&
          faults >= TRIES_MAX &&
          names.slice(0, TRIES_MAX).every((name) => !HARMLESS.includes(name)));
      if (mustFail) due++;
      if (result instanceof DowserError) told += mustFail ? 1 : 0;
      else if (!Array.isArray(result)) losses.push(`${what}: ${result}`);
      else if (result.some((one, at) => !isNone(one) && !isNear(one, truth[at]!)))
        losses.push(`${what}: a wrong embedding was taken`);
      server.tricks = [];
      const all = { ...TRICKS, ...LIES };
      const trick = ALL_NAMES[call % ALL_NAMES.length]!;
      if (trick === 'silent') continue;
      server.tricks = [all[trick]];
      naiveOf++;
      if (!(await naiveIsRight(server, texts, truth))) naive++;
      server.tricks = [];
    }
    if (other.authorizations.length > 0) losses.push(`${other.authorizations.length} requests came to another host`);
  } finally {
    model.close();
    await Promise.all([server.stop(), other.stop()]);
  }
  return {
    faults: made,
    losses,
    reported: { told, due },
    control: { losses: naive, of: naiveOf, how: 'the same answers, taken as they come' },
    notes: [],
  };
}

function finalTrick(final: (typeof FINAL)[number], elsewhere: string): Trick {
  if (final === 'rotated' || final === 'otherModel') return LIES[final];
  return (response) => {
    response.writeHead(STATUS[final], { location: elsewhere }).end('no');
    return true;
  };
}

/** What a client does that trusts: one attempt, rows in the order they come. Nothing at all is no wrong embedding. */
async function naiveIsRight(
  server: EmbeddingServer,
  texts: readonly string[],
  truth: readonly Float32Array[],
): Promise<boolean> {
  try {
    const body = JSON.stringify({ model: 'tiny', input: texts });
    const answer = await fetch(`${server.url}/embeddings`, { method: 'POST', body });
    const { data } = (await answer.json()) as { data: { embedding: number[] }[] };
    return data.every(({ embedding }, at) => isNear(embedding, truth[at]!)) && data.length === texts.length;
  } catch {
    return true;
  }
}

/** A text that is refused again and again has none. */
function isNone(one: Float32Array): boolean {
  return one.every((value) => value === 0);
}

/** The same direction. */
function isNear(one: ArrayLike<number>, truth: Float32Array): boolean {
  const length = Math.hypot(...Array.from(one));
  return one.length === truth.length && truth.every((value, at) => Math.abs(one[at]! / length - value) < TOLERANCE);
}
