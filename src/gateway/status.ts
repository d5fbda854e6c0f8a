/** Composes the status document from the running parts (`api/status.ts` says what the fields mean). */
import type { DropReason, LinkStatus, Status, TunnelCounters, TunnelStatus } from '../api/status.ts';
import { readCounters, tunnelCounters } from '../dataplane/counters.ts';
import { version } from '../version.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import { type FilterCounts, filterStatus } from './filter-status.ts';
import type { Tunnel } from './tunnel.ts';

export function composeStatus(
  context: GatewayContext,
  startedAt: string,
  links: readonly LinkStatus[],
  tunnels: readonly Tunnel[],
  filterCounts: FilterCounts,
): Status {
  const { name } = context.config.gateway;
  const refused = context.worker.counters();
  return {
    time: new Date().toISOString(),
    gateway: {
      name,
      version,
      pid: process.pid,
      startedAt,
      memoryBytes: process.memoryUsage.rss(),
      refusedDatagrams: { malformed: refused.refusedMalformed, unknownSpi: refused.refusedUnknownSpi },
    },
    links,
    tunnels: tunnels.map((tunnel) => tunnelStatus(tunnel, filterCounts)),
  };
}

function tunnelStatus(tunnel: Tunnel, filterCounts: FilterCounts): TunnelStatus {
  const { config, rekeyedAtMillis } = tunnel;
  const { state, since, reason } = tunnel.standing;
  const paths = tunnel.paths.status();
  return {
    name: config.name,
    role: tunnel.role,
    state,
    peer: {
      fingerprint: config.peer.fingerprint,
      ...(tunnel.peerAddress !== undefined && { address: tunnel.peerAddress }),
    },
    interface: config.interface,
    mtu: tunnel.mtu,
    since,
    ...(reason !== undefined && { reason }),
    generation: tunnel.generation,
    ...(rekeyedAtMillis !== undefined && rekeyTimes(tunnel, rekeyedAtMillis)),
    counters: countersOf(tunnel, paths),
    filters: filterStatus(config, filterCounts),
    paths,
  };
}

/** From a clock that does not jump: an hour that was set back is not an hour without new keys. */
function rekeyTimes(tunnel: Tunnel, rekeyedAtMillis: number): { lastRekey: string; nextRekey: string } {
  const lastRekeyMillis = Date.now() - (monotonicMillis() - rekeyedAtMillis);
  return {
    lastRekey: new Date(lastRekeyMillis).toISOString(),
    nextRekey: new Date(lastRekeyMillis + tunnel.config.rekey.afterMillis).toISOString(),
  };
}

function countersOf(tunnel: Tunnel, paths: TunnelStatus['paths']): TunnelCounters {
  const figures = readCounters(tunnelCounters, tunnel.counters);
  const total = (pick: (path: TunnelStatus['paths'][number]) => number) =>
    paths.reduce((sum, path) => sum + pick(path), 0);
  const drops: Record<DropReason, number> = {
    replayed: figures.refusedReplayed,
    authFailed: figures.refusedNotAuthentic,
    malformed:
      figures.refusedMalformedInner +
      figures.refusedUnknownPayload +
      figures.droppedNotIp +
      figures.reportsRefused,
    spoofedInner: figures.refusedForeignSource,
    linkScoped: figures.droppedLinkScoped,
    noPath: figures.droppedNoPath + figures.droppedNoKeys,
    incomplete: figures.innerIncomplete,
    tooBig: figures.droppedTooBig,
    tunWriteFailed: figures.tunWriteFailed,
    sendFailed: figures.droppedSendFailed,
    queueFull: figures.droppedSendBusy,
  };
  return {
    innerPacketsIn: figures.innerReceivedPackets,
    innerBytesIn: figures.innerReceivedBytes,
    innerPacketsOut: figures.innerSentPackets,
    innerBytesOut: figures.innerSentBytes,
    outerPacketsIn: total((path) => path.rxPackets),
    outerBytesIn: total((path) => path.rxBytes),
    outerPacketsOut: total((path) => path.txPackets),
    outerBytesOut: total((path) => path.txBytes),
    order: {
      waited: figures.waitedForOrder,
      gaveUp: figures.gaveUpWaiting,
      late: figures.deliveredLate,
    },
    sentAgain: figures.sentAgain,
    sentTwice: figures.sentTwice,
    shared: {
      in: figures.aggregatesReceived,
      out: figures.aggregatesSent,
      cutOut: figures.innerSentInPieces,
    },
    drops: Object.fromEntries(Object.entries(drops).filter(([, packets]) => packets > 0)),
  };
}
