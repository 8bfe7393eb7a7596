/** A few worker threads that take jobs one at a time; started when first needed, ended when idle or stuck. */
import { Worker } from 'node:worker_threads';
import { DowserError } from './errors.ts';
import { log } from './log.ts';

/** A thread without work for this long is ended: its parser and model give their memory back. */
const IDLE_MS = 20_000;

export type PoolOptions = {
  readonly count: number;
  /** Handed to each thread as `workerData`. */
  readonly data: unknown;
  /** A job that takes longer is given up and its thread ended. */
  readonly jobMsMax: number;
};

export interface Pool<Job, Result> {
  /** Resolves with the job's result. Rejects with JobLost when its thread got stuck or died, DowserError when it failed in order. */
  run(job: Job, urgent?: boolean): Promise<Result>;
  close(): Promise<void>;
}

/** A job took longer than `jobMsMax` or killed its thread (out of memory); the next job gets a fresh thread. */
export class JobLost extends Error {}

type Waiting<Job, Result> = { job: Job; resolve: (result: Result) => void; reject: (error: unknown) => void };
type Seat<Job, Result> = {
  worker: Worker;
  busy: Waiting<Job, Result> | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Whether its script got going: a thread that dies before that is broken itself, not by its job. */
  ready: boolean;
};

/** What a thread says: once that its script got going, then one answer to each job. See worker.ts. */
export type Reply<Result> = { readonly ready: true } | { readonly result: Result } | { readonly error: string };

/** Opens a pool over a thread script. Nothing is started before the first job. */
export function openPool<Job, Result>(script: URL, options: PoolOptions): Pool<Job, Result> {
  const seats = new Set<Seat<Job, Result>>();
  /** Urgent jobs first; within each line in the order they came. */
  const lines: { readonly urgent: Waiting<Job, Result>[]; readonly usual: Waiting<Job, Result>[] } = {
    urgent: [],
    usual: [],
  };
  const queued = (): number => lines.urgent.length + lines.usual.length;
  let closed = false;

  const leave = (seat: Seat<Job, Result>, error: unknown): void => {
    if (!seats.delete(seat)) return;
    clearTimeout(seat.timer);
    seat.busy?.reject(error);
    seat.busy = undefined;
    void seat.worker.terminate();
    if (!closed) serve();
  };

  const seatAnother = (): Seat<Job, Result> => {
    // Options of the process, such as --input-type of `node -e`, are not for a thread.
    const worker = new Worker(script, { workerData: options.data, stdin: false, execArgv: [] });
    const seat: Seat<Job, Result> = { worker, busy: undefined, timer: undefined, ready: false };
    worker.on('message', (reply: Reply<Result>) => {
      if ('ready' in reply) {
        seat.ready = true;
        return;
      }
      clearTimeout(seat.timer);
      const done = seat.busy;
      seat.busy = undefined;
      if ('error' in reply) done?.reject(new DowserError('model_failed', reply.error));
      else done?.resolve(reply.result);
      serve();
    });
    worker.on('error', (error) => {
      log.warn('a worker thread failed', { message: error.message });
      const message = `A worker thread failed: ${error.message}`;
      leave(seat, seat.ready ? new JobLost(message) : new DowserError('model_failed', message, { cause: error }));
    });
    worker.on('exit', () => leave(seat, new JobLost('A worker thread ended early.')));
    seats.add(seat);
    return seat;
  };

  const rest = (seat: Seat<Job, Result>): void => {
    clearTimeout(seat.timer);
    seat.timer = setTimeout(() => leave(seat, undefined), IDLE_MS);
    seat.timer.unref();
    seat.worker.unref();
  };

  const serve = (): void => {
    for (const seat of seats) if (seat.busy === undefined && queued() === 0) rest(seat);
    while (queued() > 0) {
      const free =
        [...seats].find((seat) => seat.busy === undefined) ?? (seats.size < options.count ? seatAnother() : undefined);
      if (free === undefined) return;
      const next = (lines.urgent.shift() ?? lines.usual.shift())!;
      free.busy = next;
      free.worker.ref();
      clearTimeout(free.timer);
      free.timer = setTimeout(
        () => leave(free, new JobLost(`A job took over ${options.jobMsMax} ms.`)),
        options.jobMsMax,
      );
      free.worker.postMessage(next.job);
    }
  };

  return {
    run(job, urgent = false) {
      return new Promise((resolve, reject) => {
        if (closed) {
          reject(new DowserError('cancelled', 'The index is closed.'));
          return;
        }
        lines[urgent ? 'urgent' : 'usual'].push({ job, resolve, reject });
        serve();
      });
    },
    async close() {
      closed = true;
      const error = new DowserError('cancelled', 'The index is closed.');
      for (const { reject } of [...lines.urgent.splice(0), ...lines.usual.splice(0)]) reject(error);
      await Promise.all(
        [...seats].map((seat) => {
          leave(seat, error);
          return seat.worker.terminate();
        }),
      );
    },
  };
}
