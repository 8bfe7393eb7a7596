/**
 * The vocabulary: every room speaks these words, and this file imports nothing but alike.ts and progress.ts, parts of it. Paths are
 * relative to the root with forward slashes; lines count from 1 and both ends are included; a higher score is better everywhere.
 */
import type { Duplicates, DuplicatesRequest, Likeness } from './alike.ts';
import type { Freshness, SyncProgress, SyncReport } from './progress.ts';

export type * from './alike.ts';
export type * from './progress.ts';

/** What a file is for; the lanes that `kind` filters choose between. */
export type Kind = 'code' | 'docs' | 'tests' | 'config';

/** The five retrieval tasks of jina-code-embeddings (arXiv 2508.21290, table 1). */
export type Task = 'nl2code' | 'qa' | 'code2code' | 'code2nl' | 'code2completion';

/** Which end of a retrieval a text stands on: the question asked, or the passage that may answer it. */
export type Side = 'query' | 'passage';

/** Four parts that together change whenever a file's content may have: kept as decimal strings (nanoseconds exceed 2^53). */
export type Fingerprint = {
  readonly size: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly inode: string;
};

/** A file that the listing found: where it is and what `lstat` said, nothing read yet. */
export type Entry = { readonly path: string; readonly fingerprint: Fingerprint };

/** Why a file, or a part of what we know of it, is not indexed in full. */
export type SkipReason =
  | 'secret_name' // a name that is never read (.env, private keys, credential stores)
  | 'too_large' // over FILE_BYTES_NAME_ONLY: found by name only
  | 'binary' // NUL bytes or no text: found by name only
  | 'minified' // line shape of minified code: found by name only
  | 'generated' // says that it is generated: found by name only
  | 'empty' // nothing but white space
  | 'not_regular' // FIFO, socket, device, symbolic link
  | 'bad_name' // a name that is not UTF-8
  | 'unreadable' // the system refused to read it
  | 'stuck' // took too long to take apart, or broke the thread that did: not tried again until it changes
  | 'changing'; // changed again and again while it was read

/** A file not indexed in full, and why. A value, never thrown: one bad file harms no other. */
export type Skip = { readonly path: string; readonly reason: SkipReason; readonly detail?: string };

/** What may be done with a file's text: everything, words and lines only (over 1 MiB), or its name only. */
export type Depth = 'full' | 'lines' | 'name';

/** One file as read: decoded text without byte-order mark, line ends as on disk. */
export type SourceFile = {
  readonly path: string;
  /** Id of a row in languages.ts; 'text' when no row fits. */
  readonly language: string;
  readonly kind: Kind;
  readonly depth: Depth;
  readonly text: string;
  /** sha256 of the bytes on disk, hex. */
  readonly hash: string;
  readonly fingerprint: Fingerprint;
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be' | 'guessed';
  /** Set when depth is 'name', and when the file is known but nothing of it is searchable. */
  readonly skip?: SkipReason;
};

/** A run of whole lines of one file; the unit we index, retrieve and rank. */
export type Chunk = {
  readonly path: string;
  readonly language: string;
  readonly kind: Kind;
  readonly startLine: number;
  readonly endLine: number;
  /** The lines joined by the file's own line ends; no line end after the last. */
  readonly text: string;
  /** Names whose definition begins in this chunk, outermost first. */
  readonly symbols: readonly string[];
  /** Names of the definitions around this chunk that begin in an earlier one, outermost first. */
  readonly scope: readonly string[];
};

/** A unit-length Float32Array for one text; all zeros when the model knows no word of it. */
export type Embedding = Float32Array;

/** Turns texts into unit-length embeddings. `id` changes whenever embeddings stop being comparable. */
export interface Embedder {
  readonly id: string;
  readonly dimensions: number;
  /** One embedding per text, in order. Throws DowserError('model_failed') when the model does. */
  embed(texts: readonly string[], task: Task, side: Side): Promise<Embedding[]>;
  close(): Promise<void>;
}

/** Restrictions that apply inside every retriever, never after the top is cut. */
export type Filters = {
  /** Globs (picomatch) on root-relative paths; one that starts with `!` excludes. */
  readonly paths?: readonly string[];
  /** Language ids. */
  readonly languages?: readonly string[];
  readonly kind?: Kind;
};

/** What a question looks like, which decides how evidence is weighed. */
export type QueryKind = 'symbol' | 'path' | 'error' | 'question' | 'keywords' | 'code';

/** A file's path as someone wrote it, perhaps absolute or its name alone, and a line from 1. */
export type Place = { readonly path: string; readonly line: number };

/** A parsed question. */
export type Query = {
  readonly text: string;
  readonly kind: QueryKind;
  readonly task: Task;
  /** Search terms as tokens.ts makes them, without repeats, stop words left out where others remain. */
  readonly terms: readonly string[];
  /** Identifiers in the question as written (`HandlerStack`, `parse_url`), for signals that ask for an exact name. */
  readonly names: readonly string[];
  /** Places in files that the question names, as a stack trace does (`src/user.go:12`). */
  readonly places: readonly Place[];
  readonly filters: Filters;
  readonly limit: number;
  /** Budget of the answer in tokens, by the estimate in rank/budget.ts. */
  readonly maxTokens: number;
};

/** Scores compare only within one list. */
export type Hit = { readonly chunkId: number; readonly score: number };

/** Chunk ids of `fileIds` only, or no restriction when undefined. */
export type Scope = { readonly fileIds?: readonly number[] };

/** Finds candidate chunks by one kind of evidence, best first, at most `limit`. */
export interface Retriever<Question> {
  readonly name: 'lexical' | 'vector';
  retrieve(question: Question, limit: number, scope: Scope): Hit[];
}

/** The light columns of an indexed chunk: enough to rank it, not to show it. */
export type ChunkRow = {
  readonly id: number;
  readonly fileId: number;
  readonly path: string;
  readonly language: string;
  readonly kind: Kind;
  readonly startLine: number;
  readonly endLine: number;
  /** Hash of the chunk's text (hash.ts). */
  readonly hash: string;
  readonly symbols: readonly string[];
  readonly scope: readonly string[];
  readonly fileLines: number;
  /** Of the file, in days since 1970 (UTC). */
  readonly changedDay: number;
};

/** One named contribution to a score. */
export type Reason = { readonly name: string; readonly amount: number };

/** What the caller sees: where to look, what it says now (`masked` secrets apart), and why it was chosen. `reasons` add up to `score`. */
export type Snippet = {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly language: string;
  readonly symbols: readonly string[];
  readonly text: string;
  readonly masked: number;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly likeness?: Likeness; // of an answer to `similar`
};

/** How much of the root an answer speaks of. */
export type Coverage = {
  readonly filesTotal: number;
  readonly filesIndexed: number;
  readonly pending: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** Chunks that have an embedding, of all chunks. */
  readonly embedded: number;
  readonly slow?: { readonly name: string; readonly embedded: number }; // chunks that a slow model has read, where one is used beside
  readonly chunks: number;
};

/** A chunk made ready for the store, off the answering thread. Its text stays on disk: the store keeps words and a hash. */
export type PreparedChunk = Omit<Chunk, 'text'> & {
  /** hashText(text): proves at answer time that the lines on disk are still these. */
  readonly hash: string;
  /** Search terms joined by blanks, one column each (tokens.ts). */
  readonly words: { readonly path: string; readonly symbols: string; readonly body: string };
  /** Absent when there is no model. */
  readonly embedding?: Embedding;
  /** Key of what was embedded, under which all indexes share the embedding (store/vectors.ts). */
  readonly source?: string;
};

/** A file made ready for the store: its rows are replaced by these in one transaction. */
export type PreparedFile = {
  readonly path: string;
  readonly language: string;
  readonly kind: Kind;
  readonly depth: Depth;
  readonly hash: string;
  readonly fingerprint: Fingerprint;
  readonly skip?: SkipReason;
  readonly chunks: readonly PreparedChunk[];
};

// What a caller asks and gets; the same for agents (mcp/) and people (cli/).

/** Common to the three questions. Defaults and bounds are in config.ts. */
export type AskOptions = Filters & {
  readonly limit?: number;
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
};

export type SearchRequest = AskOptions & { readonly query: string };

/** Either a place (`path` and `line`) or a piece of code. */
export type SimilarRequest = AskOptions & {
  readonly path?: string;
  readonly line?: number;
  readonly code?: string;
  /** 0 to 1: the greater of what the two have in common in meaning (cosine) and in structure; 1 where they are identical. */
  readonly minSimilarity?: number;
};

/** Either a place in a file on disk, or unsaved text around the cursor. `column` counts UTF-16 units from 1. */
export type CompleteRequest = Omit<AskOptions, keyof Filters> & {
  readonly path?: string;
  readonly line?: number;
  readonly column?: number;
  readonly prefix?: string;
  readonly suffix?: string;
};

export type Answer = {
  /** The question as understood, for the head line. */
  readonly question: string;
  readonly snippets: readonly Snippet[];
  readonly tokens: number; // of the snippets' text, estimated
  /** Snippets found that the budget or the limit cut, and found ones dropped because the disk no longer has them. */
  readonly omitted: { readonly budget: number; readonly vanished: number };
  /** True when nothing found is more than weak evidence; `confidence` of a search: the probability, 0 to 1, that it answers. */
  readonly weak: boolean;
  readonly confidence?: number;
  readonly coverage: Coverage;
  readonly freshness: Freshness;
  /** Whole sentences on what was degraded or is worth trying next. */
  readonly notes: readonly string[];
};

export type Status = {
  readonly root: string;
  readonly storeFile: string;
  readonly storeBytes: number;
  readonly coverage: Coverage;
  readonly freshness: Freshness;
  readonly languages: Readonly<Record<string, number>>;
  readonly model: { readonly name: string; readonly dimensions: number; readonly runtime: string } | undefined;
  readonly slow?: {
    readonly name: string;
    readonly host?: string;
    readonly dimensions: number;
    readonly state: string;
  }; // reads behind the answers, here or on a server
  /** 'leader' watches and writes, 'follower' reads what the leader of another process writes. */
  readonly role: 'leader' | 'follower';
  /** ISO time of the last change that was written, when there was one. */
  readonly lastChange?: string;
  /** 'ok', or reason codes of what is degraded (watch_degraded, no_vectors, leader_stalled, ...). */
  readonly health: readonly string[];
};

/** The façade: one repository, asked and kept in step with the disk. */
export interface CodeIndex {
  readonly root: string;
  search(request: SearchRequest): Promise<Answer>;
  similar(request: SimilarRequest): Promise<Answer>;
  complete(request: CompleteRequest): Promise<Answer>;
  duplicates(request: Filters & DuplicatesRequest): Promise<Duplicates>;
  status(): Promise<Status>;
  /** Brings the index in step with the disk and resolves when it is. */
  sync(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<SyncReport>;
  /** Has the slow model read all code that it has not read; resolves at once without one. */
  readBehind(onProgress?: (progress: SyncProgress) => void, signal?: AbortSignal): Promise<void>;
  /** How far the slow model got; undefined without one, or when it has read everything. */
  reading(): SyncProgress | undefined;
  /** Begins to watch and to index behind the answers; returns at once. */
  start(): void;
  close(): Promise<void>;
}
