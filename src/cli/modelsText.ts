/** The list of models, for people and for programs. */
import { BUNDLED_MODEL, bundledFolder } from '../embed/catalog.ts';
import type { Offer } from '../library/offers.ts';
import { type Shelved, shelved } from '../library/shelf.ts';
import { visibleLine } from '../mcp/visible.ts';

/** One model as it is listed. `bytes` of a model that is not here is what the catalog knows. */
export type Listed = {
  readonly name: string;
  readonly where: 'bundled' | 'here' | 'server' | 'catalog' | 'damaged';
  readonly isUsed: boolean;
  readonly about: string;
  readonly licence: string;
  readonly needsYes: boolean;
  readonly dimensions: readonly number[];
  readonly bytes: number | undefined;
  readonly published: Offer['published'];
  readonly remarks: readonly string[];
};

/** Bundled, then the user's, then what can be fetched. */
export function listed(offers: readonly Offer[], onShelf: readonly Shelved[], used: string): Listed[] {
  const bundled: Listed = {
    ...ofShelf(shelved(BUNDLED_MODEL, bundledFolder(BUNDLED_MODEL)!), offers, used),
    ...{ where: 'bundled', about: 'code; the default, at once' },
  };
  const absent = offers.filter(({ name }) => !onShelf.some((model) => model.name === name));
  return [
    bundled,
    ...onShelf.map((model) => ofShelf(model, offers, used)),
    ...absent.map((offer): Listed => {
      const { name, about, licence, notice, dimensions, matryoshka = [dimensions], bytes, published, remarks } = offer;
      const needsYes = notice !== undefined;
      const sizes = { dimensions: matryoshka, bytes };
      return { name, where: 'catalog', isUsed: used === name, about, licence, needsYes, ...sizes, published, remarks };
    }),
  ];
}

function ofShelf({ name, manifest, problem }: Shelved, offers: readonly Offer[], used: string): Listed {
  const offer = offers.find((candidate) => candidate.name === name);
  const files = manifest === undefined || manifest.kind === 'remote' ? [] : Object.values(manifest.files);
  return {
    name,
    where: manifest === undefined ? 'damaged' : manifest.kind === 'remote' ? 'server' : 'here',
    isUsed: used === name,
    about: problem ?? offer?.about ?? 'added by you',
    licence: manifest?.licence ?? '',
    needsYes: manifest?.notice !== undefined,
    dimensions: manifest?.matryoshka ?? [],
    bytes: files.length === 0 ? undefined : files.reduce((sum, { bytes }) => sum + bytes, 0),
    published: offer?.published ?? {},
    remarks: offer?.remarks ?? [],
  };
}

const HEAD = ['', 'model', 'where', 'MB', 'sizes', 'MBPP', 'HumanEval', 'licence', 'made for'];

export function modelsText(models: readonly Listed[]): string {
  const rows = models.map((model) => [
    model.isUsed ? '*' : '',
    model.name,
    model.where,
    model.bytes === undefined ? '' : (model.bytes / 1e6).toFixed(0),
    sizesText(model.dimensions),
    model.published.MBPP?.toFixed(1) ?? '',
    model.published.HumanEval?.toFixed(1) ?? '',
    `${model.licence}${model.needsYes ? ' (!)' : ''}`,
    model.about,
  ]);
  const widths = HEAD.map((head, at) => Math.max(head.length, ...rows.map((row) => row[at]!.length)));
  const lines = [HEAD, ...rows].map((row) =>
    row
      .map((cell, at) => visibleLine(cell, 200).padEnd(widths[at]!))
      .join('  ')
      .trimEnd(),
  );
  return [
    ...lines,
    '',
    '* is in use. (!) asks for a yes: --accept-licence. MBPP and HumanEval are published figures, nDCG@10.',
    "'dowser models pull NAME' fetches one of the catalog, 'dowser models use NAME' chooses one.",
  ].join('\n');
}

function sizesText(sizes: readonly number[]): string {
  return sizes.length > 1 ? `${sizes[0]}..${sizes.at(-1)}` : String(sizes[0] ?? '');
}
