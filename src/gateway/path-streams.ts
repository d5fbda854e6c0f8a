/**
 * The own TCP connections of a tunnel's paths: the initiator makes and proves each one, the responder waits for them.
 *
 *     asking ──proven──▶ open ──lost──▶ pausing ──a minute──▶ asking
 *        ├──no connection, not understood, no answer in time──▶ pausing: the path works by UDP alone
 *        └──wrong answer──▶ (ended): the path is dropped
 *
 * Contract: a path has the connection that was proven last, or none. It is kept open and silent: it is there for what cannot
 * go by UDP. How an attempt came out is journalled when it is not as it was the last time. All ends with the path.
 * Source: seed row S4.4, docs/decisions/0013.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectLink,
  type LinkClaim,
  type LinkDialResult,
  linkMac,
  type TcpConnection,
} from '../linux/control-channel.ts';
import { formatEndpoint, parseIpAddress } from '../network/ip-address.ts';
import type { LinkCredential } from '../tunnel/control/key-schedule.ts';
import type { SessionPath } from '../tunnel/control/session.ts';
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
  readonly #tunnel: string;
  readonly #retryMillis: number;
  /** The initiator's endeavours, by path. */
  readonly #endeavours = new Map<number, AbortController>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  readonly #claims = new Map<number, { readonly ticket: string; readonly claim: LinkClaim }>();
  readonly #open = new Map<number, TcpConnection>();
  /** How the last attempt came out, by path. */
  readonly #told = new Map<number, string>();

  /** @param tunnel its name */
  constructor(context: GatewayContext, tunnel: string, retryMillis = RETRY_MILLIS) {
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
        this.#keep(pathId, connection);
        const remote = remoteOf(connection);
        this.#tellProven({ id: pathId, link, local: local.address.text, remote }, connection.remoteAddress);
      },
    };
    this.#claims.set(pathId, { ticket: secret.ticket.toHex(), claim });
  }

  claimOf(ticket: Uint8Array): LinkClaim | undefined {
    const wanted = ticket.toHex();
    return this.#claims.values().find((known) => known.ticket === wanted)?.claim;
  }

  /** The path is gone. */
  forget(pathId: number): void {
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
      if (result.ok) this.#proven(path, result.connection);
      else this.#failed(path, result);
      join();
      if (result.ok) await new Promise<void>((lost) => result.connection.onClose(lost));
      await sleep(this.#retryMillis, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  #attempt(path: InitiatorPath, secret: PathSecret, signal: AbortSignal): Promise<LinkDialResult> {
    const { pathId, localAddress, remote } = path;
    const { tunnelInstance, ticket, key } = secret;
    const ends = { localAddress, remote, tunnelInstance, pathId, ticket, mac: linkMac(key) };
    return this.#inTurn(() => connectLink({ ...ends, timeoutMillis: PROOF_TIMEOUT_MILLIS, signal }));
  }

  #proven(path: InitiatorPath, connection: TcpConnection): void {
    this.#keep(path.pathId, connection);
    this.#tellProven(placeOf(path), path.remote.address.text);
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

  #keep(pathId: number, connection: TcpConnection): void {
    this.#close(pathId);
    this.#open.set(pathId, connection);
    connection.onClose(() => {
      if (this.#open.get(pathId) === connection) this.#open.delete(pathId);
    });
    // Reading shows when it ends; that something comes is against the protocol.
    connection.onData(() => this.#unasked(pathId, connection));
  }

  #unasked(pathId: number, connection: TcpConnection): void {
    if (this.#open.get(pathId) !== connection) return;
    this.#close(pathId);
    const message = `The peer sent what nobody asked for on the connection of path ${pathId}; it was closed.`;
    const subject = { type: 'tunnel', name: this.#tunnel } as const;
    this.#context.record({
      kind: 'controlError',
      subject,
      evidence: { code: 'BS_CONTROL_NOTE', message },
    });
  }

  #close(pathId: number): void {
    const connection = this.#open.get(pathId);
    this.#open.delete(pathId);
    connection?.close();
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
    return { type: 'path', tunnel: this.#tunnel, id, link } as const;
  }
}

function placeOf({ pathId: id, localLink: link, localAddress, remote }: InitiatorPath): Place {
  return { id, link, local: localAddress.text, remote: formatEndpoint(remote) };
}

function remoteOf({ remoteAddress, remotePort }: TcpConnection): string {
  const address = parseIpAddress(remoteAddress);
  // A connection that has just been reset has no address any more.
  return address === undefined ? '' : formatEndpoint({ address, port: remotePort });
}
