/**
 * One authenticated TLS connection between two gateways.
 *
 * Contract: nothing is read until `onData` is called. `send` queues at most `maxQueuedBytes`; a peer that does not read
 * loses its connection. `close` sends what is queued, then ends; the other side gets `closeLingerMillis` for it.
 * `onClose` is called once, later than the call that causes it, also when the connection has already ended.
 */
import type { TLSSocket } from 'node:tls';
import type { Fingerprint } from './fingerprint.ts';
import { plainAddress } from './handshake-admission.ts';

export type ControlSession = {
  readonly peerFingerprint: Fingerprint;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What is sent after the end is dropped. */
  send(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  /** RFC 5705 with the session's own secret; both sides get the same. Throws when the connection has ended. */
  exportKey(label: string, context: Uint8Array, length: number): Uint8Array;
  close(): void;
};

/** Sixteen of the largest messages: far more than a working peer ever leaves unread. */
export const maxQueuedBytes = 256 * 1024;

/** Time for the last message to cross a slow line. */
const closeLingerMillis = 2_000;

/** Before the protocol's own keepalives notice it, the kernel need not. */
const tcpKeepaliveMillis = 15_000;

export function openControlSession(socket: TLSSocket, peerFingerprint: Fingerprint): ControlSession {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, tcpKeepaliveMillis);
  // The reason of a broken connection does not matter to anyone: its end does.
  socket.on('error', () => {});
  return {
    peerFingerprint,
    localAddress: plainAddress(socket.localAddress ?? ''),
    remoteAddress: plainAddress(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    send: (bytes) => sendBounded(socket, bytes),
    onData: (listener) => void socket.on('data', listener),
    onClose: (listener) => onceClosed(socket, listener),
    exportKey: (label, context, length) => socket.exportKeyingMaterial(length, label, Buffer.from(context)),
    close: () => closeSoon(socket),
  };
}

/** Ends the connection after what is queued, and in any case soon. */
export function closeSoon(socket: TLSSocket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), closeLingerMillis).unref();
  socket.once('close', () => clearTimeout(timer));
}

function sendBounded(socket: TLSSocket, bytes: Uint8Array): void {
  if (!socket.writable) return;
  if (socket.writableLength + bytes.length > maxQueuedBytes) socket.destroy();
  else socket.write(bytes);
}

function onceClosed(socket: TLSSocket, listener: () => void): void {
  if (socket.closed) setImmediate(listener);
  else socket.once('close', () => listener());
}
