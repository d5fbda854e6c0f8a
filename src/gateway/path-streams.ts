/**
 * The own TCP connections of a tunnel's paths: the initiator makes and proves each one, the responder waits for them.
 *
 *     (asked for) ──proven──▶ open ──closed, or the path goes──▶ (none)
 *          ├──no connection, not understood, no answer in time──▶ (none): the path works by UDP alone
 *          └──wrong answer──▶ (none): the path is dropped
 *
 * Contract: a path has the connection that was proven last, or none. It is kept open and silent: it is there for what cannot
 * go by UDP. How an attempt came out is journalled when it is not as it was the last time.
 * Source: seed row S4.4, docs/decisions/0013.
 */
import { connectLink, type LinkClaim, linkMac, type TcpConnection } from '../linux/control-channel.ts';
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

/** A responder admits 8 strangers of one source at a time, and all our links may be behind one NAT. */
const ATTEMPTS_AT_A_TIME = 4;

type InitiatorPath = Extract<SessionPath, { role: 'initiator' }>;
type ResponderPath = Extract<SessionPath, { role: 'responder' }>;

/** What a proof is made with: the path's key and ticket, and the instance of the tunnel. */
export type PathSecret = LinkCredential & { readonly tunnelInstance: Uint8Array };

export type ProofListener = {
  /** The path may be used. May be called more than once. */
  join(): void;
  refuted(): void;
};

type Place = { readonly id: number; readonly link: string; readonly local: string; readonly remote: string };

export class PathStreams {
  readonly #context: GatewayContext;
  readonly #tunnel: string;
  readonly #attempts = new Map<number, AbortController>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  readonly #claims = new Map<number, { readonly ticket: string; readonly claim: LinkClaim }>();
  readonly #open = new Map<number, TcpConnection>();
  /** How the last attempt came out, by path. */
  readonly #told = new Map<number, string>();

  /** @param tunnel its name */
  constructor(context: GatewayContext, tunnel: string) {
    this.#context = context;
    this.#tunnel = tunnel;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** The initiator's. An attempt for the same path that is under way is given up. */
  prove(path: InitiatorPath, secret: PathSecret, listener: ProofListener): void {
    this.#attempts.get(path.pathId)?.abort();
    const attempt = new AbortController();
    this.#attempts.set(path.pathId, attempt);
    const timer = setTimeout(() => listener.join(), JOIN_WAIT_MILLIS);
    attempt.signal.addEventListener('abort', () => clearTimeout(timer));
    void this.#attempt(path, secret, listener, attempt.signal).finally(() => clearTimeout(timer));
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
    this.#attempts.get(pathId)?.abort();
    this.#attempts.delete(pathId);
    this.#claims.delete(pathId);
    this.#close(pathId);
  }

  clear(): void {
    for (const pathId of [...this.#attempts.keys(), ...this.#claims.keys(), ...this.#open.keys()])
      this.forget(pathId);
  }

  async #attempt(
    path: InitiatorPath,
    secret: PathSecret,
    listener: ProofListener,
    signal: AbortSignal,
  ): Promise<void> {
    const { pathId, localLink: link, localAddress, remote } = path;
    const { tunnelInstance, ticket, key } = secret;
    const ends = { localAddress, remote, tunnelInstance, pathId, ticket, mac: linkMac(key) };
    const result = await this.#inTurn(() =>
      connectLink({ ...ends, timeoutMillis: PROOF_TIMEOUT_MILLIS, signal }),
    );
    if (signal.aborted) {
      if (result.ok) result.connection.close();
      return;
    }
    this.#attempts.delete(pathId);
    const place = { id: pathId, link, local: localAddress.text, remote: formatEndpoint(remote) };
    if (result.ok) {
      this.#keep(pathId, result.connection);
      this.#tellProven(place, remote.address.text);
      return listener.join();
    }
    this.#close(pathId);
    const { reason, code } = result;
    this.#tell(place, `${reason} ${code} ${place.local} ${place.remote}`, () =>
      this.#context.record({
        kind: 'pathUnproven',
        subject: this.#subject(place),
        evidence: {
          local: place.local,
          remote: place.remote,
          outcome: reason,
          reason: describeLinkFailure(result),
        },
      }),
    );
    if (reason === 'wrongAnswer') listener.refuted();
    else listener.join();
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

function remoteOf({ remoteAddress, remotePort }: TcpConnection): string {
  const address = parseIpAddress(remoteAddress);
  // A connection that has just been reset has no address any more.
  return address === undefined ? '' : formatEndpoint({ address, port: remotePort });
}
