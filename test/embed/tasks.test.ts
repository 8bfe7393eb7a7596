import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openModelFolder } from '../../src/embed/catalog.ts';
import { openEmbedder } from '../../src/embed/embedder.ts';
import { JINA_PREFIXES, prefixFor, SIDES, sideFor, TASKS } from '../../src/embed/tasks.ts';
import { expectClose } from '../contracts/embedder.ts';
import { writeTinyModel } from './tinyModel.ts';

const modelsDir = mkdtempSync(join(tmpdir(), 'dowser-models-'));
afterAll(() => rmSync(modelsDir, { recursive: true }));
writeTinyModel(modelsDir, 'plain');
writeTinyModel(modelsDir, 'prefixed', { prefixes: JINA_PREFIXES });

it('every prefix of the scheme ends its line, so that text follows on the next', () => {
  for (const task of TASKS) for (const side of SIDES) expect(JINA_PREFIXES[task][side]).toMatch(/^[A-Z][^\n]+:\n$/);
  expect(JINA_PREFIXES.nl2code.passage).toBe(JINA_PREFIXES.code2code.passage);
});

it('a prefix is the one of the manifest, for its task and side', async () => {
  const { manifest } = await openModelFolder('prefixed', modelsDir);
  expect(prefixFor(manifest, 'qa', 'query')).toBe('Find the most relevant answer given the following question:\n');
  expect(prefixFor(manifest, 'code2nl', 'passage')).toBe('Candidate comment:\n');
  const plain = await openModelFolder('plain', modelsDir);
  for (const task of TASKS) for (const side of SIDES) expect(prefixFor(plain.manifest, task, side)).toBe('');
});

it('a query that is code is embedded as a passage, where the manifest says so', async () => {
  const { manifest } = await openModelFolder('plain', modelsDir);
  expect(sideFor(manifest, 'code2code', 'query')).toBe('passage');
  expect(sideFor(manifest, 'code2completion', 'query')).toBe('passage');
  expect(sideFor(manifest, 'nl2code', 'query')).toBe('query');
  expect(sideFor(manifest, 'code2code', 'passage')).toBe('passage');
});

it('an embedder puts the prefix before the text, and takes the side from the manifest', async () => {
  const plain = await openEmbedder({ model: 'plain', modelsDir });
  const prefixed = await openEmbedder({ model: 'prefixed', modelsDir });
  const prefix = JINA_PREFIXES.code2code.query;
  const [byHand] = await plain.embed([`${prefix}parse url`], 'nl2code', 'passage');
  const [byManifest] = await prefixed.embed(['parse url'], 'code2code', 'query');
  expectClose(byManifest!, byHand!);
  const [bare] = await plain.embed(['parse url'], 'code2code', 'query');
  expect(bare).not.toEqual(byManifest);
});
