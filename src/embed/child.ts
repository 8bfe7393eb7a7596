/** The process that runs one model for another one (apart.ts). What a run takes, memory and time, ends with it. */
import { constants, setPriority } from 'node:os';
import { DowserError } from '../errors.ts';
import { setLogLevel } from '../log.ts';
import type { Reply, Request } from './apart.ts';
import { type OpenEmbedder, openEmbedder } from './embedder.ts';

let opened: Promise<OpenEmbedder> | undefined;
let expectedId: string | undefined;

async function perform(request: Request): Promise<Reply> {
  if ('open' in request) {
    setLogLevel(request.logLevel);
    expectedId = request.id;
    opened = openEmbedder(request.open);
    const { id, name, dimensions, runtime } = await opened;
    return { opened: { id, name, dimensions, runtime } };
  }
  const embedder = await opened!;
  // Who asked hears so, too, but texts must not have gone to a server meanwhile that nobody expected there.
  if (embedder.id !== expectedId) throw new DowserError('model_failed', 'Another model took its place on disk.');
  return { id: request.id, embeddings: await embedder.embed(request.texts, request.task, request.side) };
}

function failure(request: Request, error: unknown): Reply {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof DowserError ? error.code : 'model_failed';
  return 'open' in request ? { failed: { code, message } } : { id: request.id, failed: { code, message } };
}

// People work on this machine meanwhile.
try {
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Then it runs as everything else does.
}
// Whoever asked is gone, in whatever way.
process.on('disconnect', () => process.exit());
process.on('message', (request: Request) => {
  perform(request).then(
    (reply) => process.send!(reply),
    (error: unknown) => process.send!(failure(request, error)),
  );
});
