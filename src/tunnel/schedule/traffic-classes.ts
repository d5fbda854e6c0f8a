/**
 * Traffic classes: how the packets of a flow are carried, told by their headers.
 *
 * `spread` packets take the path on which they arrive first; `duplicate` ones go over two paths, and the first to arrive
 * counts; `pin` ones stay on one path while it lives.
 *
 * Contract: rules are asked in order, the first that matches decides; what none matches is spread. Within a rule every
 * list that is not empty must hold the packet. Pure; allocates nothing per packet.
 * Source: S4.2; design, "Scheduling, order, repair".
 */
import { isIpv4 } from '../offload/ip-packet.ts';
import { PrefixSet } from '../prefix-set.ts';

export type TransferMode = 'spread' | 'duplicate' | 'pin';

export type ClassPrefix = { readonly bytes: Uint8Array; readonly length: number };

export type ClassRule = {
  readonly mode: TransferMode;
  readonly from: readonly ClassPrefix[];
  readonly to: readonly ClassPrefix[];
  /** Protocol numbers. */
  readonly protocols: readonly number[];
  /** First and last, of TCP and UDP. */
  readonly ports: readonly (readonly [number, number])[];
  readonly sourcePorts: readonly (readonly [number, number])[];
  /** Differentiated services code points (RFC 2474). */
  readonly dscps: readonly number[];
};

/** The class of what no rule matches. */
export const NO_CLASS = -1;

const IPV6_HEADER_LENGTH = 40;
/** The offset of a fragment: only the first has ports. */
const FRAGMENT_OFFSET = 0x1fff;
const TCP = 6;
const UDP = 17;

type CompiledRule = Omit<ClassRule, 'from' | 'to'> & {
  readonly from: PrefixSet;
  readonly to: PrefixSet;
};

export class TrafficClasses {
  readonly #rules: readonly CompiledRule[];

  constructor(rules: readonly ClassRule[]) {
    this.#rules = rules.map((rule) => ({
      ...rule,
      from: new PrefixSet(rule.from),
      to: new PrefixSet(rule.to),
    }));
  }

  get count(): number {
    return this.#rules.length;
  }

  mode(index: number): TransferMode {
    return index === NO_CLASS ? 'spread' : (this.#rules[index] as CompiledRule).mode;
  }

  /** @param offset of an IP packet whose headers are whole. @returns the class, or `NO_CLASS` */
  classOf(data: DataView, offset: number): number {
    for (let index = 0; index < this.#rules.length; index++) {
      if (matches(this.#rules[index] as CompiledRule, data, offset)) return index;
    }
    return NO_CLASS;
  }
}

function matches(rule: CompiledRule, data: DataView, offset: number): boolean {
  const ipv4 = isIpv4(data, offset);
  const protocol = data.getUint8(offset + (ipv4 ? 9 : 6));
  if (rule.protocols.length > 0 && !rule.protocols.includes(protocol)) return false;
  if (rule.dscps.length > 0 && !rule.dscps.includes(dscpOf(data, offset, ipv4))) return false;
  if (!rule.from.isEmpty && !rule.from.holds(data, offset + (ipv4 ? 12 : 8), ipv4)) return false;
  if (!rule.to.isEmpty && !rule.to.holds(data, offset + (ipv4 ? 16 : 24), ipv4)) return false;
  return portsMatch(rule, data, offset, ipv4, protocol);
}

function portsMatch(
  rule: CompiledRule,
  data: DataView,
  offset: number,
  ipv4: boolean,
  protocol: number,
): boolean {
  if (rule.ports.length === 0 && rule.sourcePorts.length === 0) return true;
  if (protocol !== TCP && protocol !== UDP) return false;
  if (ipv4 && (data.getUint16(offset + 6) & FRAGMENT_OFFSET) !== 0) return false;
  const at = offset + (ipv4 ? 4 * (data.getUint8(offset) & 15) : IPV6_HEADER_LENGTH);
  return holdsPort(rule.sourcePorts, data.getUint16(at)) && holdsPort(rule.ports, data.getUint16(at + 2));
}

/** An empty list holds every port. */
function holdsPort(ranges: readonly (readonly [number, number])[], port: number): boolean {
  if (ranges.length === 0) return true;
  for (let index = 0; index < ranges.length; index++) {
    const range = ranges[index] as readonly [number, number];
    if (port >= range[0] && port <= range[1]) return true;
  }
  return false;
}

function dscpOf(data: DataView, offset: number, ipv4: boolean): number {
  return ipv4 ? data.getUint8(offset + 1) >>> 2 : (data.getUint16(offset) >>> 6) & 0x3f;
}
