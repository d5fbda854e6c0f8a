/** A traffic class as the packet worker takes it: addresses as bytes, protocols by number. */
import type { TrafficClass } from '../config/index.ts';
import type { FilterProtocol, PortRange } from '../network/filter-rule.ts';
import type { ClassRule } from '../tunnel/schedule/traffic-classes.ts';

/** IANA protocol numbers; ICMP has one for each family. */
const protocolNumbers = { tcp: [6], udp: [17], icmp: [1, 58], esp: [50] } as const;

export function classRule(trafficClass: TrafficClass): ClassRule {
  const { mode, from, to, protocols, ports, sourcePorts, dscps } = trafficClass;
  return {
    mode,
    from: from.map(({ address, length }) => ({ bytes: address.bytes, length })),
    to: to.map(({ address, length }) => ({ bytes: address.bytes, length })),
    protocols: protocols.flatMap(numbersOf),
    ports: ports.map(pairOf),
    sourcePorts: sourcePorts.map(pairOf),
    dscps,
  };
}

function numbersOf(protocol: FilterProtocol): readonly number[] {
  return typeof protocol === 'number' ? [protocol] : protocolNumbers[protocol];
}

function pairOf({ first, last }: PortRange): readonly [number, number] {
  return [first, last];
}
