/**
 * Connects to a responder and checks its key.
 *
 * Contract: whatever the network or the other side does is a result, never an exception. A session is returned only for
 * the pinned key; to any other not one byte of a message is sent. That the responder accepts *this* gateway's key shows
 * only with its first message, since TLS 1.3 lets the server check last.
 */
import { connect, type TLSSocket } from 'node:tls';
import type { ErrorCode } from '../errors.ts';
import type { Endpoint, IpAddress } from '../network/ip-address.ts';
import { type ControlSession, openControlSession } from './control-session.ts';
import { presentedKey, tlsOptions } from './control-tls.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Identity } from './identity.ts';

export type DialOptions = {
  /** The link's address: the machine's routing rules choose the link by it. */
  readonly localAddress?: IpAddress;
  readonly remote: Endpoint;
  readonly identity: Identity;
  readonly pinnedFingerprint: Fingerprint;
  /** For the TCP connection and the handshake together. */
  readonly timeoutMillis: number;
  /** Gives up early. */
  readonly signal?: AbortSignal;
};

export type DialResult =
  | { readonly ok: true; readonly session: ControlSession }
  | {
      readonly ok: false;
      readonly kind: DialFailure;
      /** BS_PEER_WRONG_KEY, BS_ADDRESS_UNAVAILABLE, or the system's or the TLS library's code. */
      readonly code: string;
      /** A sentence for the operator. */
      readonly reason: string;
    };

export type DialFailure =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'handshakeFailed'
  | 'wrongKey'
  | 'addressUnavailable'
  | 'aborted';

export function dialControl(options: DialOptions): Promise<DialResult> {
  const { promise, resolve } = Promise.withResolvers<DialResult>();
  if (options.signal?.aborted) return Promise.resolve(failed('aborted', 'ABORT_ERR'));
  const socket = connect({
    ...tlsOptions(options.identity),
    host: options.remote.address.text,
    port: options.remote.port,
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress.text }),
  });
  const settle = (result: DialResult) => {
    clearTimeout(deadline);
    options.signal?.removeEventListener('abort', abort);
    if (!result.ok) socket.destroy();
    resolve(result);
  };
  const deadline = setTimeout(() => settle(failed('timeout', 'ETIMEDOUT')), options.timeoutMillis);
  const abort = () => settle(failed('aborted', 'ABORT_ERR'));
  options.signal?.addEventListener('abort', abort);
  socket.on('error', (error) => settle(failureOf(error, options)));
  socket.once('close', () => settle(failed('handshakeFailed', 'ECONNRESET')));
  socket.once('secureConnect', () => settle(checkKey(socket, options)));
  return promise;
}

function checkKey(socket: TLSSocket, { pinnedFingerprint }: DialOptions): DialResult {
  const presented = presentedKey(socket);
  if ('missing' in presented) return failed('handshakeFailed', presented.missing);
  const { fingerprint } = presented;
  if (fingerprint === pinnedFingerprint)
    return { ok: true, session: openControlSession(socket, fingerprint) };
  const reason = `The peer's key should be ${pinnedFingerprint} and is ${fingerprint}.`;
  return { ok: false, kind: 'wrongKey', code: 'BS_PEER_WRONG_KEY' satisfies ErrorCode, reason };
}

function failureOf(error: NodeJS.ErrnoException, { localAddress }: DialOptions): DialResult {
  const code = error.code ?? 'unknown';
  switch (code) {
    case 'ECONNREFUSED':
      return failed('refused', code);
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'ENETDOWN':
    case 'EHOSTDOWN':
    case 'EACCES':
    case 'EPERM':
      return failed('unreachable', code);
    case 'ETIMEDOUT':
      return failed('timeout', code);
    case 'EADDRNOTAVAIL':
    case 'EINVAL': {
      const reason = `This machine cannot connect from ${localAddress?.text ?? 'any of its addresses'} (${code}).`;
      return {
        ok: false,
        kind: 'addressUnavailable',
        code: 'BS_ADDRESS_UNAVAILABLE' satisfies ErrorCode,
        reason,
      };
    }
    default:
      return failed('handshakeFailed', code);
  }
}

const reasons = {
  refused: "Nothing listens at the peer's address and port.",
  unreachable: "There is no way to the peer's address.",
  timeout: 'The peer did not answer in time.',
  handshakeFailed: 'The TLS handshake failed: is that a Backstay gateway?',
  aborted: 'The attempt was given up.',
} as const;

function failed(kind: keyof typeof reasons, code: string): DialResult {
  return { ok: false, kind, code, reason: reasons[kind] };
}
