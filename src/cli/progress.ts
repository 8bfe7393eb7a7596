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
    if (!this.#shown || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#drawn = true;
    const line = progressLine(progress, nowMs - this.#startMs).slice(0, Math.max(1, (this.#screen.columns || 80) - 1));
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
  const share = Math.min(1, done / total);
  const filled = Math.round(share * BAR_WIDTH);
  const rate = elapsedMs < 1 ? 0 : Math.round((done / elapsedMs) * 1_000);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `${verb} ${bar} ${percent} %  ${number(done)}/${number(total)} ${unit}  ${number(rate)}/s`;
}
