/**
 * The own TCP connections of a tunnel's paths: the initiator makes and proves each one, the responder waits for them.
 *
 *     asking ──proven──▶ open ──lost──▶ pausing ──a minute, or the path carries no more──▶ asking
 *        ├──no connection, not understood, no answer in time──▶ pausing: the path works by UDP alone
 *        └──wrong answer──▶ (ended): the path is dropped
 *
 * Contract: a path has the connection that was proven last, or none. The packet worker has its descriptor, for what cannot go by
 * UDP; it is closed here, after the worker let go. How an attempt came out is journalled when it is not as it was the last
 * time. All ends with the path.
 * Source: seed rows S4.4 and S4.7, docs/decisions/0013 and 0016.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamEnd } from '../dataplane/protocol.ts';
import {
  connectLink,
  type LinkClaim,
  type LinkConnection,
  type LinkDialResult,
  linkMac,
} from '../linux/control-channel.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { formatEndpoint, parseIpAddress } from '../network/ip-address.ts';
import type { LinkCredential } from '../tunnel/control/key-schedule.ts';
import type { SessionPath } from '../tunnel/control/session.ts';
import type { PathState } from '../tunnel/path/path.ts';
import type { GatewayContext } from './context.ts';
import { describeLinkFailure } from './session-words.ts';

/** Connection and proofs are three round trips: enough for satellites, and for a SYN that had to be sent a second time. */
const PROOF_TIMEOUT_MILLIS = 5_000;

/**
 * So long a new path waits for its proof. Longer would keep a line without TCP from working; it joins unproven then, and its
 * probes, sealed with the tunnel's keys, have to be answered all the same.
 */
const JOIN_WAIT_MILLIS = 2_000;

/** A line may let TCP pass later, a NAT may forget a connection; a SYN a minute costs nothing on any line. */
const RETRY_MILLIS = 60_000;

/** While the path carries nothing the connection is what is left: a SYN that is lost costs this much. */
const URGENT_RETRY_MILLIS = 5_000;
/** One that was lost is made again so soon: it may have been the other end that started anew. */
const LOSS_RETRY_MILLIS = 250;

/** The connection before stays so long: what is under way on it arrives, and the far end turns to the new one in peace. */
const REPLACED_LINGER_MILLIS = 2_000;

/** A responder admits 8 strangers of one source at a time, and all our links may be behind one NAT. */
const ATTEMPTS_AT_A_TIME = 4;

type InitiatorPath = Extract<SessionPath, { role: 'initiator' }>;
type ResponderPath = Extract<SessionPath, { role: 'responder' }>;

/** What a proof is made with: the path's key and ticket, and the instance of the tunnel. */
export type PathSecret = LinkCredential & { readonly tunnelInstance: Uint8Array };

export type ProofListener = {
  /** The path may be used. */
  join(): void;
  refuted(): void;
};

type Place = { readonly id: number; readonly link: string; readonly local: string; readonly remote: string };

export class PathStreams {
  readonly #context: GatewayContext;
  readonly #tunnel: { readonly id: number; readonly name: string };
  readonly #retryMillis: number;
  /** The initiator's endeavours, by path. */
  readonly #endeavours = new Map<number, AbortController>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  readonly #claims = new Map<number, { readonly ticket: string; readonly claim: LinkClaim }>();
  /** Descriptors, which the worker uses. */
  readonly #open = new Map<number, number>();
  /** What the initiator does when a connection is lost, and when the path is in trouble while it pauses. */
  readonly #losses = new Map<number, () => void>();
  readonly #pauses = new Map<number, AbortController>();
  readonly #carrying = new Set<number>();
  /** How the last attempt came out, by path. */
  readonly #told = new Map<number, string>();

  constructor(
    context: GatewayContext,
    tunnel: { readonly id: number; readonly name: string },
    retryMillis = RETRY_MILLIS,
  ) {
    this.#context = context;
    this.#tunnel = tunnel;
    this.#retryMillis = retryMillis;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** The initiator's, for as long as there is the path; what was under way for it is given up. */
  prove(path: InitiatorPath, secret: PathSecret, listener: ProofListener): void {
    this.#endeavours.get(path.pathId)?.abort();
    const endeavour = new AbortController();
    this.#endeavours.set(path.pathId, endeavour);
    let hasJoined = false;
    const join = () => {
      clearTimeout(timer);
      if (!hasJoined) listener.join();
      hasJoined = true;
    };
    const timer = setTimeout(join, JOIN_WAIT_MILLIS);
    endeavour.signal.addEventListener('abort', () => clearTimeout(timer));
    const refuted = () => {
      clearTimeout(timer);
      listener.refuted();
    };
    void this.#endeavour(path, secret, { join, refuted }, endeavour.signal);
  }

  /** The responder's: from now on the path's initiator may prove himself. */
  expect(path: ResponderPath, secret: PathSecret): void {
    const { pathId, localLink: link, local } = path;
    const claim: LinkClaim = {
      tunnelInstance: secret.tunnelInstance,
      pathId,
      mac: linkMac(secret.key),
      accept: (connection) => {
        const remote = remoteOf(connection);
        this.#keep(pathId, connection);
        this.#tellProven({ id: pathId, link, local: local.address.text, remote }, connection.remoteAddress);
      },
    };
    this.#claims.set(pathId, { ticket: secret.ticket.toHex(), claim });
  }

  claimOf(ticket: Uint8Array): LinkClaim | undefined {
    const wanted = ticket.toHex();
    return this.#claims.values().find((known) => known.ticket === wanted)?.claim;
  }

  /** What the worker makes of the path: while it does not carry, a connection is wanted at once. */
  pathChanged(pathId: number, state: PathState): void {
    if (state === 'up') return void this.#carrying.add(pathId);
    this.#carrying.delete(pathId);
    this.#pauses.get(pathId)?.abort();
  }

  /** The worker has no use for the connection any more. */
  lost(pathId: number, fd: number, reason: StreamEnd): void {
    if (this.#open.get(pathId) !== fd) return;
    if (reason === 'notUnderstood') this.#tellNotUnderstood(pathId);
    this.#close(pathId);
  }

  /** The path is gone. */
  forget(pathId: number): void {
    this.#carrying.delete(pathId);
    this.#endeavours.get(pathId)?.abort();
    this.#endeavours.delete(pathId);
    this.#claims.delete(pathId);
    this.#close(pathId);
  }

  clear(): void {
    for (const pathId of [...this.#endeavours.keys(), ...this.#claims.keys(), ...this.#open.keys()])
      this.forget(pathId);
  }

  async #endeavour(
    path: InitiatorPath,
    secret: PathSecret,
    { join, refuted }: ProofListener,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const result = await this.#attempt(path, secret, signal);
      if (signal.aborted) return result.ok ? result.connection.close() : undefined;
      if (!result.ok && result.reason === 'wrongAnswer') {
        this.#failed(path, result);
        return refuted();
      }
      if (result.ok) this.#tellProven(placeOf(path), path.remote.address.text);
      else this.#failed(path, result);
      join();
      // The worker knows the path from here on.
      if (result.ok) await this.#carry(path.pathId, result.connection);
      await this.#pause(path.pathId, result.ok ? LOSS_RETRY_MILLIS : URGENT_RETRY_MILLIS, signal);
    }
  }

  /** Resolves when the connection is lost. */
  #carry(pathId: number, connection: LinkConnection): Promise<void> {
    return new Promise((lost) => {
      this.#keep(pathId, connection);
      if (this.#open.has(pathId)) this.#losses.set(pathId, lost);
      else lost();
    });
  }

  async #pause(pathId: number, urgentMillis: number, signal: AbortSignal): Promise<void> {
    const isCarrying = this.#carrying.has(pathId);
    const millis = isCarrying ? this.#retryMillis : Math.min(urgentMillis, this.#retryMillis);
    const hurry = new AbortController();
    if (isCarrying) this.#pauses.set(pathId, hurry);
    const until = AbortSignal.any([signal, hurry.signal]);
    await sleep(millis, undefined, { signal: until, ref: false }).catch(() => {});
    if (this.#pauses.get(pathId) === hurry) this.#pauses.delete(pathId);
  }

  #attempt(path: InitiatorPath, secret: PathSecret, signal: AbortSignal): Promise<LinkDialResult> {
    const { pathId, localAddress } = path;
    const remote = { ...path.remote, port: path.tcpPort ?? path.remote.port };
    const { tunnelInstance, ticket, key } = secret;
    const ends = { localAddress, remote, tunnelInstance, pathId, ticket, mac: linkMac(key) };
    return this.#inTurn(() => connectLink({ ...ends, timeoutMillis: PROOF_TIMEOUT_MILLIS, signal }));
  }

  #failed(path: InitiatorPath, failure: Extract<LinkDialResult, { ok: false }>): void {
    this.#close(path.pathId);
    const place = placeOf(path);
    const { local, remote } = place;
    const { reason: outcome, code } = failure;
    const evidence = { local, remote, outcome, reason: describeLinkFailure(failure) };
    this.#tell(place, `${outcome} ${code} ${local} ${remote}`, () =>
      this.#context.record({ kind: 'pathUnproven', subject: this.#subject(place), evidence }),
    );
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#running >= ATTEMPTS_AT_A_TIME)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  #keep(pathId: number, connection: LinkConnection): void {
    const fd = connection.takeOver();
    const before = this.#open.get(pathId);
    if (fd < 0) return this.#close(pathId);
    this.#open.set(pathId, fd);
    this.#context.worker.send({ kind: 'openStream', tunnel: this.#tunnel.id, path: pathId, fd });
    if (before !== undefined) void this.#release(pathId, before, REPLACED_LINGER_MILLIS);
  }

  #close(pathId: number): void {
    const fd = this.#open.get(pathId);
    this.#open.delete(pathId);
    if (fd !== undefined) void this.#release(pathId, fd, 0);
    this.#losses.get(pathId)?.();
    this.#losses.delete(pathId);
  }

  /** A descriptor is closed when the worker has let go, or its number would soon be somebody else's. */
  async #release(pathId: number, fd: number, lingerMillis: number): Promise<void> {
    const { worker } = this.#context;
    if (lingerMillis > 0) await sleep(lingerMillis, undefined, { ref: false });
    worker.send({ kind: 'closeStream', tunnel: this.#tunnel.id, path: pathId, fd });
    await worker.released();
    closeFd(fd);
  }

  #tellNotUnderstood(pathId: number): void {
    const message = `What came on the connection of path ${pathId} is not understood; it was closed.`;
    const subject = { type: 'tunnel', name: this.#tunnel.name } as const;
    this.#context.record({
      kind: 'controlError',
      subject,
      evidence: { code: 'BS_CONTROL_NOTE', message },
    });
  }

  /** The port of the other end is another one every time: `remoteAddress` tells whether it is the same place. */
  #tellProven(place: Place, remoteAddress: string): void {
    const { local, remote } = place;
    this.#tell(place, `proven ${local} ${remoteAddress}`, () =>
      this.#context.record({
        kind: 'pathProven',
        subject: this.#subject(place),
        evidence: { local, remote },
      }),
    );
  }

  #tell({ id }: Place, outcome: string, record: () => void): void {
    if (this.#told.get(id) === outcome) return;
    this.#told.set(id, outcome);
    record();
  }

  #subject({ id, link }: Place) {
    return { type: 'path', tunnel: this.#tunnel.name, id, link } as const;
  }
}

function placeOf({ pathId: id, localLink: link, localAddress, remote, tcpPort }: InitiatorPath): Place {
  const called = { ...remote, port: tcpPort ?? remote.port };
  return { id, link, local: localAddress.text, remote: formatEndpoint(called) };
}

function remoteOf({ remoteAddress, remotePort }: LinkConnection): string {
  const address = parseIpAddress(remoteAddress);
  // A connection that has just been reset has no address any more.
  return address === undefined ? '' : formatEndpoint({ address, port: remotePort });
}
