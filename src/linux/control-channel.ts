/**
 * The control channel: TLS 1.3 between two gateways that have pinned each other's keys, and the own connections of their paths.
 *
 * Contract: whoever is handed a `ControlSession` talks to the holder of a pinned key; no byte of anyone else gets
 * through. The rooms above see bytes, the exporter and the end of the connection, and nothing of TLS.
 * Source: seed row S4.3; RFC 8446.
 */
export { type DialFailure, type DialOptions, type DialResult, dialControl } from './control-dialler.ts';
export {
  type ControlListener,
  type ListenLimits,
  type ListenOptions,
  listenControl,
} from './control-listener.ts';
export type { ControlSession } from './control-session.ts';
export type { HandshakeRefusal, RefusalReason } from './handshake-refusals.ts';
export {
  connectLink,
  type LinkClaim,
  type LinkConnection,
  type LinkDialResult,
  linkMac,
} from './link-connection.ts';
export type { TcpConnection } from './tcp-connection.ts';
