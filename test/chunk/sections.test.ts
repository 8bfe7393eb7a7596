import { describe, expect, test } from 'vitest';
import { chunkFile } from '../../src/chunk/chunk.ts';
import { makeFile, outlineOf } from './helpers.ts';

const SIZES = { aimChars: 40, maxChars: 120 };
const outline = async (text: string): Promise<string[]> =>
  outlineOf(await chunkFile(makeFile('a.md', text), SIZES))
    .trimEnd()
    .split('\n');

describe('sections of Markdown', () => {
  test('have their headings as symbols and the headings above as scope', async () => {
    const text =
      '# Guide\n\nWhat it is for, in a sentence.\n\n## Install\n\nOne line that says how to install.\n\n### From source ##\n\nClone it, then build it by hand.\n\n## Use\n\nAsk it a question in plain words.\n';
    expect(await outline(text)).toEqual([
      '1-3 [Guide]',
      '5-7 [Install] in Guide',
      '9-11 [From source] in Guide > Install',
      '13-15 [Use] in Guide',
    ]);
  });

  test('know underlined headings', async () => {
    const text =
      'First part\n==========\n\nSome words about the first part.\n\nSecond part\n---\n\nSome words about the second.\n';
    expect(await outline(text)).toEqual(['1-4 [First part]', '6-9 [Second part] in First part']);
  });

  test('take nothing in a fence for a heading, not even after a shorter fence inside', async () => {
    const text =
      '# Real\n\n````sh\n# not a heading\n```\n# nor this\n````\n\n# Next one after the fence\n\nwith text\n';
    expect((await outline(text)).join()).toContain('[Next one after the fence]');
    expect((await outline(text)).join()).not.toContain('not a heading');
    expect((await outline(text)).join()).not.toContain('nor this');
  });

  test('take links and marks out of a heading', async () => {
    expect(await outline('# The `run` [command](x.md)\n')).toEqual(['1-1 [The run command]']);
  });

  test.each(['#', '##', '# #', '#hashtag', '---', '===', '- a\n---', '\n---\n\ntext'])(
    '%j names nothing',
    async (text) => {
      expect((await outline(text)).join()).toMatch(/^\d+-\d+ \[\]$/);
    },
  );

  test('read a long line of blanks in no time', async () => {
    expect(await outline(`${`# ${' '.repeat(450)}x${' '.repeat(450)}\n`.repeat(1_000)}`)).not.toEqual([]);
  });
});
