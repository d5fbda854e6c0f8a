/**
 * Fills in what depends on other settings: the links, the interface name, the MTU and the filters of a tunnel.
 *
 * Contract: pure; takes a configuration that has passed all checks. The two computations that cross-checks need as well
 * are exported, so that a check sees exactly what the daemon will use.
 */

import type { FilterRule, TrafficFilter } from '../network/filter-rule.ts';
import { resolveClass } from './class-section.ts';
import type {
  Config,
  DemandConfig,
  DialWay,
  InternetConfig,
  LinkConfig,
  OnDemandConfig,
  TunnelConfig,
} from './config.ts';
import { defaultDemand } from './demand-section.ts';
import { matchOf, type ParsedFilter } from './filter-section.ts';
import { triesMillis } from './ppp-section.ts';
import { resolveAlarms } from './resolve-alarms.ts';
import { resolveProbe } from './resolve-probe.ts';
import type { ParsedConfig, ParsedLink, ParsedTunnel } from './schema.ts';

export function resolveConfig(parsed: ParsedConfig): Config {
  const links = Object.entries(parsed.links).map(([name, link]) => resolveLink(name, link));
  const mtus = new Map(links.map((link) => [link.name, link.mtu]));
  const { filters, 'tcp-ports': tcpPorts, ...gateway } = parsed.gateway;
  const tunnels = Object.entries(parsed.tunnels).map(([name, tunnel]) => ({
    ...resolveTunnel(name, tunnel, mtus),
    filter: resolveFilter(filters, tunnel),
  }));
  const internet = resolveInternet(parsed.internet);
  return {
    gateway: { ...gateway, tcpPorts },
    links,
    tunnels,
    internet,
    alarms: resolveAlarms(parsed.alarms),
  };
}

/** `bs-` and the tunnel's name in what the kernel allows (15 bytes; names are ASCII). */
export function defaultInterfaceName(tunnelName: string): string {
  return `bs-${tunnelName}`.slice(0, 15);
}

/** Outer IPv6 40, UDP 8, ESP header 8, IV 8, ICV 16, ESP trailer 2 (RFC 4303 section 2, RFC 4106 section 3). */
const outerOverheadBytes = 82;

/** The largest inner packet that fits into one outer packet: with its trailer of two bytes a whole number of 4. */
export function automaticMtu(smallestLinkMtu: number): number {
  const payload = smallestLinkMtu - outerOverheadBytes;
  return payload - ((payload + 2) % 4);
}

function resolveInternet(parsed: ParsedConfig['internet']): InternetConfig | undefined {
  if (parsed === undefined) return undefined;
  const { links, masquerade = [], fallback, hold, canary } = parsed;
  return {
    links: Object.entries(links).map(([name, link]) => ({ name, ...link })),
    masquerade,
    fallback,
    holdMillis: hold,
    canary: canary && { share: canary.share, forMillis: canary.for },
  };
}

function resolveLink(name: string, parsed: ParsedLink): LinkConfig {
  const { rate, keepalive, use, 'on-demand': onDemand, probe, ...rest } = parsed;
  return {
    name,
    ...rest,
    rateBps: rate,
    keepaliveMillis: keepalive,
    onDemand: use === 'always' ? undefined : onDemand && resolveOnDemand(onDemand),
    probe: probe && resolveProbe(probe),
  };
}

/** A command that takes longer has something to wait for, and the operator knows for what. */
const defaultWithinMillis = 30_000;

function resolveOnDemand(parsed: NonNullable<ParsedLink['on-demand']>): OnDemandConfig {
  const { ppp, within } = parsed;
  const way: DialWay = ppp === undefined ? resolveCommands(parsed) : resolvePpp(ppp);
  return {
    way,
    withinMillis: within ?? (ppp === undefined ? defaultWithinMillis : triesMillis(ppp)),
    holdMillis: parsed.hold,
    retryMillis: parsed.retry,
    cost: parsed.cost,
    hours: parsed.hours,
    timeZone: parsed['time-zone'],
  };
}

/** A link that has no `ppp` has both commands: a cross-check sees to it. */
function resolveCommands(parsed: NonNullable<ParsedLink['on-demand']>): DialWay {
  return {
    kind: 'command',
    upCommand: parsed['up-command'] ?? [],
    downCommand: parsed['down-command'] ?? [],
  };
}

function resolvePpp(ppp: NonNullable<NonNullable<ParsedLink['on-demand']>['ppp']>): DialWay {
  const { device, speed, phone, account, init, tries, pause } = ppp;
  return {
    kind: 'ppp',
    device,
    speed,
    phone,
    account,
    passwordFile: ppp['password-file'],
    init,
    tries,
    pauseMillis: pause,
    answerMillis: ppp['answer-within'],
    negotiateMillis: ppp['negotiate-within'],
  };
}

function resolveTunnel(
  name: string,
  parsed: ParsedTunnel,
  mtus: ReadonlyMap<string, number>,
): Omit<TunnelConfig, 'filter'> {
  const links = parsed.links ?? [...mtus.keys()];
  return {
    name,
    peer: parsed.peer,
    links,
    interface: parsed.interface ?? defaultInterfaceName(name),
    address: parsed.address,
    networks: parsed.networks,
    mtu: parsed.mtu === 'auto' ? automaticMtu(smallest(links.map((link) => mtus.get(link)))) : parsed.mtu,
    schedule: parsed.schedule,
    classes: parsed.classes.map(resolveClass),
    rekey: { afterMillis: parsed.rekey.after, packets: parsed.rekey.packets },
    demand: resolveDemand(parsed.demand ?? defaultDemand),
  };
}

function resolveDemand(parsed: NonNullable<ParsedTunnel['demand']>): DemandConfig {
  return {
    above: parsed.above,
    forMillis: parsed.for,
    below: parsed.below,
    belowForMillis: parsed['below-for'],
    queueMillis: parsed.queue,
    outageMillis: parsed.outage,
    direction: parsed.direction,
    traffic: parsed.traffic,
  };
}

function resolveFilter(
  ofGateway: readonly ParsedFilter[],
  { filters, 'filter-default': otherwise }: ParsedTunnel,
): TrafficFilter | undefined {
  const rules = [...filterRules(ofGateway, 'gateway'), ...filterRules(filters, 'tunnel')];
  return rules.length === 0 && otherwise === 'accept' ? undefined : { rules, otherwise };
}

function filterRules(filters: readonly ParsedFilter[], list: FilterRule['list']): FilterRule[] {
  return filters.map((filter, index) => {
    const { name, action } = filter;
    return { list, position: index + 1, name, action, ...matchOf(filter) };
  });
}

/** A spread into Math.min would overflow the stack on very long lists. */
export function smallest(mtus: readonly (number | undefined)[]): number {
  return mtus.reduce<number>((least, mtu) => Math.min(least, mtu ?? least), Number.POSITIVE_INFINITY);
}
