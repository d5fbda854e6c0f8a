/**
 * One authenticated TLS connection between two gateways.
 *
 * Contract: that of tcp-connection.ts, and the keys that only the two ends of this TLS session can make.
 */
import type { TLSSocket } from 'node:tls';
import type { Fingerprint } from './fingerprint.ts';
import { openTcpConnection, type TcpConnection } from './tcp-connection.ts';

export type ControlSession = TcpConnection & {
  readonly peerFingerprint: Fingerprint;
  /** RFC 5705 with the session's own secret; both sides get the same. Throws when the connection has ended. */
  exportKey(label: string, context: Uint8Array, length: number): Uint8Array;
};

/** Before the protocol's own keepalives notice it, the kernel need not. */
const tcpKeepaliveMillis = 15_000;

export function openControlSession(socket: TLSSocket, peerFingerprint: Fingerprint): ControlSession {
  return {
    ...openTcpConnection(socket, tcpKeepaliveMillis),
    peerFingerprint,
    exportKey: (label, context, length) => socket.exportKeyingMaterial(length, label, Buffer.from(context)),
  };
}
