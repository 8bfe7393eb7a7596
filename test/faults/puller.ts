/** A process that fetches a model from a hub until it has it or is killed. Arguments: the shelf, the hub's address, the offer. */
import { fileURLToPath } from 'node:url';
import type { Offer } from '../../src/library/offers.ts';
import { pull } from '../../src/library/pull.ts';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [shelf, mirror, offer] = process.argv.slice(2);
  const { how } = await pull(JSON.parse(offer!) as Offer, { shelf: shelf!, mirror: mirror!, acceptsLicence: true });
  process.stdout.write(how);
}
