/** The status document as a person reads it: the gateway, its links, then each tunnel with its paths. */

import type { InternetStatus } from '../api/internet-status.ts';
import type {
  FilterStatus,
  LinkStatus,
  OnDemandStatus,
  PathStatus,
  Status,
  TunnelStatus,
} from '../api/status.ts';
import { formatBytes, formatCount, formatMillis, formatRate } from '../journal/quantity.ts';
import { type Cell, formatColumns } from './columns.ts';
import type { Palette } from './terminal.ts';

export function formatStatus(status: Status, palette: Palette): string {
  const nowMillis = Date.parse(status.time);
  const parts = [formatGateway(status, palette), formatLinks(status.links, nowMillis, palette)];
  if (status.internet !== undefined) parts.push(formatInternet(status.internet, nowMillis, palette));
  for (const tunnel of status.tunnels) parts.push(formatTunnel(tunnel, nowMillis, palette));
  if (status.tunnels.length === 0) parts.push('No tunnels are configured.\n');
  return parts.join('\n');
}

function formatGateway({ gateway, time }: Status, palette: Palette): string {
  const running = formatMillis(Date.parse(time) - Date.parse(gateway.startedAt));
  const { malformed, unknownSpi } = gateway.refusedDatagrams;
  const strangers =
    malformed + unknownSpi === 0 ? '' : `, ${formatCount(malformed + unknownSpi)} foreign datagrams refused`;
  return `${palette.strong(`Gateway ${gateway.name}`)}: version ${gateway.version}, process ${gateway.pid}, running for ${running}, memory ${formatBytes(gateway.memoryBytes)}${strangers}\n`;
}

function formatLinks(links: readonly LinkStatus[], nowMillis: number, palette: Palette): string {
  const head = ['LINK', 'STATE', 'INTERFACE', 'ADDRESSES', 'NEXT HOPS', ''].map((text) =>
    faint(text, palette),
  );
  const rows = links.map((link): Cell[] => [
    link.name,
    linkState(link, palette),
    link.interface,
    link.addresses.join(' ') || '-',
    link.nextHops.join(' ') || (link.state === 'up' ? 'on-link' : '-'),
    remarkOn(link, nowMillis),
  ]);
  return formatColumns([head, ...rows]);
}

/** What its probe finds, where the machine sees nothing wrong. */
function linkState({ state, onDemand, probe }: LinkStatus, palette: Palette): Cell {
  if (state === 'up' && probe !== undefined && probe.verdict !== 'unknown')
    return paintState(probe.verdict, palette);
  return onDemand === undefined ? paintState(state, palette) : paintOnDemand(onDemand.state, palette);
}

function remarkOn(link: LinkStatus, nowMillis: number): string {
  const dns = link.dns === undefined ? '' : `DNS ${link.dns.join(' ')}`;
  return [dns, conditionOf(link, nowMillis)].filter(Boolean).join(' ');
}

function conditionOf({ state, onDemand, reason, probe }: LinkStatus, nowMillis: number): string {
  if (state === 'up' && probe?.reason !== undefined) {
    const long = formatMillis(nowMillis - Date.parse(probe.since));
    return probe.verdict === 'up' ? `(${probe.reason})` : `(for ${long}: ${probe.reason})`;
  }
  if (onDemand === undefined) return reason === undefined ? '' : `(${reason})`;
  const { dial } = onDemand;
  const progress = dial === undefined ? '' : `${dial.phase}, try ${dial.try} of ${dial.tries}, `;
  const since = `${progress}for ${formatMillis(nowMillis - Date.parse(onDemand.since))}`;
  return onDemand.reason === undefined ? `(${since})` : `(${since}: ${onDemand.reason})`;
}

function formatInternet({ families, chosen }: InternetStatus, nowMillis: number, palette: Palette): string {
  const title = palette.strong('Internet');
  const choice = chosen === undefined ? '' : `, link ${chosen} is chosen by the operator`;
  if (families.length === 0) return `${title} is carried by ${palette.bad('no link')}${choice}\n`;
  return families
    .map(({ family, carriers, canary, since, reason, isLost }) => {
      const links = carriers.map(({ link, share }) =>
        carriers.length === 1 ? link : `${link} (${formatRatio(share)})`,
      );
      const long = since === undefined ? '' : ` for ${formatMillis(nowMillis - Date.parse(since))}`;
      const first =
        canary === undefined
          ? ''
          : `; ${formatRatio(canary.share)} of new connections go over ${canary.links.join(', ')} first`;
      const paint = isLost ? palette.bad : palette.good;
      return `${title} (IPv${family}) is carried by ${paint(links.join(', '))}${long}: ${reason}${first}${choice}\n`;
    })
    .join('');
}

function formatTunnel(tunnel: TunnelStatus, nowMillis: number, palette: Palette): string {
  const since = formatMillis(nowMillis - Date.parse(tunnel.since));
  const state = paintState(tunnel.state, palette);
  const reason = tunnel.reason === undefined ? '' : `: ${tunnel.reason}`;
  const title = `${palette.strong(`Tunnel ${tunnel.name}`)} is ${state.paint(state.text)} for ${since}${reason}\n`;
  const facts = formatColumns(tunnelFacts(tunnel, nowMillis, palette), '  ');
  const filters = tunnel.filters.length === 0 ? '' : formatFilters(tunnel.filters, palette);
  return title + facts + (tunnel.paths.length === 0 ? '' : formatPaths(tunnel.paths, palette)) + filters;
}

function tunnelFacts(tunnel: TunnelStatus, nowMillis: number, palette: Palette): Cell[][] {
  const { counters, peer } = tunnel;
  const address = peer.address === undefined ? '' : ` at ${peer.address}`;
  const facts: [string, string][] = [
    ['peer', `${peer.fingerprint}${address}; this side is the ${tunnel.role}`],
    ['interface', `${tunnel.interface}, MTU ${tunnel.mtu}`],
    ['keys', describeKeys(tunnel, nowMillis)],
    ['received', traffic(counters.innerPacketsIn, counters.innerBytesIn, counters.outerBytesIn)],
    ['sent', traffic(counters.innerPacketsOut, counters.innerBytesOut, counters.outerBytesOut)],
    ['order', describeOrder(counters.order)],
    ['repair', describeRepair(counters)],
    ['shared', describeShared(counters.shared)],
    ['dropped', describeDrops(counters.drops)],
  ];
  return facts.map(([name, value]) => [faint(name, palette), value]);
}

function describeKeys(tunnel: TunnelStatus, nowMillis: number): string {
  if (tunnel.generation === 0) return 'none yet';
  const made =
    tunnel.lastRekey === undefined
      ? ''
      : `, made ${formatMillis(nowMillis - Date.parse(tunnel.lastRekey))} ago`;
  const next =
    tunnel.nextRekey === undefined
      ? ''
      : `, next in ${formatMillis(Date.parse(tunnel.nextRekey) - nowMillis)}`;
  return `generation ${tunnel.generation}${made}${next}`;
}

function traffic(packets: number, innerBytes: number, outerBytes: number): string {
  return `${formatCount(packets)} packets, ${formatBytes(innerBytes)} inside, ${formatBytes(outerBytes)} outside`;
}

function describeOrder({ waited, gaveUp, late }: TunnelStatus['counters']['order']): string {
  if (waited + gaveUp + late === 0) return 'nothing had to wait';
  const [some, vain, behind] = [waited, gaveUp, late].map(formatCount);
  return `${some} waited for one before them, ${vain} waited for in vain, ${behind} came late`;
}

function describeRepair({ sentAgain, sentTwice }: TunnelStatus['counters']): string {
  const copies = sentTwice === 0 ? '' : `, ${formatCount(sentTwice)} sent twice from the start`;
  return `${formatCount(sentAgain)} packets sent again${copies}`;
}

function describeShared({ in: received, out, cutOut }: TunnelStatus['counters']['shared']): string {
  if (received + out === 0) return 'every packet by itself';
  const cut = cutOut === 0 ? '' : `, ${formatCount(cutOut)} packets went in pieces`;
  return `${formatCount(received)} payloads received, ${formatCount(out)} sent${cut}`;
}

function describeDrops(drops: TunnelStatus['counters']['drops']): string {
  const reasons = Object.entries(drops).filter(([, count]) => count > 0);
  return reasons.length === 0 ? 'nothing' : reasons.map(([reason, count]) => `${reason} ${count}`).join(', ');
}

function formatPaths(paths: readonly PathStatus[], palette: Palette): string {
  const titles = [
    'PATH',
    'LINK',
    'STATE',
    'BY',
    'LOCAL',
    'REMOTE',
    'MTU',
    'RTT',
    'LOSS',
    'CARRIES',
    'QUEUE',
    'HEARD',
    'SHARE',
    'SENT',
    'RECEIVED',
  ];
  const rows = paths.map((path): Cell[] => [
    String(path.id),
    path.link,
    path.leftOut === true ? { text: 'left out', paint: palette.warn } : paintState(path.state, palette),
    path.carrier,
    path.local,
    path.remote,
    path.mtu === undefined ? '-' : String(path.mtu),
    path.rttMillis === undefined ? '-' : formatMillis(path.rttMillis),
    path.lossRatio === undefined ? '-' : formatRatio(path.lossRatio),
    path.rateBps === undefined ? '-' : formatRate(path.rateBps),
    path.queueMillis === undefined ? '-' : formatMillis(path.queueMillis),
    path.lastHeardMillis === undefined ? 'never' : `${formatMillis(path.lastHeardMillis)} ago`,
    formatRatio(path.share),
    formatBytes(path.txBytes),
    formatBytes(path.rxBytes),
  ]);
  return formatColumns([titles.map((title) => faint(title, palette)), ...rows], '  ');
}

function formatFilters(filters: readonly FilterStatus[], palette: Palette): string {
  const titles = ['FILTER', 'ACTION', 'PACKETS', 'BYTES', 'MATCHES'];
  const rows = filters.map((filter): Cell[] => [
    filterTitle(filter),
    filter.action,
    filter.packets === undefined ? '-' : formatCount(filter.packets),
    filter.bytes === undefined ? '-' : formatBytes(filter.bytes),
    describeMatch(filter),
  ]);
  return formatColumns([titles.map((title) => faint(title, palette)), ...rows], '  ');
}

function filterTitle({ list, position, name }: FilterStatus): string {
  if (position === undefined) return list;
  const place = list === 'gateway' ? `gateway ${position}` : `${position}`;
  return name === undefined ? place : `${place} ${name}`;
}

function describeMatch(filter: FilterStatus): string {
  if (filter.list === 'accepted') return 'what belongs to accepted connections';
  if (filter.list === 'default') return 'everything else';
  const { direction, from, to, protocol, ports, sourcePorts } = filter;
  const parts = [
    direction === 'both' ? [] : [direction],
    protocol === undefined ? [] : [protocol.join(', ')],
    ...[listed('from', from), listed('to', to), listed('ports', ports), listed('source-ports', sourcePorts)],
  ];
  return parts.flat().join(' ') || 'everything';
}

/** Long lists are in the configuration. */
function listed(word: string, values: readonly string[] = []): string[] {
  const shown = values.length > 3 ? [...values.slice(0, 2), `… (${values.length})`] : values;
  return values.length === 0 ? [] : [`${word} ${shown.join(', ')}`];
}

function formatRatio(ratio: number): string {
  const percent = ratio * 100;
  const digits = percent > 0 && percent < 9.95 ? percent.toFixed(percent < 0.1 ? 2 : 1) : percent.toFixed(0);
  return `${digits.replace(/\.0+$/, '')} %`;
}

function paintState(state: string, palette: Palette) {
  if (state === 'up') return { text: state, paint: palette.good };
  return { text: state, paint: state === 'down' ? palette.bad : palette.warn };
}

/** A link that nobody needs is neither good nor bad. */
function paintOnDemand(state: OnDemandStatus['state'], palette: Palette) {
  if (state === 'up' || state === 'holding') return { text: state, paint: palette.good };
  if (state === 'failed') return { text: state, paint: palette.bad };
  const isAtRest = state === 'idle' || state === 'forbidden';
  const text = state === 'hangingUp' ? 'hanging up' : state;
  return { text, paint: isAtRest ? palette.faint : palette.warn };
}

function faint(text: string, palette: Palette): Cell {
  return { text, paint: palette.faint };
}
