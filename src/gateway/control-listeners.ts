/**
 * Listens for peers that dial us, on the addresses of the links and nowhere else.
 *
 * Contract: nothing listens unless a tunnel waits for its peer. A caller is known by its key before a byte of its is
 * read; strangers are refused and counted. An address that cannot be listened on is tried again at the next change.
 */
import { BackstayError } from '../errors.ts';
import { type ControlListener, type HandshakeRefusal, listenControl } from '../linux/control-channel.ts';
import { formatEndpoint } from '../network/ip-address.ts';
import { encodeMessage } from '../tunnel/control/message-codec.ts';
import type { GatewayContext } from './context.ts';
import type { UsableFamily } from './links.ts';
import { describeStranger } from './session-words.ts';
import type { Tunnel } from './tunnel.ts';

/** Tells a stranger's operator what is wrong; the first message of the session, hence the id. */
const farewell = encodeMessage(1, { type: 'tunnelClose', reason: 'unknownPeer' });

type Listening = { readonly listener: ControlListener; readonly identity: string };

export class ControlListeners {
  readonly #context: GatewayContext;
  readonly #tunnels: readonly Tunnel[];
  readonly #open = new Map<string, Listening>();
  readonly #failing = new Map<string, string>();

  constructor(context: GatewayContext, tunnels: readonly Tunnel[]) {
    this.#context = context;
    this.#tunnels = tunnels;
  }

  async adjust(families: readonly UsableFamily[]): Promise<void> {
    const waiting = this.#tunnels.some((tunnel) => tunnel.role === 'responder');
    const wanted = new Map(waiting ? families.map((family) => [keyOf(family), family]) : []);
    for (const [key, { listener, identity }] of [...this.#open]) {
      const wish = wanted.get(key);
      if (wish !== undefined && identityOf(wish) === identity) continue;
      this.#open.delete(key);
      await listener.close();
    }
    for (const [key, family] of wanted) {
      if (!this.#open.has(key)) await this.#tryOpen(key, family);
    }
  }

  /** Whether every wish of the last `adjust` could be fulfilled. */
  get complete(): boolean {
    return this.#failing.size === 0;
  }

  async close(): Promise<void> {
    for (const { listener } of this.#open.values()) await listener.close();
    this.#open.clear();
  }

  async #tryOpen(key: string, family: UsableFamily): Promise<void> {
    try {
      const listener = await listenControl({
        address: family.address,
        port: family.port,
        identity: this.#context.identity,
        authenticate: (fingerprint) => this.#tunnelOf(fingerprint),
        onSession: (session, tunnel) => tunnel.accept(session, family.linkIndex),
        onRefusal: (refusal) => this.#refused(refusal),
        farewellToStrangers: farewell,
      });
      this.#open.set(key, { listener, identity: identityOf(family) });
      this.#failing.delete(key);
    } catch (error) {
      this.#failed(key, family, error);
    }
  }

  #tunnelOf(fingerprint: string): Tunnel | undefined {
    return this.#tunnels.find((tunnel) => tunnel.config.peer.fingerprint === fingerprint);
  }

  #refused({ address, reason: code, fingerprint }: HandshakeRefusal): void {
    const reason = describeStranger(code);
    const evidence = fingerprint === undefined ? { reason } : { reason, fingerprint };
    this.#context.record({ kind: 'peerRefused', subject: { type: 'peer', address }, evidence });
  }

  #failed(key: string, family: UsableFamily, error: unknown): void {
    const known = error instanceof BackstayError;
    const message = known ? error.message : String(error);
    if (this.#failing.get(key) === message) return;
    this.#failing.set(key, message);
    const place = formatEndpoint({ address: family.address, port: family.port });
    this.#context.record({
      kind: 'networkTrouble',
      subject: { type: 'gateway', name: this.#context.config.gateway.name },
      evidence: { problems: [`${known ? error.code : 'BS_INTERNAL'} ${place}: ${message}`] },
    });
  }
}

function keyOf(family: UsableFamily): string {
  return `${family.linkIndex} ${family.family}`;
}

function identityOf(family: UsableFamily): string {
  return `${family.interfaceIndex} ${family.address.text} ${family.port}`;
}
