/** What a probe's targets are called, in evidence and for the operator: as in the configuration. Pure. */

import type { ProbeConfig, ProbeTarget } from '../config/index.ts';
import { formatEndpoint } from '../network/ip-address.ts';

/**
 * Who is asked in each round: the targets of the configuration, and after them the next hop where it is none of them,
 * as the witness that tells a dead line from a dead provider. It counts for the verdict only where nobody else is asked.
 */
export function askedTargets(config: ProbeConfig): ProbeTarget[] {
  const hasNeighbour = config.targets.some(({ kind }) => kind === 'neighbour');
  return hasNeighbour ? [...config.targets] : [...config.targets, { kind: 'neighbour' }];
}

/** `icmp 192.0.2.1`, `tcp 198.51.100.1:443`, `neighbour next-hop`, `tunnel head-office`; equal for equal targets only. */
export function formatTarget(target: ProbeTarget): string {
  switch (target.kind) {
    case 'icmp':
      return `icmp ${target.address.text}`;
    case 'tcp':
      return `tcp ${formatEndpoint(target.place)}`;
    case 'dns':
      return `dns ${formatEndpoint(target.server)} ${target.name}`;
    case 'http':
      return `http ${formatEndpoint(target.place)}${target.path}`;
    case 'neighbour':
      return 'neighbour next-hop';
    case 'tunnel':
      return `tunnel ${target.tunnel}`;
  }
}

/** The address that a target stands for; undefined for what has another one for each link. */
export function addressOf(target: ProbeTarget): string | undefined {
  switch (target.kind) {
    case 'icmp':
      return target.address.text;
    case 'tcp':
    case 'http':
      return target.place.address.text;
    case 'dns':
      return target.server.address.text;
    case 'neighbour':
    case 'tunnel':
      return undefined;
  }
}
