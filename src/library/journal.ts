/** What is known of a download that is not whole yet, so that the next attempt goes on where it can be proven to be right. */
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';

/** One file, as far as it is on the disk: its first `bytes` have `sha256`. What lies behind them was not proven. */
export type Progress = {
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
  /** What the server must still say of the file for the rest of it to fit: a strong ETag. */
  readonly validator: string | undefined;
  /** Length of the whole file, and its sha256, where the server or the hub says them. */
  readonly total: number | undefined;
  readonly digest: string | undefined;
  readonly commit: string | undefined;
};

/** A small JSON file, replaced as a whole. Whoever writes holds the model's lock. */
export class Journal {
  readonly #file: string;
  readonly #entries: Record<string, Progress>;

  constructor(file: string) {
    this.#file = file;
    this.#entries = entriesIn(file);
  }

  get(name: string): Progress | undefined {
    return Object.hasOwn(this.#entries, name) ? this.#entries[name] : undefined;
  }

  async set(name: string, progress: Progress): Promise<void> {
    this.#entries[name] = progress;
    const draft = `${this.#file}.new`;
    await writeFile(draft, JSON.stringify(this.#entries), { mode: 0o600 });
    await rename(draft, this.#file);
  }

  async remove(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}

/** One that is torn or of another form knows nothing: then the download begins anew. */
function entriesIn(file: string): Record<string, Progress> {
  try {
    const json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Progress> | null;
    const entries = Object.entries(json ?? {}).filter(
      ([, entry]) =>
        Number.isInteger(entry?.bytes) && typeof entry.sha256 === 'string' && typeof entry.url === 'string',
    );
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}
