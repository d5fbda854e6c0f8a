/**
 * Listens for peers that dial us, on the addresses of the links that they may use and nowhere else: at the link's own port, and at
 * the further ones that the configuration asks for.
 *
 * Contract: nothing listens on a link unless a tunnel over it waits for its peer. A caller is known by its key before a byte of its is
 * read; strangers are refused and counted. An address that cannot be listened on is tried again at the next change.
 */
import { BackstayError } from '../errors.ts';
import {
  type ControlListener,
  type HandshakeRefusal,
  type LinkClaim,
  listenControl,
} from '../linux/control-channel.ts';
import { returnFreeMemory } from '../linux/free-memory.ts';
import type { NetworkFailure } from '../linux/network-state.ts';
import { encodeMessage } from '../tunnel/control/message-codec.ts';
import type { GatewayContext } from './context.ts';
import { HandshakeMemory } from './handshake-memory.ts';
import type { UsableFamily } from './links.ts';
import { describeStranger } from './session-words.ts';
import type { Tunnel } from './tunnel.ts';

/** Tells a stranger's operator what is wrong; the first message of the session, hence the id. */
const farewell = encodeMessage(1, { type: 'tunnelClose', reason: 'unknownPeer' });

/** So many handshakes in a row leave more in the packet worker than a pause of some milliseconds there is worth. */
const CROWD = 50;

type ListenPlace = UsableFamily & { readonly tcpPort: number };

type Listening = { readonly listener: ControlListener; readonly identity: string };

export class ControlListeners {
  readonly #context: GatewayContext;
  readonly #tunnels: readonly Tunnel[];
  readonly #open = new Map<string, Listening>();
  readonly #failed = new Map<string, NetworkFailure>();
  readonly #memory = new HandshakeMemory((handshakes) => this.#returnMemory(handshakes));

  constructor(context: GatewayContext, tunnels: readonly Tunnel[]) {
    this.#context = context;
    this.#tunnels = tunnels;
  }

  async adjust(families: readonly UsableFamily[]): Promise<void> {
    const waiting = this.#tunnels.filter((tunnel) => tunnel.role === 'responder');
    const links = new Set(waiting.flatMap(({ config }) => config.links));
    const wanted = new Map(
      families
        .filter(({ link }) => links.has(link))
        .flatMap((family) => this.#placesOf(family))
        .map((place) => [keyOf(place), place]),
    );
    for (const key of [...this.#failed.keys()]) if (!wanted.has(key)) this.#failed.delete(key);
    for (const [key, { listener, identity }] of [...this.#open]) {
      const wish = wanted.get(key);
      if (wish !== undefined && identityOf(wish) === identity) continue;
      this.#open.delete(key);
      await listener.close();
    }
    for (const [key, place] of wanted) {
      if (!this.#open.has(key)) await this.#tryOpen(key, place);
    }
  }

  /** Wishes of the last `adjust` that could not be fulfilled. */
  failures(): NetworkFailure[] {
    return [...this.#failed.values()];
  }

  async close(): Promise<void> {
    this.#memory.close();
    for (const { listener } of this.#open.values()) await listener.close();
    this.#open.clear();
  }

  async #tryOpen(key: string, place: ListenPlace): Promise<void> {
    try {
      const listener = await listenControl({
        address: place.address,
        port: place.tcpPort,
        identity: this.#context.identity,
        authenticate: (fingerprint) => this.#tunnelOf(fingerprint),
        onSession: (session, tunnel) => {
          this.#memory.used();
          tunnel.accept(session, place.linkIndex, place.tcpPort !== place.port);
        },
        claimOf: (ticket) => this.#claimOf(ticket),
        onRefusal: (refusal) => this.#refused(refusal),
        farewellToStrangers: farewell,
      });
      this.#open.set(key, { listener, identity: identityOf(place) });
      this.#failed.delete(key);
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      this.#fail(key, place, error);
    }
  }

  #placesOf(family: UsableFamily): ListenPlace[] {
    const ports = new Set([family.port, ...this.#context.config.gateway.tcpPorts]);
    return [...ports].map((tcpPort) => ({ ...family, tcpPort }));
  }

  #tunnelOf(fingerprint: string): Tunnel | undefined {
    return this.#tunnels.find((tunnel) => tunnel.config.peer.fingerprint === fingerprint);
  }

  #claimOf(ticket: Uint8Array): LinkClaim | undefined {
    for (const { streams } of this.#tunnels) {
      const claim = streams.claimOf(ticket);
      if (claim !== undefined) return claim;
    }
    return undefined;
  }

  #returnMemory(handshakes: number): void {
    returnFreeMemory();
    if (handshakes >= CROWD) this.#context.worker.send({ kind: 'returnMemory' });
  }

  #refused(refusal: HandshakeRefusal): void {
    const { address, fingerprint } = refusal;
    const reason = describeStranger(refusal, this.#context.identity.fingerprint);
    const evidence = fingerprint === undefined ? { reason } : { reason, fingerprint };
    this.#context.record({ kind: 'peerRefused', subject: { type: 'peer', address }, evidence });
  }

  #fail(key: string, { link, family }: ListenPlace, error: BackstayError): void {
    const isKnown = this.#failed.get(key)?.error.line === error.line;
    const part = `link ${link} IPv${family}`;
    this.#failed.set(key, { part, error });
    if (isKnown) return;
    this.#context.record({
      kind: 'networkTrouble',
      subject: { type: 'gateway', name: this.#context.config.gateway.name },
      evidence: { problems: [`${part}: ${error.line}`] },
    });
  }
}

function keyOf({ linkIndex, family, tcpPort }: ListenPlace): string {
  return `${linkIndex} ${family} ${tcpPort}`;
}

function identityOf({ interfaceIndex, address, port }: ListenPlace): string {
  return `${interfaceIndex} ${address.text} ${port}`;
}
