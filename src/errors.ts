/** Failures of the world or of the user. A bug throws a plain Error; one bad file is a Skip, never thrown. */

/** What went wrong, for programs; the message says what to do next, for people and models. */
export type ErrorCode =
  | 'bad_argument' // a value that can't be used: which, why, and what would do
  | 'bad_root' // the root is missing, not a folder, or refused (/, home)
  | 'outside_root' // a path argument that leads out of the root
  | 'not_found' // a path or place that isn't in the index
  | 'store_unusable' // the index can't be opened or written
  | 'model_missing' // no such model folder
  | 'model_damaged' // a file of the model differs from its manifest
  | 'model_failed' // the model was loaded and then failed
  | 'not_accepted' // the licence of a model asks for a yes that was not given
  | 'fetch_failed' // a file of a model could not be fetched
  | 'disk_failed' // the system could not look at the root, or at what says what to leave out; or has no room for a model
  | 'git_failed' // git could not list the work tree
  | 'cancelled'; // the caller went away

/** A failure that the person or the program in front of us can do something about. */
export class DowserError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DowserError';
    this.code = code;
  }
}
