import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { batchOf, openFeeds } from '../../src/embed/feeds.ts';
import type { TransformerManifest } from '../../src/embed/manifest.ts';
import { loadOnnxRuntime, type OnnxLibrary, type OnnxSession } from '../../src/embed/onnx.ts';
import { chooseOutput, halfOf, pool, unitLength } from '../../src/embed/pooling.ts';
import { setLogLevel } from '../../src/log.ts';
import { expectClose, testEmbedder } from '../contracts/embedder.ts';

const model = (name: string): string => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
const hasOnnx = await loadOnnxRuntime().then(
  () => true,
  () => false,
);

for (const name of hasOnnx ? ['decoder', 'decoder-grouped', 'encoder', 'encoder-int8'] : []) {
  testEmbedder(name, () => openEmbedder({ model: model(name) }), { sidesDiffer: false, knowsAll: true });
}

class Tensor {
  readonly type: string;
  readonly data: ArrayLike<unknown>;
  readonly dims: readonly number[];
  constructor(type: string, data: ArrayLike<unknown>, dims: readonly number[]) {
    this.type = type;
    this.data = data;
    this.dims = dims;
  }
}
const library = { Tensor } as unknown as OnnxLibrary;
const manifest = { kind: 'transformer', pooling: 'last', dimensions: 4 } as TransformerManifest;

/** A session of this form, which runs nothing. */
function sessionOf(
  inputs: Readonly<Record<string, { type?: string; shape?: (number | string)[] }>>,
  outputs: Readonly<Record<string, (number | string)[]>> = {},
): OnnxSession {
  return {
    inputNames: Object.keys(inputs),
    inputMetadata: Object.entries(inputs).map(([name, of]) => ({ name, ...of })),
    outputNames: Object.keys(outputs),
    outputMetadata: Object.entries(outputs).map(([name, shape]) => ({ name, shape })),
    run: () => Promise.reject(new Error('runs nothing')),
    release: async () => {},
  };
}

const ints = { type: 'int64', shape: ['batch', 'tokens'] };

describe('what a model is fed', () => {
  const feed = (inputs: Parameters<typeof sessionOf>[0], padding: 'left' | 'right') => {
    const feeds = openFeeds(library, sessionOf(inputs), manifest)(batchOf([[7, 8, 9], [5]], padding), 'query');
    return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, tensor as Tensor]));
  };
  const inputs = { input_ids: ints, attention_mask: ints, position_ids: ints, token_type_ids: ints };

  it('is padded on the side asked for, with positions that count tokens and not columns', () => {
    const right = feed(inputs, 'right');
    expect(right.input_ids!.data).toEqual(BigInt64Array.of(7n, 8n, 9n, 5n, 0n, 0n));
    expect(right.attention_mask!.data).toEqual(BigInt64Array.of(1n, 1n, 1n, 1n, 0n, 0n));
    expect(right.position_ids!.data).toEqual(BigInt64Array.of(0n, 1n, 2n, 0n, 1n, 1n));
    const left = feed(inputs, 'left');
    expect(left.input_ids!.data).toEqual(BigInt64Array.of(7n, 8n, 9n, 0n, 0n, 5n));
    expect(left.attention_mask!.data).toEqual(BigInt64Array.of(1n, 1n, 1n, 0n, 0n, 1n));
    expect(left.position_ids!.data).toEqual(BigInt64Array.of(0n, 1n, 2n, 1n, 1n, 0n));
    expect(left.token_type_ids!.data).toEqual(new BigInt64Array(6));
    for (const tensor of Object.values(left)) expect(tensor.dims).toEqual([2, 3]);
  });

  it('has the types that the model declares, and no keys and values of tokens before', () => {
    const past = (type: string) => ({ type, shape: ['batch', 2, 'past', 64] });
    const feeds = feed(
      {
        input_ids: { ...ints, type: 'int32' },
        'past_key_values.0.key': past('float16'),
        'past_key_values.0.value': past('float32'),
      },
      'right',
    );
    expect(feeds.input_ids!.data).toEqual(Int32Array.of(7, 8, 9, 5, 0, 0));
    expect(feeds['past_key_values.0.key']).toEqual(new Tensor('float16', new Uint16Array(0), [2, 2, 0, 64]));
    expect(feeds['past_key_values.0.value']).toEqual(new Tensor('float32', new Float32Array(0), [2, 2, 0, 64]));
  });

  it('can not be made up: an input of another name is refused by it, and heads that are not told', () => {
    expect(() => openFeeds(library, sessionOf({ pixel_values: ints }), manifest)).toThrow('pixel_values');
    const past = { 'past_key_values.3.key': { type: 'float32', shape: ['batch', 'heads', 'past', 64] } };
    expect(() => openFeeds(library, sessionOf(past), manifest)).toThrow('past_key_values.3.key');
  });
});

describe('the output that is pooled', () => {
  const tokens = ['batch', 'tokens', 4];
  const choose = (outputs: Record<string, (number | string)[]>, changes: Partial<TransformerManifest> = {}) =>
    chooseOutput(sessionOf({}, outputs), { ...manifest, ...changes });

  it('is the one the manifest names, or that of tokens or texts, as pooling needs', () => {
    const both = {
      'present.0.key': ['batch', 2, 'all', 4],
      last_hidden_state: tokens,
      sentence_embedding: ['batch', 4],
    };
    expect(choose(both)).toBe('last_hidden_state');
    expect(choose(both, { pooling: 'none' })).toBe('sentence_embedding');
    expect(choose({ ...both, other: tokens }, { output: 'other' })).toBe('other');
    expect(choose({ logits: ['batch', 'tokens', 900], state: tokens })).toBe('state');
  });

  it('is missed by name', () => {
    expect(() => choose({ logits: ['batch', 'tokens', 900] })).toThrow(/logits.*4 dimensions.*last/);
    expect(() => choose({ a: tokens }, { output: 'b' })).toThrow(/no output "b", but a/);
  });
});

describe('pooling', () => {
  const hidden = Float32Array.from({ length: 2 * 3 * 2 }, (_, at) => at);

  it.each([
    [
      'last',
      'right',
      [
        [4, 5],
        [6, 7],
      ],
    ],
    [
      'last',
      'left',
      [
        [4, 5],
        [10, 11],
      ],
    ],
    [
      'cls',
      'right',
      [
        [0, 1],
        [6, 7],
      ],
    ],
    [
      'cls',
      'left',
      [
        [0, 1],
        [10, 11],
      ],
    ],
    [
      'mean',
      'right',
      [
        [6, 9],
        [6, 7],
      ],
    ],
    [
      'mean',
      'left',
      [
        [6, 9],
        [10, 11],
      ],
    ],
  ] as const)('%s, padding %s, looks past padding', (pooling, padding, expected) => {
    const pooled = pool({ data: hidden, dims: [2, 3, 2] }, batchOf([[7, 8, 9], [5]], padding), pooling, 2);
    expect(pooled.map((embedding) => [...embedding])).toEqual(expected);
  });

  it('reads halves from their bits', () => {
    expect([0x0000, 0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555].map(halfOf)).toEqual([
      0,
      1,
      -2,
      65504,
      2 ** -14,
      2 ** -24,
      expect.closeTo(1 / 3, 3),
    ]);
    expect([0x7c00, 0xfc00, 0x7e00].map(halfOf)).toEqual([
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]);
    const bits = { data: Uint16Array.of(0x3c00, 0xc000), dims: [1, 2] };
    expect([...pool(bits, batchOf([[5]], 'right'), 'none', 2)[0]!]).toEqual([1, -2]);
  });

  it('gives unit length, of zeros zeros, and hides nothing that is no number', () => {
    expectClose(unitLength([3, 4]), Float32Array.of(0.6, 0.8));
    expect(unitLength([0, 0])).toEqual(new Float32Array(2));
    expect(unitLength([Number.POSITIVE_INFINITY, 1])[0]).toBeNaN();
  });
});

describe('a size of embeddings', () => {
  it.runIf(hasOnnx)('is cut from the whole before the length is made one, and has an id of its own', async () => {
    const [whole, cut] = await Promise.all(
      [undefined, 8].map((dimensions) => openEmbedder({ model: model('decoder'), dimensions })),
    );
    onTestFinished(async () => void (await Promise.all([whole!.close(), cut!.close()])));
    expect([whole!.dimensions, cut!.dimensions]).toEqual([32, 8]);
    expect(cut!.id).not.toBe(whole!.id);
    expect(cut!.id).toMatch(/^decoder-8-/);
    const [long] = await whole!.embed(['parse url'], 'nl2code', 'query');
    const [short] = await cut!.embed(['parse url'], 'nl2code', 'query');
    expectClose(short!, unitLength(long!.subarray(0, 8)));
  });

  it('is one of those that the model was trained for', async () => {
    await expect(openEmbedder({ model: model('decoder'), dimensions: 10 })).rejects.toMatchObject({
      code: 'bad_argument',
      message: expect.stringContaining('8, 16, 32 dimensions, not 10'),
    });
  });
});

describe.runIf(hasOnnx)('a model that is run by a provider', () => {
  it('is run by the processor where the provider is missing, which the log says once', async () => {
    const written: string[] = [];
    const { write } = process.stderr;
    onTestFinished(() => {
      process.stderr.write = write;
      setLogLevel('error');
    });
    setLogLevel('warn');
    process.stderr.write = (text) => written.push(String(text)) > 0;
    // DirectML is of Windows, Core ML of macOS: one of them is missing anywhere.
    const provider = process.platform === 'win32' ? 'coreml' : 'dml';
    const embedder = await openEmbedder({ model: model('encoder'), provider });
    process.stderr.write = write;
    const usual = await openEmbedder({ model: model('encoder') });
    onTestFinished(async () => void (await Promise.all([embedder.close(), usual.close()])));
    expect(written.join('')).toMatch(
      new RegExp(`^dowser warn: The provider ${provider} can't run the model[^\\n]*\\n$`),
    );
    const [embedding] = await embedder.embed(['parse url'], 'nl2code', 'query');
    const [expected] = await usual.embed(['parse url'], 'nl2code', 'query');
    expect(embedding).toEqual(expected);
    expect(embedder.id).toBe(usual.id);
  });

  it('is let go of when it is of a form that is not known', async () => {
    const { env, InferenceSession, Tensor } = await loadOnnxRuntime();
    let released = 0;
    const create: OnnxLibrary['InferenceSession']['create'] = async (...given) => {
      const session = await InferenceSession.create(...given);
      const release = async (): Promise<void> => {
        released++;
        await session.release();
      };
      const { inputMetadata, outputNames, outputMetadata, run } = session;
      return { inputNames: ['pixel_values'], inputMetadata, outputNames, outputMetadata, run, release };
    };
    const opening = openEmbedder({ model: model('encoder') }, async () => ({
      env,
      Tensor,
      InferenceSession: { create },
    }));
    await expect(opening).rejects.toMatchObject({
      code: 'model_failed',
      message: expect.stringContaining('pixel_values'),
    });
    expect(released).toBe(1);
  });

  it('that is closed ends the run that goes on, and gives up what is left', async () => {
    const embedder = await openEmbedder({ model: model('decoder') });
    const embedding = embedder.embed(Array(200).fill('read file'), 'nl2code', 'passage');
    const outcome = expect(embedding).rejects.toMatchObject({ code: 'cancelled' });
    await new Promise((resolve) => setImmediate(resolve));
    await embedder.close();
    await outcome;
  });
});
