/** Words for how far the index is in step with the disk, and how far work on it got: a part of types.ts. */

/** How old the knowledge behind an answer is. */
export type Freshness = {
  /** A sweep confirmed the index just now; the last sweep is older than asked for; the first pass is not done; who writes the index is stuck. */
  readonly state: 'fresh' | 'as_of' | 'indexing' | 'leader_stalled';
  /** ISO time of the last finished sweep, when there was one. */
  readonly sweptAt?: string;
};

export type SyncReport = {
  readonly filesSeen: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  readonly chunksWritten: number;
  readonly chunksEmbedded: number; // by the model: the embeddings of all others were known
  readonly bytesRead: number;
  readonly ms: number;
};
/** Files listed or indexed, or chunks that a slow model has read. */
export type SyncProgress = {
  readonly done: number;
  readonly total: number;
  readonly phase: 'listing' | 'indexing' | 'reading';
};
