/** A progress line on a terminal's standard error, gone without a trace when the work is done. */
import { number } from '../mcp/text.ts';
import type { SyncProgress } from '../types.ts';

/** A line drawn more often than this only costs time. */
const REDRAW_MS = 100;
/** Work that is done sooner shows nothing: a line that flashes up is noise. */
const QUIET_MS = 300;
const BAR_WIDTH = 24;

export type Screen = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

export class Progress {
  readonly #screen: Screen;
  readonly #shown: boolean;
  readonly #startMs: number;
  #drawnMs: number;
  #drawn = false;

  constructor(screen: Screen, quiet: boolean, nowMs = performance.now()) {
    this.#screen = screen;
    this.#shown = screen.isTTY === true && !quiet;
    this.#startMs = nowMs;
    this.#drawnMs = nowMs + QUIET_MS - REDRAW_MS;
  }

  update(progress: SyncProgress, nowMs = performance.now()): void {
    this.draw((elapsedMs) => progressLine(progress, elapsedMs), nowMs);
  }

  /** Draws a line of another kind of work, which is made only when it is due. */
  draw(makeLine: (elapsedMs: number) => string, nowMs = performance.now()): void {
    if (!this.#shown || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    const line = makeLine(nowMs - this.#startMs).slice(0, Math.max(1, (this.#screen.columns || 80) - 1));
    this.#screen.write(`\r\u001b[K${line}`);
  }

  clear(): void {
    if (this.#drawn) this.#screen.write('\r\u001b[K');
    this.#drawn = false;
  }
}

export function progressLine({ done, total, phase }: SyncProgress, elapsedMs: number): string {
  if (phase === 'listing' || total === 0) return 'Listing files ...';
  const [verb, unit] = phase === 'reading' ? ['Reading', 'chunks'] : ['Indexing', 'files'];
  const rate = elapsedMs < 1 ? 0 : Math.round((done / elapsedMs) * 1_000);
  return `${verb} ${barOf(done / total)}  ${number(done)}/${number(total)} ${unit}  ${number(rate)}/s`;
}

/** Of files that come or are copied: bytes, all together; `fetched` of them in this run. */
export function bytesLine(
  what: string,
  { done, total, fetched, file }: { done: number; total: number; fetched: number; file: string },
  elapsedMs: number,
): string {
  const megabytes = (bytes: number): string => number(Math.round(bytes / 1e6));
  const rate = elapsedMs < 1 || fetched === 0 ? '' : `  ${(fetched / 1e3 / elapsedMs).toFixed(1)} MB/s`;
  return `${what} ${barOf(total === 0 ? 0 : done / total)}  ${megabytes(done)}/${megabytes(total)} MB${rate}  ${file}`;
}

function barOf(part: number): string {
  const share = Math.min(1, part);
  const filled = Math.round(share * BAR_WIDTH);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${percent} %`;
}
