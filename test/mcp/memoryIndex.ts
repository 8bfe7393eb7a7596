/** A CodeIndex in memory: real snippets out of a few texts, found by the words they hold. For tests of the ways in. */
import { DowserError } from '../../src/errors.ts';
import type {
  Answer,
  CodeIndex,
  CompleteRequest,
  SearchRequest,
  SimilarRequest,
  Snippet,
  Status,
  SyncProgress,
} from '../../src/types.ts';

export type Asked = { tool: string; request: SearchRequest | SimilarRequest | CompleteRequest };

export class MemoryIndex implements CodeIndex {
  readonly root = '/repo';
  readonly asked: Asked[] = [];
  closed = false;
  syncs = 0;
  readonly #files: ReadonlyMap<string, string>;

  constructor(files: Readonly<Record<string, string>>) {
    this.#files = new Map(Object.entries(files));
  }

  async search(request: SearchRequest): Promise<Answer> {
    this.asked.push({ tool: 'search', request });
    request.signal?.throwIfAborted();
    const words = request.query.toLowerCase().split(/\W+/).filter(Boolean);
    return this.#answer(
      request.query,
      (text) => words.filter((word) => text.toLowerCase().includes(word)).length,
      request.limit,
    );
  }

  async similar(request: SimilarRequest): Promise<Answer> {
    this.asked.push({ tool: 'similar', request });
    if (request.path !== undefined && !this.#files.has(request.path)) {
      throw new DowserError(
        'not_found',
        `No file '${request.path}' in the index. Give a path from the repository root.`,
      );
    }
    return this.#answer(request.path ?? 'code', () => 1, request.limit);
  }

  async complete(request: CompleteRequest): Promise<Answer> {
    this.asked.push({ tool: 'complete', request });
    return this.#answer(request.path ?? 'prefix', () => 1, request.limit);
  }

  async duplicates(): ReturnType<CodeIndex['duplicates']> {
    return { filesRead: this.#files.size, groups: [] };
  }

  async status(): Promise<Status> {
    return {
      root: this.root,
      storeFile: '/cache/index.db',
      storeBytes: 12_345_678,
      coverage: { ...this.#coverage(), skipped: { binary: 2, too_large: 1 } },
      freshness: { state: 'fresh', sweptAt: '2026-01-01T00:00:00.000Z' },
      languages: { typescript: 3, markdown: 1 },
      model: { name: 'memory', dimensions: 4, runtime: 'table' },
      role: 'leader',
      lastChange: '2026-01-01T00:00:00.000Z',
      health: ['ok'],
    };
  }

  async sync(): ReturnType<CodeIndex['sync']> {
    this.syncs++;
    return {
      filesSeen: this.#files.size,
      filesChanged: 0,
      filesRemoved: 0,
      chunksWritten: 0,
      chunksEmbedded: 0,
      bytesRead: 0,
      ms: 1,
    };
  }

  async readBehind(): Promise<void> {}

  reading(): SyncProgress | undefined {
    return undefined;
  }

  start(): void {}

  async close(): Promise<void> {
    this.closed = true;
  }

  #coverage(): Answer['coverage'] {
    const count = this.#files.size;
    return { filesTotal: count, filesIndexed: count, pending: 0, skipped: {}, embedded: count, chunks: count };
  }

  #answer(question: string, score: (text: string) => number, limit = 10): Answer {
    const scored = [...this.#files].map(([path, text]) => snippet({ path, text, score: score(`${path}\n${text}`) }));
    const found = scored.filter((one) => one.score > 0).sort((a, b) => b.score - a.score);
    return answer({ question, snippets: found.slice(0, limit), coverage: this.#coverage() });
  }
}

export function snippet(part: Partial<Snippet> = {}): Snippet {
  const text = part.text ?? 'export const one = 1;';
  const score = part.score ?? 1;
  const startLine = part.startLine ?? 1;
  return {
    path: 'src/one.ts',
    startLine,
    endLine: startLine + text.split('\n').length - 1,
    language: 'typescript',
    symbols: ['one'],
    masked: 0,
    reasons: [{ name: 'words', amount: score }],
    ...part,
    text,
    score,
  };
}

export function answer(part: Partial<Answer> = {}): Answer {
  return {
    question: 'one',
    snippets: [],
    tokens: 0,
    omitted: { budget: 0, vanished: 0 },
    weak: false,
    coverage: { filesTotal: 3, filesIndexed: 3, pending: 0, skipped: {}, embedded: 9, chunks: 9 },
    freshness: { state: 'fresh', sweptAt: '2026-01-01T00:00:00.000Z' },
    notes: [],
    ...part,
  };
}
