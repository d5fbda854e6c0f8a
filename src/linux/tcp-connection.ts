/**
 * A connection that has been let in: bytes both ways, bounded, and its end.
 *
 * Contract: nothing is read until `onData` is called. `send` queues at most `maxQueuedBytes`; a peer that does not read
 * loses its connection. `close` sends what is queued, then ends; the other side gets `closeLingerMillis` for it.
 * `onClose` is called once, later than the call that causes it, also when the connection has already ended.
 */
import type { Socket } from 'node:net';
import { plainAddress } from './handshake-admission.ts';

export type TcpConnection = {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** What is sent after the end is dropped. */
  send(bytes: Uint8Array): void;
  onData(listener: (bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  close(): void;
};

/** Sixteen of the largest messages: far more than a working peer ever leaves unread. */
export const maxQueuedBytes = 256 * 1024;

/** Time for the last message to cross a slow line. */
const closeLingerMillis = 2_000;

/** @param keepaliveMillis after so long without a packet the kernel asks whether the other side is there */
export function openTcpConnection(socket: Socket, keepaliveMillis: number): TcpConnection {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepaliveMillis);
  // The reason of a broken connection does not matter to anyone: its end does.
  socket.on('error', () => {});
  return {
    localAddress: plainAddress(socket.localAddress ?? ''),
    remoteAddress: plainAddress(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    send: (bytes) => sendBounded(socket, bytes),
    onData: (listener) => void socket.on('data', listener).resume(),
    onClose: (listener) => onceClosed(socket, listener),
    close: () => closeSoon(socket),
  };
}

/** Ends the connection after what is queued, and in any case soon. */
export function closeSoon(socket: Socket): void {
  socket.end();
  const timer = setTimeout(() => socket.destroy(), closeLingerMillis).unref();
  socket.once('close', () => clearTimeout(timer));
}

function sendBounded(socket: Socket, bytes: Uint8Array): void {
  if (!socket.writable) return;
  if (socket.writableLength + bytes.length > maxQueuedBytes) socket.destroy();
  else socket.write(bytes);
}

function onceClosed(socket: Socket, listener: () => void): void {
  if (socket.closed) setImmediate(listener);
  else socket.once('close', () => listener());
}
