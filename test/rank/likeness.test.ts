/** Two pieces of code compared: what counts as the same wording, and how much structure is shared. */
import { describe, expect, test } from 'vitest';
import { sameWording, shapeOf, structureShared, weighRuns } from '../../src/rank/likeness.ts';

const LOOP = 'for (const part of parts) { if (part.size > limit) { found.push(part.name); total += part.size; } }';
const shape = (text: string) => shapeOf(text, 'javascript');

describe('the wording', () => {
  test.each([
    ['identical', LOOP.replace('{ if', '{\n  // the large ones\n  if')],
    ['identical', `before();\n${LOOP}\nafter();`],
    ['renamed', LOOP.replaceAll('part', 'piece').replaceAll('limit', 'most')],
    [undefined, LOOP.replace('total += part.size;', 'if (part.last) break;')],
  ])('is %s for %s', (verdict, text) => {
    expect(sameWording(shape(LOOP), shape(text))).toBe(verdict);
    expect(sameWording(shape(text), shape(LOOP)) === undefined).toBe(verdict === undefined);
  });

  test('of a short text or of a table is no proof, but the very same text is', () => {
    expect(sameWording(shape('return a;'), shape('return b;'))).toBeUndefined();
    expect(sameWording(shape('return a;'), shape('return  a; // so'))).toBe('identical');
    const table = (name: string): string => Array.from({ length: 20 }, (_, at) => `${name}${at}: ${at},`).join(' ');
    expect(sameWording(shape(table('a')), shape(table('b')))).toBeUndefined();
  });

  test('of a small part of what was asked for does not speak for all of it', () => {
    const asked = `${LOOP}\n${'while (queue.length > 0) visit(queue.shift(), (one) => one.next ?? stop(one));\n'.repeat(3)}`;
    expect(sameWording(shape(asked), shape(LOOP))).toBeUndefined();
  });
});

test('structure is shared in full by a copy, in part by a changed one, and little by other code', () => {
  const [piece, ...others] = [
    LOOP,
    LOOP.replaceAll('part', 'piece'),
    LOOP.replace('total += part.size;', 'if (part.last) break;'),
    'export class Route { constructor(stops) { this.stops = stops; this.length = 0; } }',
  ].map(shape);
  const weigh = weighRuns(others);
  const [copy, changed, other] = others.map((one) => structureShared(piece!, one, weigh));
  expect(copy).toBe(1);
  expect(changed).toBeGreaterThan(0.5);
  expect(changed).toBeLessThan(1);
  expect(other).toBeLessThan(0.2);
  expect(structureShared(shape(''), piece!, weigh)).toBe(0);
});
