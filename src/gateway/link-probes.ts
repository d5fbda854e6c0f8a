/**
 * The links that are probed: their probes go with their ways out; what is decided is entered into the journal and told.
 *
 * Contract: what is decided is `link/`'s business. Probing begins when a link has an interface and an address and ends
 * when it has not; a link that is down by its verdict is probed on, through itself. Source: S1.1 to S1.3, S1.8.
 */
import type { LinkStatus } from '../api/status.ts';
import { BackstayError } from '../errors.ts';
import type { VerdictChange } from '../link/link-verdict.ts';
import type { ProbeRound } from '../link/probe-round.ts';
import type { NetworkFailure } from '../linux/network-state.ts';
import type { ProbeWay } from '../linux/probe-socket.ts';
import type { LinkRounds } from '../linux/round-record.ts';
import { linkMark } from '../network/link-routing.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import type { GatewayContext } from './context.ts';
import { LinkProbe, type ProbedLink } from './link-probe.ts';
import { probeStatus } from './link-probe-status.ts';
import { describeStanding, describeVerdict, probedTargets, probeEvidence } from './link-probe-words.ts';
import type { Links, UsableFamily } from './links.ts';
import type { TunnelSight } from './tunnel-prober.ts';

export class LinkProbes {
  readonly #context: Pick<GatewayContext, 'config' | 'record' | 'failedRound'>;
  readonly #links: Pick<Links, 'status' | 'isInUse'>;
  readonly #probes: ReadonlyMap<string, LinkProbe>;

  /** @param told is called when a link may be worth more or less than before; @param tunnel what a tunnel knows of its paths */
  constructor(
    context: Pick<GatewayContext, 'config' | 'record' | 'failedRound'>,
    links: Pick<Links, 'status' | 'isInUse'>,
    told: () => void = () => {},
    tunnel: (name: string) => TunnelSight | undefined = () => undefined,
  ) {
    this.#context = context;
    this.#links = links;
    const { tunnels } = context.config;
    const peers = new Set(tunnels.flatMap(({ peer }) => peer.addresses.map(({ address }) => address.text)));
    const elsewhere = (link: string, target: string) => this.#elsewhere(link, target);
    const changed = (link: LinkProbe, change: VerdictChange) => {
      this.#record(link, change);
      told();
    };
    const roundFailed = (link: LinkProbe, round: ProbeRound, badRounds: number) => {
      const { name, probe } = link.config;
      context.failedRound?.(name, badRounds, probe.retries, probedTargets(link, round));
    };
    const probed = context.config.links.filter((link): link is ProbedLink => link.probe !== undefined);
    this.#probes = new Map(
      probed.map((config) => [
        config.name,
        new LinkProbe({ config, peers, elsewhere, tunnel, changed, heldBack: told, roundFailed }),
      ]),
    );
  }

  /** Whatever links have now. @returns what can't be probed, and why */
  adjust(families: readonly UsableFamily[]): NetworkFailure[] {
    return [...this.#probes].flatMap(([name, probe]) => {
      try {
        probe.adjust(wayOf(families.filter(({ link }) => link === name)), this.#links.isInUse(name));
        return [];
      } catch (error) {
        if (!(error instanceof BackstayError)) throw error;
        return [{ part: `probe of link ${name}`, error }];
      }
    });
  }

  /** What the configuration can't know of addresses that come and go: targets that are this machine. */
  ownTargets({ interfaces }: Pick<NetworkSnapshot, 'interfaces'>): NetworkFailure[] {
    const owners = new Map(
      interfaces.flatMap(({ name, addresses }) => addresses.map(({ prefix }) => [prefix.address.text, name])),
    );
    return [...this.#probes].flatMap(([link, { addresses }]) =>
      addresses.flatMap(({ target, address }) => {
        const owner = owners.get(address);
        if (owner === undefined) return [];
        const message = `It is an address of this machine (${owner}).`;
        const error = new BackstayError('BS_PROBE_TARGET_OWN', message, { place: target });
        return [{ part: `probe of link ${link}`, error }];
      }),
    );
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close();
  }

  get(name: string): LinkProbe | undefined {
    return this.#probes.get(name);
  }

  record(): LinkRounds[] {
    return [...this.#probes].map(([link, probe]) => ({
      link,
      targets: probe.targets,
      rounds: probe.rounds(),
    }));
  }

  /** Before the first round: what an earlier run recorded of links that are probed. */
  restore(links: readonly LinkRounds[]): void {
    for (const { link, targets, rounds } of links) this.#probes.get(link)?.restore(targets, rounds);
  }

  /** The links' status with their verdicts. */
  complete(links: readonly LinkStatus[]): LinkStatus[] {
    return links.map((link) => {
      const probe = this.#probes.get(link.name);
      if (probe === undefined) return link;
      return { ...link, probe: probeStatus(probe, describeStanding(probe)) };
    });
  }

  #elsewhere(link: string, target: string): 'answers' | 'silent' | undefined {
    const heard = [...this.#probes.values()]
      .filter(({ config }) => config.name !== link)
      .map((probe) => probe.hears(target))
      .filter((hears) => hears !== undefined);
    if (heard.length === 0) return undefined;
    return heard.includes(true) ? 'answers' : 'silent';
  }

  #record(probe: LinkProbe, change: VerdictChange): void {
    const { name, interface: device } = probe.config;
    const subject = { type: 'link', name } as const;
    const evidence = {
      interface: device,
      reason: describeVerdict(probe, change),
      probe: probeEvidence(probe, change),
    };
    switch (change.verdict) {
      case 'down':
        return this.#context.record({ kind: 'linkDown', subject, evidence });
      case 'degraded':
        return this.#context.record({ kind: 'linkDegraded', subject, evidence });
      case 'up': {
        // That it has come up with its interface is in the journal already.
        if (change.before === 'unknown') return;
        const status = this.#links.status(new Map()).find((link) => link.name === name);
        const { addresses = [], nextHops = [] } = status ?? {};
        const up = { interface: device, addresses, nextHops, probe: evidence.probe };
        return this.#context.record({ kind: 'linkUp', subject, evidence: up });
      }
    }
  }
}

function wayOf(families: readonly UsableFamily[]): ProbeWay | undefined {
  const [first] = families;
  if (first === undefined) return undefined;
  return {
    interface: first.interface,
    interfaceIndex: first.interfaceIndex,
    mark: linkMark(first.linkIndex),
    families: families.map(({ family, address, gateway }) => ({ family, address, gateway })),
  };
}
