/**
 * What the configured links can use at the moment, and the journal of its changes.
 *
 * Contract: `resolve` takes a fresh look at the kernel's network and returns the links as the rest of the gateway wants
 * them: as desired routing, as sockets, as the control channel's links. It touches nothing. A link on demand is not
 * used, and its absence is no news, until `use` says that it was brought up.
 */
import type { LinkStatus } from '../api/status.ts';
import type { LinkConfig } from '../config/index.ts';
import type { EventDetail } from '../journal/event.ts';
import type { DesiredLink, LinkFamily } from '../network/desired-state.ts';
import { formatIpAddress, type IpAddress, type IpFamily } from '../network/ip-address.ts';
import { type LinkResolution, resolveLink } from '../network/link-resolution.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import type { ControlLink } from '../tunnel/control/path-mapping.ts';

/** One family of one link that packets can leave by now. */
export type UsableFamily = {
  readonly link: string;
  readonly linkIndex: number;
  readonly interface: string;
  readonly interfaceIndex: number;
  readonly family: IpFamily;
  readonly address: IpAddress;
  readonly gateway: IpAddress | undefined;
  readonly port: number;
};

export class Links {
  readonly #configs: readonly LinkConfig[];
  readonly #record: (event: EventDetail) => void;
  /** Undefined for a link that is not in use. */
  #resolutions: readonly (LinkResolution | undefined)[] = [];
  readonly #inUse: Set<string>;

  constructor(configs: readonly LinkConfig[], record: (event: EventDetail) => void) {
    this.#configs = configs;
    this.#record = record;
    const isStatic = ({ onDemand }: LinkConfig) => onDemand === undefined;
    this.#inUse = new Set(configs.filter(isStatic).map(({ name }) => name));
  }

  /** A link on demand is brought up, or hung up; it counts from the next `resolve` on. */
  use(name: string, isUsed: boolean): void {
    if (isUsed) this.#inUse.add(name);
    else this.#inUse.delete(name);
  }

  /** Static, or brought up. */
  isInUse(name: string): boolean {
    return this.#inUse.has(name);
  }

  resolve(network: NetworkSnapshot): void {
    const before = this.#resolutions;
    this.#resolutions = this.#configs.map((config) =>
      this.#inUse.has(config.name) ? resolveLink(network, config) : undefined,
    );
    for (const [index, config] of this.#configs.entries()) {
      const after = this.#resolutions[index];
      if (after !== undefined) this.#journal(config, before[index], after);
    }
  }

  desired(): DesiredLink[] {
    return this.#usable().map(({ config, index, families }) => {
      return { name: config.name, index, interface: config.interface, families };
    });
  }

  families(): UsableFamily[] {
    return this.#usable().flatMap(({ config, index, families, interfaceIndex }) =>
      families.map((way) => {
        const { name: link, interface: interfaceName, port } = config;
        const { family, address, gateway } = way;
        const place = { link, linkIndex: index, interface: interfaceName, interfaceIndex };
        return { ...place, family, address, gateway, port };
      }),
    );
  }

  /** The links with these names, as the control channel knows them. */
  controlLinks(names: readonly string[]): ControlLink[] {
    return this.#usable()
      .filter(({ config }) => names.includes(config.name))
      .map(({ config, index, families }) => {
        return {
          name: config.name,
          index,
          addresses: families.map(({ address }) => address),
          port: config.port,
        };
      });
  }

  indexOf(name: string): number {
    return this.#configs.findIndex((config) => config.name === name);
  }

  config(name: string): LinkConfig | undefined {
    return this.#configs.find((config) => config.name === name);
  }

  /** Why a link that is in use can't be used; undefined when it can. */
  explain(name: string): string | undefined {
    const resolution = this.#resolutions[this.indexOf(name)];
    return resolution?.usable === false ? resolution.explanation : undefined;
  }

  /** @param troubles links that look usable and are not, with the reasons */
  status(troubles: ReadonlyMap<string, string>): LinkStatus[] {
    return this.#configs.map((config, index) => {
      const resolution = this.#resolutions[index];
      const base = { name: config.name, interface: config.interface };
      const trouble = troubles.get(config.name);
      if (resolution?.usable === true && trouble === undefined)
        return { ...base, state: 'up', ...waysOf(resolution.families) };
      const reason = resolution?.usable === false ? resolution.explanation : trouble;
      const unused = this.#inUse.has(config.name)
        ? 'It was not looked at yet.'
        : 'It is used on demand only.';
      return { ...base, state: 'down', addresses: [], nextHops: [], reason: reason ?? unused };
    });
  }

  #usable(): {
    config: LinkConfig;
    index: number;
    families: readonly LinkFamily[];
    interfaceIndex: number;
  }[] {
    return this.#configs.flatMap((config, index) => {
      const resolution = this.#resolutions[index];
      if (resolution?.usable !== true) return [];
      return [{ config, index, families: resolution.families, interfaceIndex: resolution.interface.index }];
    });
  }

  #journal(config: LinkConfig, before: LinkResolution | undefined, after: LinkResolution): void {
    const subject = { type: 'link', name: config.name } as const;
    if (!after.usable) {
      // It is being dialled.
      if (config.onDemand !== undefined && before?.usable !== true) return;
      if (before !== undefined && !before.usable && before.explanation === after.explanation) return;
      const evidence = { interface: config.interface, reason: after.explanation };
      this.#record({ kind: 'linkDown', subject, evidence });
      return;
    }
    const now = waysOf(after.families);
    if (before?.usable !== true) {
      this.#record({ kind: 'linkUp', subject, evidence: { interface: config.interface, ...now } });
      return;
    }
    const then = waysOf(before.families);
    for (const what of ['addresses', 'nextHops'] as const) {
      if (then[what].join() === now[what].join()) continue;
      this.#record({
        kind: 'linkChanged',
        subject,
        evidence: { what, before: then[what], after: now[what] },
      });
    }
  }
}

function waysOf(families: readonly LinkFamily[]): { addresses: string[]; nextHops: string[] } {
  return {
    addresses: families.map(({ address }) => formatIpAddress(address.bytes)),
    nextHops: families.flatMap(({ gateway }) =>
      gateway === undefined ? [] : [formatIpAddress(gateway.bytes)],
    ),
  };
}
