/**
 * What `ip -json` prints, as our types.
 *
 * Contract: unknown fields are ignored, objects that we can't have made (several next hops, other kinds) are read as far as
 * they matter; an answer of another shape is BS_PROGRAM_OUTPUT. Routes and rules are read with `-N`, so tables,
 * protocols and types are numbers whatever /etc/iproute2 calls them.
 * Source: ip-address(8), ip-route(8), ip-rule(8); linux/rtnetlink.h for the numbers.
 */
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import {
  type IpAddress,
  type IpFamily,
  type IpPrefix,
  parseInterfaceAddress,
  parseIpAddress,
} from '../network/ip-address.ts';
import { everything } from '../network/link-routing.ts';
import type {
  InterfaceAddress,
  MainRoute,
  NetworkInterface,
  PresentRule,
} from '../network/network-snapshot.ts';
import { ownProtocol, type Route, type Rule } from '../network/route.ts';

/** `ip -json -details address show` and `ip -json -details link show`, which alone tells about address generation. */
export function readInterfaces(addresses: string, links: string): NetworkInterface[] {
  const generation = new Map(
    parseJson(linkList, links, 'link').map((it) => [it.ifindex, it.inet6_addr_gen_mode]),
  );
  return parseJson(interfaceList, addresses, 'address').map((it) => ({
    index: it.ifindex,
    name: it.ifname,
    kind: it.linkinfo?.info_kind,
    alias: it.ifalias,
    up: it.flags.includes('UP'),
    carrier: it.flags.includes('LOWER_UP'),
    mtu: it.mtu,
    queuePackets: it.txqlen,
    gsoMaxBytes: it.gso_max_size,
    addressGeneration: generation.get(it.ifindex),
    addresses: it.addr_info.flatMap(readAddress),
  }));
}

/** `ip -4|-6 -N -json -details route show table main` */
export function readMainRoutes(text: string, family: IpFamily): MainRoute[] {
  return parseJson(routeList, text, 'route').flatMap((it) => {
    const destination = readDestination(it.dst, family);
    if (destination === undefined) return [];
    const base = {
      family,
      type: it.type === undefined || it.type === unicastType ? ('unicast' as const) : ('other' as const),
      destination,
      metric: it.metric ?? 0,
      protocol: Number(it.protocol ?? bootProtocol),
    };
    const ways = it.nexthops ?? [it];
    return ways.map((way) => ({ ...base, gateway: readGateway(way), device: way.dev }));
  });
}

/** `ip -4|-6 -N -json -details route show table all protocol 185` */
export function readOwnRoutes(text: string, family: IpFamily): Route[] {
  return parseJson(routeList, text, 'route').flatMap((it): Route[] => {
    const destination = readDestination(it.dst, family);
    if (destination === undefined) return [];
    const route = { family, destination, table: Number(it.table ?? mainTableNumber), metric: it.metric ?? 0 };
    if (it.type === unreachableType) return [{ ...route, type: 'unreachable' }];
    const source = it.prefsrc === undefined ? undefined : parseIpAddress(it.prefsrc);
    const advertisedMss = it.metrics?.find(({ advmss }) => advmss !== undefined)?.advmss;
    const way = { device: it.dev ?? '', gateway: readGateway(it), source, advertisedMss };
    return [{ ...route, type: 'unicast', ...way }];
  });
}

/** `ip -4|-6 -N -json -details rule show` */
export function readRules(text: string, family: IpFamily): { present: PresentRule[]; own: Rule[] } {
  const rules = parseJson(ruleList, text, 'rule');
  const own = rules.filter((it) => Number(it.protocol) === ownProtocol);
  return { present: rules.map((it) => presentRule(it, family)), own: own.map((it) => ownRule(it, family)) };
}

const interfaceList = z.array(
  z.looseObject({
    ifindex: z.number(),
    ifname: z.string(),
    ifalias: z.string().optional(),
    flags: z.array(z.string()),
    mtu: z.number(),
    txqlen: z.number().optional(),
    gso_max_size: z.number().optional(),
    linkinfo: z.looseObject({ info_kind: z.string().optional() }).optional(),
    addr_info: z.array(
      z.looseObject({
        local: z.string().optional(),
        prefixlen: z.number().optional(),
        scope: z.string().optional(),
        tentative: z.boolean().optional(),
        dadfailed: z.boolean().optional(),
        deprecated: z.boolean().optional(),
        temporary: z.boolean().optional(),
      }),
    ),
  }),
);

const linkList = z.array(z.looseObject({ ifindex: z.number(), inet6_addr_gen_mode: z.string().optional() }));

const nextHop = z.looseObject({
  gateway: z.string().optional(),
  via: z.looseObject({ host: z.string() }).optional(),
  dev: z.string().optional(),
});

const routeList = z.array(
  nextHop.extend({
    type: z.string().optional(),
    dst: z.string(),
    table: z.string().optional(),
    protocol: z.string().optional(),
    prefsrc: z.string().optional(),
    metric: z.number().optional(),
    metrics: z.array(z.looseObject({ advmss: z.number().optional() })).optional(),
    nexthops: z.array(nextHop).optional(),
  }),
);

const ruleList = z.array(
  z.looseObject({
    priority: z.number(),
    src: z.string().optional(),
    srclen: z.number().optional(),
    fwmark: z.string().optional(),
    table: z.string().optional(),
    protocol: z.string().optional(),
    suppress_prefixlen: z.number().optional(),
  }),
);

type RuleReply = z.output<typeof ruleList>[number];

/** RTN_UNICAST and RTN_UNREACHABLE, RT_TABLE_MAIN, RTPROT_BOOT (which ip(8) leaves out). */
const unicastType = '1';
const unreachableType = '7';
const mainTableNumber = 254;
const bootProtocol = 3;

function parseJson<Schema extends z.ZodType>(schema: Schema, text: string, what: string): z.output<Schema> {
  try {
    // ip(8) prints nothing at all when there is nothing to show in an empty table.
    return schema.parse(JSON.parse(text.trim() === '' ? '[]' : text));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new BackstayError('BS_PROGRAM_OUTPUT', `\`ip -json ${what} show\` can't be understood: ${why}`, {
      cause,
    });
  }
}

function readAddress(it: z.output<typeof interfaceList>[number]['addr_info'][number]): InterfaceAddress[] {
  const prefix = parseInterfaceAddress(`${it.local}/${it.prefixlen}`);
  if (prefix === undefined) return [];
  const ready = it.tentative !== true && it.dadfailed !== true;
  return [
    {
      prefix,
      scope: it.scope ?? 'global',
      ready,
      avoided: it.deprecated === true || it.temporary === true,
    },
  ];
}

/** `default`, a prefix, or a single address. */
function readDestination(text: string, family: IpFamily): IpPrefix | undefined {
  if (text === 'default') return everything(family);
  return parseInterfaceAddress(text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`);
}

/** `via` instead of `gateway` is an IPv6 next hop of an IPv4 route. */
function readGateway(way: z.output<typeof nextHop>): IpAddress | undefined {
  return parseIpAddress(way.gateway ?? way.via?.host ?? '');
}

function ownRule(it: RuleReply, family: IpFamily): Rule {
  return {
    family,
    priority: it.priority,
    from: parseIpAddress(it.src ?? ''),
    mark: it.fwmark === undefined ? undefined : Number(it.fwmark),
    table: Number(it.table),
    suppressPrefixLength: it.suppress_prefixlen,
  };
}

function presentRule(it: RuleReply, family: IpFamily): PresentRule {
  const { priority, table, protocol, suppress_prefixlen: suppressed, ...selectors } = it;
  const { src, ...others } = selectors;
  const words = Object.entries(it).map(([name, value]) => (value === null ? name : `${name} ${value}`));
  return {
    family,
    priority,
    protocol: Number(protocol ?? 0),
    table: table === undefined ? undefined : Number(table),
    selective:
      (src !== undefined && src !== 'all') || Object.keys(others).length > 0 || suppressed !== undefined,
    text: words.join(' '),
  };
}
