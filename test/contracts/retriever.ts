/** What every Retriever promises, whatever evidence it goes by. */
import { describe, expect, it } from 'vitest';
import type { Hit, Retriever } from '../../src/types.ts';

/** A retriever over `count` chunks, one a file, all of which the question fits; `fileIds` in the order of the chunks. */
export type Opened<Question> = {
  readonly retriever: Retriever<Question>;
  readonly question: Question;
  /** A question that all chunks answer equally well. */
  readonly evenQuestion: Question;
  /** A question that nothing can answer. */
  readonly emptyQuestion: Question;
  readonly fileIds: readonly number[];
  readonly fileIdOf: (chunkId: number) => number;
};

export function testRetriever<Question>(name: string, open: (count: number) => Opened<Question>): void {
  describe(`${name} as a Retriever`, () => {
    it('gives no more than the limit, the best first', () => {
      const { retriever, question } = open(40);
      const hits = retriever.retrieve(question, 12, {});
      expect(hits).toHaveLength(12);
      expectOrdered(hits);
      expect(hits[0]!.score).toBeGreaterThan(hits[11]!.score);
    });

    it('gives the same best ones whatever the limit', () => {
      const { retriever, question } = open(40);
      const all = retriever.retrieve(question, 1_000, {});
      expect(all).toHaveLength(40);
      expect(new Set(all.map(({ chunkId }) => chunkId)).size).toBe(40);
      for (const limit of [1, 7, 39, 40]) expect(retriever.retrieve(question, limit, {})).toEqual(all.slice(0, limit));
    });

    it('gives nothing for a limit below one', () => {
      const { retriever, question } = open(3);
      expect(retriever.retrieve(question, 0, {})).toEqual([]);
      expect(retriever.retrieve(question, -1, {})).toEqual([]);
    });

    it('filters inside: the one file in a thousand that is asked for is found, however badly it fits', () => {
      const { retriever, question, fileIds, fileIdOf } = open(1_000);
      const last = retriever.retrieve(question, 1_000, {}).at(-1)!;
      expect(retriever.retrieve(question, 10, { fileIds: [fileIdOf(last.chunkId)] })).toEqual([last]);
      for (const fileId of [fileIds[0]!, fileIds[500]!, fileIds[999]!]) {
        const hits = retriever.retrieve(question, 10, { fileIds: [fileId] });
        expect(hits.map(({ chunkId }) => fileIdOf(chunkId))).toEqual([fileId]);
      }
    });

    it('gives what is left of the whole list under a filter', () => {
      const { retriever, question, fileIds, fileIdOf } = open(200);
      const wanted = new Set(fileIds.filter((_, at) => at % 3 === 0));
      const all = retriever.retrieve(question, 200, {}).filter(({ chunkId }) => wanted.has(fileIdOf(chunkId)));
      expect(retriever.retrieve(question, 20, { fileIds: [...wanted] })).toEqual(all.slice(0, 20));
    });

    it('finds nothing in no files, nor in unknown ones', () => {
      const { retriever, question } = open(5);
      expect(retriever.retrieve(question, 10, { fileIds: [] })).toEqual([]);
      expect(retriever.retrieve(question, 10, { fileIds: [987_654_321] })).toEqual([]);
    });

    it('orders equal scores by chunk', () => {
      const { retriever, evenQuestion } = open(30);
      const hits = retriever.retrieve(evenQuestion, 30, {});
      expect(hits).toHaveLength(30);
      expectOrdered(hits);
      expect(new Set(hits.map(({ score }) => score)).size).toBe(1);
    });

    it('gives the same answer twice', () => {
      const { retriever, question } = open(100);
      expect(retriever.retrieve(question, 50, {})).toEqual(retriever.retrieve(question, 50, {}));
    });

    it('finds nothing in an empty store, and for a question without content', () => {
      const empty = open(0);
      expect(empty.retriever.retrieve(empty.question, 10, {})).toEqual([]);
      const full = open(5);
      expect(full.retriever.retrieve(full.emptyQuestion, 10, {})).toEqual([]);
    });
  });
}

function expectOrdered(hits: readonly Hit[]): void {
  for (const [at, { score, chunkId }] of hits.slice(1).entries()) {
    const before = hits[at]!;
    expect(score < before.score || (score === before.score && chunkId > before.chunkId)).toBe(true);
  }
}
