/** The words for code that is like other code: verdicts, copies, and groups of copies. */

/**
 * How far a snippet is like the piece asked for. identical: the same but for comments and white space; renamed: but for names,
 * numbers and strings as well; same job: written alike for half and more; related: perhaps.
 */
export type Verdict = 'identical' | 'renamed' | 'same job' | 'related';

/** `also`: where the very same code stands as well. */
export type Likeness = { readonly verdict: Verdict; readonly also: readonly Lines[] };

export type Lines = { readonly path: string; readonly startLine: number; readonly endLine: number };

/** Beside filters. All files of the kind are read: seconds, not milliseconds, on a large repository. */
export type DuplicatesRequest = {
  readonly minLines?: number;
  /** Only groups with a place in a file that differs from this commit. */
  readonly since?: string;
  readonly signal?: AbortSignal;
};

export type DuplicateGroup = {
  readonly verdict: Verdict;
  /** Share of lexemes that correspond, names apart, of the least alike pair that made the group. */
  readonly similarity: number;
  /** Of the shortest place; `saving` is what one place instead of all would leave out. */
  readonly lines: number;
  readonly saving: number;
  readonly places: readonly Lines[];
};

export type Duplicates = {
  readonly filesRead: number;
  /** With `since`: how many of them differ from that commit. */
  readonly filesChanged?: number;
  readonly groups: readonly DuplicateGroup[];
};
