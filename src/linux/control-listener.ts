/**
 * Waits for initiators on one address of one link: for their sessions, and for the own connections of their paths. The first
 * byte tells which it is.
 *
 * Contract: `onSession` is called only for a peer whose key `authenticate` knows, and before any of its bytes is read;
 * a path's connection is handed to its claim only after the proof of its key. Everyone else costs a bounded amount: so
 * many handshakes and unproven connections at a time, in total and per source; each has 5 s, after which it is cut off
 * whatever it sends; TLS itself refuses a handshake of more than a few hundred kilobytes. A bounded number waits for 2 s
 * at the most, unread, until others are done.
 * Throws: BS_ADDRESS_IN_USE, BS_ADDRESS_UNAVAILABLE.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { BackstayError } from '../errors.ts';
import { type Endpoint, formatEndpoint, type IpAddress } from '../network/ip-address.ts';
import { bundleMarker } from '../tunnel/control/bundle-header.ts';
import type { ExaminerRefusal } from '../tunnel/control/link-examiner.ts';
import { type ControlSession, openControlSession } from './control-session.ts';
import { presentedKey, tlsOptions } from './control-tls.ts';
import type { Fingerprint } from './fingerprint.ts';
import { type AdmissionLimits, HandshakeAdmission, sourceOf } from './handshake-admission.ts';
import {
  type HandshakeRefusal,
  HandshakeRefusals,
  type RefusalDetail,
  type RefusalReason,
} from './handshake-refusals.ts';
import type { Identity } from './identity.ts';
import { examineLink, type LinkClaim } from './link-connection.ts';
import { closeSoon } from './tcp-connection.ts';

export type ListenLimits = AdmissionLimits & {
  readonly handshakeTimeoutMillis: number;
  /** A dialler allows 4 s for everything: half of that is left for its handshake. */
  readonly waitTimeoutMillis: number;
  /** A newer session of the same key pushes the oldest one out: a peer that has started anew must get in. */
  readonly maxSessionsPerPeer: number;
};

export const defaultListenLimits: ListenLimits = {
  maxPending: 64,
  maxPendingPerSource: 8,
  // Hundreds of sites that come back at the same moment, behind one address as well. One who waits costs a descriptor.
  maxWaiting: 512,
  maxWaitingPerSource: 256,
  handshakeTimeoutMillis: 5_000,
  waitTimeoutMillis: 2_000,
  maxSessionsPerPeer: 4,
};

export type ListenOptions<Peer> = {
  readonly address: IpAddress;
  /** 0 for any. */
  readonly port: number;
  readonly identity: Identity;
  readonly limits?: Partial<ListenLimits>;
  /** Who has this key; undefined for a stranger. */
  authenticate(fingerprint: Fingerprint): Peer | undefined;
  onSession(session: ControlSession, peer: Peer): void;
  /** The path that a ticket stands for at the moment; undefined for a stranger's. */
  claimOf(ticket: Uint8Array): LinkClaim | undefined;
  onRefusal(refusal: HandshakeRefusal): void;
  /** Sent to a stranger before the connection ends, so that his operator is told. */
  readonly farewellToStrangers?: Uint8Array;
};

export type ControlListener = {
  /** With the port that was taken when 0 was asked for. */
  readonly local: Endpoint;
  readonly pendingHandshakes: number;
  readonly sessions: number;
  /** Ends the sessions too. */
  close(): Promise<void>;
};

export async function listenControl<Peer>(options: ListenOptions<Peer>): Promise<ControlListener> {
  const listener = new Listener(options);
  await listener.listen();
  return listener;
}

/** A connection that has not proven itself, from when it comes until it is known, or gone. */
class PendingHandshake {
  /** That of `connectionKey`. */
  readonly key: string;
  readonly source: string;
  isRefused = false;
  /** Ends what is under way with an answer, where there is one to give. */
  expire: (() => void) | undefined;
  /** Gives its place, or its turn, to others. */
  release: () => void = () => {};
  #deadline: NodeJS.Timeout | undefined;

  constructor(key: string, source: string) {
    this.key = key;
    this.source = source;
  }

  /** From now on it has so long; an earlier deadline does not count any more. */
  within(millis: number, late: () => void): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(late, millis);
  }

  end(): void {
    clearTimeout(this.#deadline);
    this.release();
  }
}

/** Of the marker before every bundle message; a TLS handshake begins with 0x16 (RFC 8446, 5.1). */
const markerFirst = bundleMarker >>> 24;

class Listener<Peer> implements ControlListener {
  readonly #options: ListenOptions<Peer>;
  readonly #limits: ListenLimits;
  readonly #admission: HandshakeAdmission;
  readonly #refusals: HandshakeRefusals;
  readonly #server: Server;
  readonly #tls: TlsServer;
  readonly #connections = new Set<Socket>();
  /** By `connectionKey`. */
  readonly #pending = new Map<string, PendingHandshake>();
  /** By fingerprint, the oldest first. */
  readonly #sessions = new Map<Fingerprint, TLSSocket[]>();

  constructor(options: ListenOptions<Peer>) {
    this.#options = options;
    this.#limits = { ...defaultListenLimits, ...options.limits };
    this.#admission = new HandshakeAdmission(this.#limits);
    this.#refusals = new HandshakeRefusals((refusal) => options.onRefusal(refusal));
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accepted(socket));
    this.#tls = createTlsServer(tlsOptions(options.identity));
    this.#tls.on('secureConnection', (socket) => this.#secured(socket));
    this.#tls.on('tlsClientError', (error, socket) => this.#failed(error, socket));
  }

  get local(): Endpoint {
    const bound = this.#server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : this.#options.port;
    return { address: this.#options.address, port };
  }

  get pendingHandshakes(): number {
    return this.#admission.pending;
  }

  get sessions(): number {
    return [...this.#sessions.values()].reduce((sum, sockets) => sum + sockets.length, 0);
  }

  async listen(): Promise<void> {
    const { address, port } = this.#options;
    this.#server.listen({ host: address.text, port, ipv6Only: true, exclusive: true });
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw listenError(error, { address, port });
    }
    // For instance no file descriptors are left: the next connection may find some.
    this.#server.on('error', (error) =>
      this.#refusals.add('this gateway', 'handshakeFailed', { code: codeOf(error) }),
    );
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#connections) socket.destroy();
    this.#refusals.flush();
    await closed;
  }

  #accepted(socket: Socket): void {
    // A connection that is reset at this moment has no address any more.
    const source = sourceOf(socket.remoteAddress ?? '');
    const pending = new PendingHandshake(connectionKey(socket), source);
    const admission = this.#admission.admit(source, () => this.#enter(socket, pending));
    socket.on('error', () => {});
    if (!admission.admitted) {
      this.#refusals.add(source, admission.reason);
      socket.destroy();
      return;
    }
    pending.release = admission.release;
    this.#pending.set(pending.key, pending);
    this.#connections.add(socket);
    socket.once('close', () => this.#closed(socket, pending));
    const { waits: why } = admission;
    if (why !== undefined)
      pending.within(this.#limits.waitTimeoutMillis, () => this.#cutOff(socket, pending, why));
  }

  /** Has its place, at once or after waiting; it was accepted unread. */
  #enter(socket: Socket, pending: PendingHandshake): void {
    pending.within(this.#limits.handshakeTimeoutMillis, () => this.#expired(socket, pending));
    socket.once('readable', () => this.#begun(socket, pending));
    socket.read(0);
  }

  #begun(socket: Socket, pending: PendingHandshake): void {
    const first: Buffer | null = socket.read();
    // It ended without a word.
    if (first === null) return;
    socket.unshift(first);
    if (first[0] === markerFirst) this.#examine(socket, pending);
    else this.#tls.emit('connection', socket);
  }

  #examine(socket: Socket, pending: PendingHandshake): void {
    pending.expire = examineLink(socket, {
      claimOf: (ticket) => this.#options.claimOf(ticket),
      ended: (result) => {
        if (result === 'passed') this.#settle(pending);
        else this.#tell(pending, linkRefusals[result]);
      },
    });
  }

  #expired(socket: Socket, pending: PendingHandshake): void {
    if (pending.expire !== undefined) return pending.expire();
    this.#cutOff(socket, pending, 'handshakeTimeout');
  }

  #cutOff(socket: Socket, pending: PendingHandshake, reason: RefusalReason): void {
    this.#tell(pending, reason);
    socket.destroy();
  }

  #closed(socket: Socket, pending: PendingHandshake): void {
    this.#connections.delete(socket);
    if (this.#pending.get(pending.key) !== pending) return;
    if (pending.expire === undefined) this.#tell(pending, 'handshakeFailed', { code: 'ECONNRESET' });
    else this.#tell(pending, 'linkBrokenOff');
    this.#settle(pending);
  }

  #settle(pending: PendingHandshake): void {
    this.#pending.delete(pending.key);
    pending.end();
  }

  /** When the connection is gone already, its end has been told. */
  #failed(error: Error, socket: TLSSocket): void {
    const pending = this.#pending.get(connectionKey(socket));
    if (pending !== undefined) this.#tell(pending, 'handshakeFailed', { code: codeOf(error) });
    socket.destroy();
  }

  #secured(socket: TLSSocket): void {
    const pending = this.#pending.get(connectionKey(socket));
    if (pending === undefined) return void socket.destroy();
    const presented = presentedKey(socket);
    if ('missing' in presented) return this.#refuse(socket, pending, presented.missing);
    const { fingerprint } = presented;
    const peer = this.#options.authenticate(fingerprint);
    if (peer === undefined) return this.#refuse(socket, pending, 'unknownKey', fingerprint);
    this.#settle(pending);
    const session = openControlSession(socket, fingerprint);
    this.#remember(fingerprint, socket);
    this.#options.onSession(session, peer);
  }

  /** Stays counted as a pending handshake, with its deadline, until it is gone. */
  #refuse(
    socket: TLSSocket,
    pending: PendingHandshake,
    reason: RefusalReason,
    fingerprint?: Fingerprint,
  ): void {
    this.#tell(pending, reason, { fingerprint });
    socket.on('error', () => {});
    if (reason !== 'unknownKey' || this.#options.farewellToStrangers === undefined) {
      socket.destroy();
      return;
    }
    socket.write(this.#options.farewellToStrangers);
    // What a stranger sends is thrown away unread; left in the way it would hide the end of the connection.
    socket.resume();
    closeSoon(socket);
  }

  /** Once for each connection: what comes later is only its end. */
  #tell(pending: PendingHandshake, reason: RefusalReason, detail?: RefusalDetail): void {
    if (!pending.isRefused) this.#refusals.add(pending.source, reason, detail);
    pending.isRefused = true;
  }

  #remember(fingerprint: Fingerprint, socket: TLSSocket): void {
    const sockets = this.#sessions.get(fingerprint) ?? [];
    this.#sessions.set(fingerprint, sockets);
    sockets.push(socket);
    if (sockets.length > this.#limits.maxSessionsPerPeer) sockets.shift()?.destroy();
    socket.once('close', () => {
      const index = sockets.indexOf(socket);
      if (index >= 0) sockets.splice(index, 1);
      if (sockets.length === 0 && this.#sessions.get(fingerprint) === sockets)
        this.#sessions.delete(fingerprint);
    });
  }
}

const linkRefusals: Record<ExaminerRefusal, RefusalReason> = {
  malformed: 'linkMalformed',
  tooLate: 'linkTooLate',
  unknownPath: 'linkUnknownPath',
  wrongAnswer: 'linkWrongAnswer',
};

/** TLS gives its own object for a connection; what both objects know is where it comes from. */
function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function listenError(error: unknown, local: Endpoint): BackstayError {
  const code = codeOf(error);
  const detail = { place: `tcp ${formatEndpoint(local)}`, cause: error };
  if (code === 'EADDRINUSE') {
    return new BackstayError('BS_ADDRESS_IN_USE', 'The control channel cannot listen here.', detail);
  }
  return new BackstayError(
    'BS_ADDRESS_UNAVAILABLE',
    `The control channel cannot listen here (${code}).`,
    detail,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
