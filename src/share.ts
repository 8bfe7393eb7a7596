/**
 * One model for all servers of a repository: the leader's embeds the followers' questions, over a socket in the index's
 * private folder. A model may hold gigabytes, and a dozen agents have a server each.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { hashText } from './hash.ts';
import { log } from './log.ts';
import type { Embedding, Query } from './types.ts';

export type Question = Pick<Query, 'text' | 'task'>;

/** A leader that hangs answers nobody: a question has long gone on without. */
const ANSWER_MS_MAX = 30_000;
/** A question may come with a file's worth of code. */
const LINE_CHARS_MAX = 4_000_000;
/** Longest path of a socket on any system, its end included: 104 bytes on macOS. */
const PATH_BYTES_MAX = 103;

/** Where a model of this id is shared; undefined where it can't be: each server has its own there. */
export function socketOf(folder: string, modelId: string): string | undefined {
  const path = join(folder, `model-${hashText(modelId).slice(0, 8)}.sock`);
  return process.platform === 'win32' || Buffer.byteLength(path) > PATH_BYTES_MAX ? undefined : path;
}

/** Answers who connects, until it is closed; only the leader may. An embedding that is not to be had in time is an empty line. */
export function shareModel(
  path: string,
  embed: (question: Question) => Promise<Embedding | undefined>,
): { close(): void } {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.unref());
    socket.once('close', () => sockets.delete(socket));
    readLine(socket)
      .then((line) => embed(JSON.parse(line) as Question))
      .then((embedding) => socket.end(`${encode(embedding)}\n`))
      .catch(() => socket.destroy());
  });
  server.on('error', (error) => log.debug('the model is not shared', { reason: error.message }));
  // What a leader that was killed left behind.
  rmSync(path, { force: true });
  server.listen(path).unref();
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What the leader's model says; 'nobody' where none is shared. Never rejects: a leader that is gone has no answer. */
export async function askShared(path: string, { text, task }: Question): Promise<Embedding | undefined | 'nobody'> {
  const socket = connect(path).unref();
  socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy());
  try {
    const answer = readLine(socket);
    // Not ended: that would end the other side's half as well.
    socket.write(`${JSON.stringify({ text, task })}\n`);
    return decode(await answer);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'nobody' : undefined;
  } finally {
    socket.destroy();
  }
}

/** The first line; rejects when none comes. */
function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const end = part.includes('\n') ? text.indexOf('\n') : -1;
      if (end !== -1) resolve(text.slice(0, end));
      else if (text.length > LINE_CHARS_MAX) reject(new Error('too long a line'));
    });
    socket.once('error', reject).once('close', () => reject(new Error('it ended')));
  });
}

function encode(embedding: Embedding | undefined): string {
  if (embedding === undefined) return '';
  return Buffer.from(embedding.buffer, embedding.byteOffset, embedding.byteLength).toString('base64');
}

function decode(line: string): Embedding | undefined {
  if (line === '') return undefined;
  const bytes = Buffer.from(line, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
