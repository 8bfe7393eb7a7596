/** Ends a server with its client. A server that watches files stays alive by itself: only this makes it leave no orphan. */

/** How often the parent is looked for; an orphan lives no longer than this. */
const PARENT_CHECK_MS = 1_000;

export type Ending = { readonly reason: 'input_closed' | 'signal' | 'parent_gone'; readonly signal?: NodeJS.Signals };

/** The shape of the transport that we need: it closes on end of input, on a broken output and on a message that is too long. */
export type Closable = { onclose?: (() => void) | undefined };

/** Resolves when the client is gone: input closed, output broken, a signal that asks to end, or the parent process dead. */
export function untilClientIsGone(transport: Closable): Promise<Ending> {
  return new Promise((resolve) => {
    const onclose = transport.onclose;
    transport.onclose = () => {
      onclose?.();
      resolve({ reason: 'input_closed' });
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve({ reason: 'signal', signal }));
    }
    watchParent(() => resolve({ reason: 'parent_gone' }));
  });
}

/** A parent that dies leaves us to another process. In a container the parent may be 0 (invisible) or 1 from the start: those never change. */
function watchParent(gone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, PARENT_CHECK_MS);
  timer.unref();
}
