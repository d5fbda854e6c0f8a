/**
 * What the world does to the links of the simulated gateway, and what the gateway could see of it.
 *
 * Contract: `snapshot` is what the kernel would say, `truth` what is so: a line that swallows looks as sound as any other. `changed` is
 * called when the kernel has news. What is not there carries nothing in either direction.
 */

import { type IpAddress, ipAddressOf } from '../../src/network/ip-address.ts';
import type { NetworkInterface, NetworkSnapshot } from '../../src/network/network-snapshot.ts';
import { type EndName, endNames } from '../inner-packets.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import type { FailoverLink, Trouble } from './failover-history.ts';

type Line = {
  readonly link: FailoverLink;
  troubles: readonly Trouble[];
  /** Of a link on demand. */
  isDialled: boolean;
  /** Which of its addresses it has. */
  address: number;
  /** Since when it carries nothing in at least one direction, or everything in both (µs). */
  deadSince: number | undefined;
  soundSince: number | undefined;
  isThere: boolean;
};

/** Twenty for each link, taken in turn. */
const addresses = Array.from({ length: 80 }, (_, index) => ipAddressOf(Uint8Array.of(192, 0, 2, 1 + index)));

export class AccessLines {
  readonly #lines: readonly Line[];
  readonly #network: VirtualNetwork;
  readonly #changed: () => void;
  #anySoundSince: number | undefined;

  constructor(links: readonly FailoverLink[], network: VirtualNetwork, changed: () => void) {
    this.#network = network;
    this.#changed = changed;
    this.#lines = links.map((link) => ({
      link,
      troubles: [],
      isDialled: !link.isOnDemand,
      address: 0,
      deadSince: undefined,
      soundSince: undefined,
      isThere: false,
    }));
    this.#lines.forEach((_, index) => {
      this.#settle(index, 0);
    });
  }

  begin(link: number, trouble: Trouble, now: number): void {
    const line = this.#line(link);
    line.troubles = [...line.troubles, trouble];
    this.#settle(link, now);
  }

  end(link: number, trouble: Trouble, now: number): void {
    const line = this.#line(link);
    line.troubles = line.troubles.filter((it) => it !== trouble);
    if (trouble.kind === 'noAddress' && trouble.another) this.#move(link);
    this.#settle(link, now);
  }

  /** A link on demand is brought up, with an address of that day, or hung up. */
  dial(link: number, isDialled: boolean, now: number): void {
    const line = this.#line(link);
    if (line.isDialled === isDialled) return;
    line.isDialled = isDialled;
    if (isDialled) this.#move(link);
    this.#settle(link, now);
  }

  isThere(link: number): boolean {
    const { isDialled, troubles } = this.#line(link);
    return isDialled && !troubles.some(({ kind }) => kind === 'noCarrier' || kind === 'noAddress');
  }

  /** The text of its address; undefined where it has none. */
  address(link: number): string | undefined {
    return this.isThere(link) ? this.#addressOf(link).text : undefined;
  }

  /** Since when it is so in truth (µs); undefined: it is not. */
  deadSince(link: number): number | undefined {
    return this.#line(link).deadSince;
  }

  soundSince(link: number): number | undefined {
    return this.#line(link).soundSince;
  }

  /** Since when there is one that is sound. */
  get anySoundSince(): number | undefined {
    return this.#anySoundSince;
  }

  snapshot(): NetworkSnapshot {
    return {
      interfaces: this.#lines.map((line, index) => this.#interface(line, index)),
      mainRoutes: [],
      rules: [],
      ownRoutes: [],
      ownRules: [],
      ownFirewall: undefined,
      ownFilters: undefined,
    };
  }

  #interface({ isDialled, troubles }: Line, index: number): NetworkInterface {
    const address = { address: this.#addressOf(index), length: 24 };
    return {
      index: index + 2,
      name: `wan${index}`,
      kind: undefined,
      alias: undefined,
      up: true,
      carrier: isDialled && !troubles.some(({ kind }) => kind === 'noCarrier'),
      mtu: 1500,
      queuePackets: 1000,
      gsoMaxBytes: 65_536,
      addressGeneration: undefined,
      addresses: troubles.some(({ kind }) => kind === 'noAddress')
        ? []
        : [{ prefix: address, scope: 'global', ready: true, avoided: false }],
    };
  }

  #addressOf(link: number): IpAddress {
    return addresses[20 * link + (this.#line(link).address % 20)] as IpAddress;
  }

  /** The far end hears of it with the first authentic packet. */
  #move(link: number): void {
    this.#line(link).address++;
    this.#network.moveAddress('a', link);
  }

  #settle(link: number, now: number): void {
    const line = this.#line(link);
    const isThere = this.isThere(link);
    for (const sender of endNames) {
      this.#network.link(sender, link).condition = {
        ...line.link.condition,
        swallows: !isThere || line.troubles.some((trouble) => swallows(trouble, sender)),
        lossPercent: Math.max(0, ...line.troubles.map((trouble) => lossOf(trouble, sender))),
      };
    }
    const conditions = endNames.map((sender) => this.#network.link(sender, link).condition);
    const isDead = conditions.some((condition) => condition.swallows);
    const isSound = !isDead && conditions.every(({ lossPercent }) => lossPercent === 0);
    // What comes back and is dead has yet to be found out.
    const isAsBefore = line.isThere === isThere;
    line.deadSince = isDead ? ((isAsBefore ? line.deadSince : undefined) ?? now) : undefined;
    line.isThere = isThere;
    line.soundSince = isSound ? (line.soundSince ?? now) : undefined;
    const sound = this.#lines.flatMap(({ soundSince }) => soundSince ?? []);
    this.#anySoundSince = sound.length === 0 ? undefined : Math.min(...sound);
    this.#changed();
  }

  #line(link: number): Line {
    return this.#lines[link] as Line;
  }
}

function swallows(trouble: Trouble, sender: EndName): boolean {
  return trouble.kind === 'blackHole' && trouble.senders.includes(sender);
}

function lossOf(trouble: Trouble, sender: EndName): number {
  return trouble.kind === 'loss' && trouble.senders.includes(sender) ? trouble.percent : 0;
}
