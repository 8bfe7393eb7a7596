/** Projects for trips and faults: a small one with something of everything, and as large a one as is asked for. */

/** A small project with something to find in several languages and kinds of file. */
export const PROJECT: Readonly<Record<string, string>> = {
  'README.md':
    '# Parcel depot\n\nRoutes parcels between depots.\n\n## Leases\n\nA worker takes a lease before it moves a parcel.\n',
  'src/lease.ts': [
    "import { Clock } from './clock.ts';",
    '',
    '/** Takes the lease of a parcel, or waits until the one who holds it lets go. */',
    'export async function acquireLease(parcel: string, clock: Clock): Promise<Lease> {',
    '  while (held.has(parcel)) await clock.tick();',
    '  held.add(parcel);',
    '  return { parcel, release: () => held.delete(parcel) };',
    '}',
    '',
    'export type Lease = { parcel: string; release(): boolean };',
    'const held = new Set<string>();',
    '',
  ].join('\n'),
  'src/clock.ts':
    '/** Time that tests can hold still. */\nexport interface Clock {\n  now(): number;\n  tick(): Promise<void>;\n}\n',
  'src/router.py': [
    'class DepotRouter:',
    '    """Finds the shortest way between two depots."""',
    '',
    '    def shortest_route(self, start, goal):',
    '        queue = [(0, start)]',
    '        while queue:',
    '            cost, depot = queue.pop(0)',
    '            if depot == goal:',
    '                return cost',
    '        raise LookupError("no route between depots")',
    '',
  ].join('\n'),
  'src/retry.go':
    'package depot\n\n// Retry calls f until it succeeds or attempts run out.\nfunc Retry(attempts int, f func() error) error {\n\tvar err error\n\tfor i := 0; i < attempts; i++ {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t}\n\treturn err\n}\n',
  'src/retryTwin.go':
    'package depot\n\n// Again calls f until it succeeds or tries run out.\nfunc Again(tries int, f func() error) error {\n\tvar err error\n\tfor i := 0; i < tries; i++ {\n\t\tif err = f(); err == nil {\n\t\t\treturn nil\n\t\t}\n\t}\n\treturn err\n}\n',
  'test/lease.test.ts':
    "import { acquireLease } from '../src/lease.ts';\n\ntest('a lease is exclusive', async () => {\n  const lease = await acquireLease('p1', clock);\n  lease.release();\n});\n",
  'config/depot.json': '{ "depots": ["north", "south"], "leaseSeconds": 30 }\n',
};

/** `count` files that each define a function of a name of their own. */
export function manyFiles(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [pathAt(at), textAt(at)]));
}

export function pathAt(at: number): string {
  return `src/part${at % 40}/module${at}.ts`;
}

export function nameAt(at: number): string {
  return `handle${wordAt(at)}${at}`;
}

function textAt(at: number): string {
  const body = Array.from(
    { length: 12 },
    (_, line) => `  const step${line} = input * ${line} + ${at}; // ${wordAt(at + line)}`,
  );
  const head = `/** Works on ${wordAt(at * 7)}. */\nexport function ${nameAt(at)}(input: number): number {`;
  return `${head}\n${body.join('\n')}\n  return step0 + step11;\n}\n`;
}

function wordAt(at: number): string {
  return WORDS[at % WORDS.length]!;
}

const WORDS = [
  'Parcel',
  'Depot',
  'Route',
  'Lease',
  'Invoice',
  'Courier',
  'Label',
  'Customs',
  'Pallet',
  'Manifest',
  'Weight',
  'Tariff',
  'Pickup',
];
