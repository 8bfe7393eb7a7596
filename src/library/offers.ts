/** The catalog: models that can be fetched on request, what is known of each, and the manifest that its folder gets. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type ModelFile, readManifest, type TransformerManifest } from '../embed/manifest.ts';
import { SIDES, TASKS } from '../embed/tasks.ts';
import { DowserError } from '../errors.ts';

const CATALOG_FILE = fileURLToPath(new URL('../../models/catalog.json', import.meta.url));

const PREFIXES = z.partialRecord(z.enum(TASKS), z.partialRecord(z.enum(SIDES), z.string()));

const FILE = z.strictObject({
  name: z.string(),
  path: z.string().regex(/^\w[\w.-]*(\/\w[\w.-]*)*$/),
  bytes: z.int().positive().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

const OFFER = z.strictObject({
  name: z.string(),
  about: z.string(),
  parameters: z.string(),
  licence: z.string(),
  notice: z.string().optional(),
  dimensions: z.int(),
  matryoshka: z.array(z.int()).optional(),
  maxTokens: z.int(),
  pooling: z.enum(['none', 'last', 'mean', 'cls']),
  padding: z.enum(['left', 'right']),
  output: z.string().optional(),
  prefixes: PREFIXES,
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  revision: z.string().regex(/^[\w.-]+$/),
  files: z.array(FILE).min(2),
  bytes: z.int().positive(),
  published: z.partialRecord(z.enum(['MBPP', 'HumanEval', 'CoIR']), z.number().min(0).max(100)),
  remarks: z.array(z.string()),
});

/** One file of an offer: its name in the model's folder, and its path in the repository on the hub. */
export type OfferFile = z.infer<typeof FILE>;

/**
 * A model that can be fetched. `bytes` of all files is near enough to ask whether the disk has room. A file without
 * `sha256` is trusted as it first comes, unless the hub names its sha256, and checked against that from then on.
 * `published` are the authors' figures at full precision: nDCG@10 in percent, of CoIR the mean of its ten parts.
 */
export type Offer = z.infer<typeof OFFER>;

/** Where the files of a model come from, and how far each was checked when it came. Kept in model.json. */
export type Source = {
  readonly repository: string;
  readonly revision: string;
  readonly checked: Readonly<Record<string, 'catalog' | 'hub' | 'first download'>>;
};

/** Every offer, as in the file. Throws DowserError('model_damaged') that names the entry and the field which is wrong. */
export function readOffers(file: string = CATALOG_FILE): Offer[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw damaged(file, `can't be read (${(cause as Error).message})`, cause);
  }
  const catalog = z.strictObject({ version: z.literal(1), models: z.array(z.unknown()) }).safeParse(json);
  if (!catalog.success) throw damaged(file, `is no catalog (${firstIssue(catalog.error)})`, catalog.error);
  return catalog.data.models.map((entry, at) => readOffer(file, entry, at));
}

function readOffer(file: string, entry: unknown, at: number): Offer {
  const read = OFFER.safeParse(entry);
  const name = (entry as { name?: unknown } | null)?.name;
  const which = typeof name === 'string' ? `"${name}"` : `entry ${at + 1}`;
  if (!read.success) throw damaged(file, `has a wrong field at ${which}: ${firstIssue(read.error)}`, read.error);
  try {
    readManifest(manifestOf(read.data, placeholders(read.data)));
  } catch (cause) {
    throw damaged(file, `has a wrong field at ${which}: ${(cause as Error).message}`, cause);
  }
  return read.data;
}

/** What model.json says of an offer, once its files are there. */
export function manifestOf(offer: Offer, files: Readonly<Record<string, ModelFile>>, source?: Source) {
  const { name, licence, notice, dimensions, matryoshka, maxTokens, pooling, padding, output } = offer;
  return {
    name,
    kind: 'transformer',
    version: 1,
    dimensions,
    matryoshka: matryoshka ?? [dimensions],
    maxTokens,
    pooling,
    padding,
    ...(output === undefined ? {} : { output }),
    prefixes: wholePrefixes(offer.prefixes),
    sides: {},
    licence,
    ...(notice === undefined ? {} : { notice }),
    ...(source === undefined ? {} : { source }),
    files,
  } satisfies Omit<TransformerManifest, 'files'> & { files: typeof files; source?: Source };
}

/** Every task with both sides; what is not named has no prefix. */
export function wholePrefixes(some: Offer['prefixes']): TransformerManifest['prefixes'] {
  const whole = TASKS.map((task) => [task, { query: some[task]?.query ?? '', passage: some[task]?.passage ?? '' }]);
  return Object.fromEntries(whole) as TransformerManifest['prefixes'];
}

function placeholders({ files }: Offer): Record<string, ModelFile> {
  return Object.fromEntries(files.map(({ name }) => [name, { sha256: '0'.repeat(64), bytes: 1 }]));
}

function firstIssue({ issues }: z.ZodError): string {
  const [issue] = issues;
  return `${issue!.path.join('.') || 'the whole'}: ${issue!.message}`;
}

function damaged(file: string, what: string, cause: unknown): DowserError {
  return new DowserError('model_damaged', `${file} ${what}. Reinstall dowser.`, { cause });
}
