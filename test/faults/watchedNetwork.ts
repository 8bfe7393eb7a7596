/** Loaded before a program (and before each of its threads): notes every use of a network in the file that NETWORK_USES names. */
import dgram from 'node:dgram';
import dns from 'node:dns';
import { appendFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const file = process.env.NETWORK_USES;
if (file !== undefined) {
  const note = (use: string): void =>
    appendFileSync(file, `${use} ${new Error().stack?.split('\n')[3]?.trim() ?? ''}\n`);
  watch(net.Socket.prototype, 'connect', note);
  watch(net.Server.prototype, 'listen', note);
  for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6', 'reverse']) watch(dns, name, note);
  for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6', 'reverse']) watch(dns.promises, name, note);
  watch(dgram, 'createSocket', note);
  watch(globalThis, 'fetch', note);
  syncBuiltinESMExports();
}

function watch(owner: object, name: string, note: (use: string) => void): void {
  const functions = owner as Record<string, (...given: unknown[]) => unknown>;
  const original = functions[name]!;
  functions[name] = function watched(this: unknown, ...given: unknown[]): unknown {
    note(name);
    return original.apply(this, given);
  };
}
