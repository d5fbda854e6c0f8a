/**
 * A route and a routing rule of ours, and their text for ip(8).
 *
 * Contract: equal text means the same kernel object, so that what is there can be compared with what is wanted.
 * Everything that we put into the kernel carries `ownProtocol`; whatever carries it is ours, also after a SIGKILL.
 */
import { formatPrefix, type IpAddress, type IpFamily, type IpPrefix } from './ip-address.ts';

/** rtm_protocol of our routes and rules; unused in iproute2's rt_protos (rtnetlink(7): above 4 is free for users). */
export const ownProtocol = 185;

/** The kernel's table `main` (rtnetlink(7)). */
export const mainTable = 254;

export type Route = {
  readonly family: IpFamily;
  readonly table: number;
  readonly destination: IpPrefix;
  readonly metric: number;
} & (
  | { readonly type: 'unreachable' }
  | {
      readonly type: 'unicast';
      readonly device: string;
      readonly gateway?: IpAddress | undefined;
      readonly source?: IpAddress | undefined;
      /** The MSS that TCP connections by this route announce to the other end (bytes); undefined: what the device's MTU gives. */
      readonly advertisedMss?: number | undefined;
    }
);

export type Rule = {
  readonly family: IpFamily;
  readonly priority: number;
  /** undefined: any source */
  readonly from?: IpAddress | undefined;
  readonly mark?: number | undefined;
  readonly table: number;
  /** Answers of the table with this prefix length or a shorter one don't count. */
  readonly suppressPrefixLength?: number | undefined;
};

/** What follows `ip -4|-6 route add`. */
export function formatRoute(route: Route): string {
  const type = route.type === 'unreachable' ? ['unreachable'] : [];
  const way = route.type === 'unicast' ? formatWay(route) : [];
  const table = ['table', tableName(route.table), 'metric', route.metric, 'protocol', ownProtocol];
  return [...type, formatDestination(route.destination), ...way, ...table].join(' ');
}

/** Two routes with the same key can't both be there: one replaces the other. */
export function routeKey(route: Route): string {
  return `${route.family} ${route.table} ${formatPrefix(route.destination)} ${route.metric}`;
}

/** What follows `ip -4|-6 rule add`. */
export function formatRule(rule: Rule): string {
  const mark = rule.mark === undefined ? [] : ['fwmark', `0x${rule.mark.toString(16)}/0xffffffff`];
  const suppress =
    rule.suppressPrefixLength === undefined ? [] : ['suppress_prefixlength', rule.suppressPrefixLength];
  const from = ['from', rule.from?.text ?? 'all'];
  const target = ['lookup', tableName(rule.table), ...suppress, 'protocol', ownProtocol];
  return ['pref', rule.priority, ...from, ...mark, ...target].join(' ');
}

function formatWay(route: Route & { type: 'unicast' }): string[] {
  const { gateway, source, advertisedMss } = route;
  const family = gateway !== undefined && gateway.family !== route.family ? ['inet6'] : [];
  const via = gateway === undefined ? [] : ['via', ...family, gateway.text];
  // onlink: the next hop is on this interface whatever other routes say, so the kernel need not find it there.
  const onlink = gateway === undefined ? [] : ['onlink'];
  const src = source === undefined ? [] : ['src', source.text];
  const advmss = advertisedMss === undefined ? [] : ['advmss', String(advertisedMss)];
  return [...via, 'dev', route.device, ...onlink, ...src, ...advmss];
}

function formatDestination(destination: IpPrefix): string {
  return destination.length === 0 ? 'default' : formatPrefix(destination);
}

function tableName(table: number): string {
  return table === mainTable ? 'main' : String(table);
}
