/** The only door to chokidar: something below the root may have changed, look at the disk. */
import { basename, join, relative, sep } from 'node:path';
import { FSWatcher } from 'chokidar';

export type WatchOptions = {
  /** Called when events have settled. A hint is not proof of a change, and silence is no proof of none. */
  readonly onHint: () => void;
  /** Quiet that is waited for after an event. */
  readonly debounceMs: number;
  /** How long the last look at the disk took: hints leave it a tenth of a core at most, however much is written. */
  lookMs?(): number;
};

export interface Watcher {
  /** Resolves when the root itself is watched, or can't be. */
  ready(): Promise<void>;
  /** Watches exactly these folders (root-relative, '' is the root), each without what lies below it. */
  setFolders(folders: Iterable<string>): void;
  /** True when there were events that no hint has told of yet: whoever takes them looks at the disk instead. */
  takeHint(): boolean;
  /** Why some changes may go unnoticed until the next timed sweep; undefined while all is well. */
  degraded(): string | undefined;
  close(): Promise<void>;
}

/** A build that writes without a pause still gets its sweep this often. */
const SETTLE_MS_MAX = 1_000;
/** A log file that grows all the time must not keep the disk busy; of 10,000 files a look takes 65 ms. */
const GAP_FACTOR = 10;
const GAP_MS_MAX = 1_000;
/** Watches are shared by all programs of a user (often 65,536): beyond this share, timed sweeps have to do. */
const FOLDERS_MAX = 20_000;

const LIMIT_REACHED = new Set(['ENOSPC', 'EMFILE', 'ENFILE']);

/** Watches a root, given as a real path. Nothing but the root until `setFolders` says more. Never throws for the world's sake. */
export function watchTree(root: string, { onHint, debounceMs, lookMs = () => 0 }: WatchOptions): Watcher {
  const watched = new Set(['']);
  const lost = new Set<string>();
  const hints = createSettler(onHint, debounceMs, () => Math.min(GAP_MS_MAX, lookMs() * GAP_FACTOR));
  const watcher = new FolderWatcher();
  let degraded: string | undefined;
  watcher.on('raw', (event, name, details) => {
    const { watchedPath } = details as { watchedPath?: string };
    // Nobody says where when chokidar's own environment variable has made it poll.
    if (watchedPath === undefined) return hints.note();
    const folder = relative(root, watchedPath).split(sep).join('/');
    if (!watched.has(folder) || name === '.git') return;
    if (event === 'rename') noteLoss(folder, name);
    hints.note();
  });
  watcher.on('error', (error) => (degraded ??= explain(error as NodeJS.ErrnoException)));
  const ready = new Promise<void>((resolve) => watcher.once('ready', resolve));
  let isClosed = false;
  watcher.add(placeOf(''));

  /** As chokidar spells it, on Windows too. */
  function placeOf(folder: string): string {
    return join(root, folder).split(sep).join('/');
  }

  /** A folder that was moved or made anew keeps its name but not its watch. The system names it, or its parent does. */
  function noteLoss(folder: string, name: string | null): void {
    if (name === null) return;
    const child = folder === '' ? name : `${folder}/${name}`;
    if (watched.has(child)) lost.add(child);
    if (name === basename(folder === '' ? root : folder)) lost.add(folder);
  }

  function setFolders(folders: Iterable<string>): void {
    if (isClosed) return;
    const wanted = new Set(folders);
    for (const folder of watched) {
      if (wanted.has(folder) && !isOrLiesIn(folder, lost)) continue;
      watched.delete(folder);
      watcher.forget(placeOf(folder));
    }
    lost.clear();
    const added: string[] = [];
    for (const folder of wanted) {
      if (watched.has(folder)) continue;
      if (watched.size >= FOLDERS_MAX) {
        degraded ??= `only ${FOLDERS_MAX} folders are watched`;
        break;
      }
      watched.add(folder);
      added.push(placeOf(folder));
    }
    if (added.length === 0) return;
    watcher.add(added);
    // What happened in them between the listing and the watch left no event.
    hints.note();
  }

  return {
    ready: () => ready,
    setFolders,
    takeHint: hints.take,
    degraded: () => degraded,
    async close() {
      isClosed = true;
      hints.close();
      await watcher.close();
    },
  };
}

/** The folders that hold these files, at any depth, and the root: what setFolders takes. */
export function foldersOf(entries: readonly { readonly path: string }[]): Set<string> {
  const folders = new Set(['']);
  for (const { path } of entries) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

/**
 * chokidar reads a whole folder and stats each file in it at every event there, to say what changed. The sweep does
 * that anyway, so chokidar is told that it has just done it: without this, ten writes a second in a folder of 5,000
 * files take 58 % of a core and stall the thread for 220 ms; with it, 3 %.
 */
class FolderWatcher extends FSWatcher {
  constructor() {
    super({ ignoreInitial: true, followSymlinks: false, depth: 0, atomic: false, usePolling: false });
  }

  override _throttle(): false {
    return false;
  }

  /** Ends the watch of one folder. `unwatch` would also remember it for ever as ignored. */
  forget(folder: string): void {
    this._closeFile(folder);
  }
}

/** Calls back once events pause, and at the latest when they have gone on for SETTLE_MS_MAX; never from inside an event. */
function createSettler(callBack: () => void, debounceMs: number, gapMs: () => number) {
  let timer: NodeJS.Timeout | undefined;
  let firstMs: number | undefined;
  let calledMs = Number.NEGATIVE_INFINITY;
  let isClosed = false;
  const call = (): void => {
    firstMs = undefined;
    timer = undefined;
    calledMs = performance.now();
    callBack();
  };
  return {
    note(): void {
      if (isClosed) return;
      const nowMs = performance.now();
      firstMs ??= nowMs;
      const quiet = Math.min(debounceMs, firstMs + SETTLE_MS_MAX - nowMs);
      clearTimeout(timer);
      timer = setTimeout(call, Math.max(0, quiet, calledMs + gapMs() - nowMs));
    },
    take(): boolean {
      const isNoted = firstMs !== undefined;
      clearTimeout(timer);
      firstMs = undefined;
      if (isNoted) calledMs = performance.now();
      return isNoted;
    },
    close(): void {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

function explain({ code, message }: NodeJS.ErrnoException): string {
  return LIMIT_REACHED.has(code ?? '')
    ? `the system's limit of watched folders is reached (${code}); on Linux raise fs.inotify.max_user_watches`
    : `watching failed (${code ?? message})`;
}

function isOrLiesIn(folder: string, places: ReadonlySet<string>): boolean {
  if (places.size === 0) return false;
  for (let at = folder; ; at = at.slice(0, at.lastIndexOf('/'))) {
    if (places.has(at)) return true;
    if (!at.includes('/')) return places.has('');
  }
}
