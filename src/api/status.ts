/**
 * The status document: what the daemon says about itself at one moment. `GET /v1/status` returns it as JSON.
 *
 * Contract: fields are added, never renamed or given another meaning, within version 1 of the API. Durations are
 * milliseconds, sizes bytes, rates bit per second, times ISO 8601 in UTC; "ago" fields count back from `time`.
 * A figure that was never measured is absent.
 */

import type { ProbedTarget } from '../journal/event.ts';
import type { InternetStatus } from './internet-status.ts';

export type Status = {
  /** When this document was made. */
  readonly time: string;
  readonly gateway: GatewayStatus;
  /** In the order of the configuration. */
  readonly links: readonly LinkStatus[];
  readonly tunnels: readonly TunnelStatus[];
  /** Who carries plain traffic; of gateways with `internet` only. */
  readonly internet?: InternetStatus;
};

export type GatewayStatus = {
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  /** Resident memory of the process. */
  readonly memoryBytes: number;
  /** Datagrams on the links' ports that belong to no tunnel, since the daemon started. */
  readonly refusedDatagrams: { readonly malformed: number; readonly unknownSpi: number };
};

export type LinkStatus = {
  readonly name: string;
  readonly interface: string;
  readonly state: 'up' | 'down';
  /** The source addresses in use; at most one of each family. */
  readonly addresses: readonly string[];
  /** Empty when everything is reached on-link. */
  readonly nextHops: readonly string[];
  /** Why it is down. */
  readonly reason?: string;
  /** Of a link that is dialled by `ppp` and up: the name servers that the far side gave, if any. */
  readonly dns?: readonly string[];
  /** Of a link with `use: on-demand` only. */
  readonly onDemand?: OnDemandStatus;
  /** Of a link with `probe` only. `state` is what the machine sees of the link, this what its probe finds. */
  readonly probe?: LinkProbeStatus;
};

export type LinkProbeStatus = {
  /** `unknown`: no round has ended since the link's interface and address were there. */
  readonly verdict: 'unknown' | 'up' | 'degraded' | 'down';
  readonly since: string;
  /** Of the trouble there is, also while the link is up: `targetDead`, `providerDead` …; docs/link-probes.md has them all. */
  readonly cause?: string;
  /** The same in words. */
  readonly reason?: string;
  /** 0 to 1, over the last rounds. */
  readonly lossRatio?: number;
  readonly delayMillis?: number;
  /** What they said in the last round. */
  readonly targets: readonly ProbedTarget[];
};

export type OnDemandStatus = {
  /**
   * `holding`: up, and kept up for its `hold` even if nobody needs it. `forbidden`: it may not be dialled at this hour.
   * `failed`: it is dialled again after a pause, if it is needed.
   */
  readonly state: 'idle' | 'dialling' | 'holding' | 'up' | 'hangingUp' | 'forbidden' | 'failed';
  /** Since when; of a link that is up or held, since when it is up. */
  readonly since: string;
  /** Why it was dialled, hung up, or failed, the last time. */
  readonly reason?: string;
  /** Of a link with `ppp` that is being dialled: the modem calls, or both sides negotiate PPP. */
  readonly dial?: { readonly phase: 'calling' | 'negotiating'; readonly try: number; readonly tries: number };
};

export type TunnelStatus = {
  readonly name: string;
  readonly role: 'initiator' | 'responder';
  readonly state: 'up' | 'connecting' | 'down';
  readonly peer: { readonly fingerprint: string /** Of the control channel. */; readonly address?: string };
  /** The TUN device. */
  readonly interface: string;
  /** Of inner packets. */
  readonly mtu: number;
  /** Since when `state` holds. */
  readonly since: string;
  /** Why it is not up. */
  readonly reason?: string;
  /** Of the keys; 1 for the first, 0 before. */
  readonly generation: number;
  readonly lastRekey?: string;
  readonly nextRekey?: string;
  readonly counters: TunnelCounters;
  /** In the order in which they are asked; empty when everything may pass. */
  readonly filters: readonly FilterStatus[];
  readonly paths: readonly PathStatus[];
};

/** Since the daemon started. "In" is from the peer. */
export type TunnelCounters = {
  readonly innerPacketsIn: number;
  readonly innerBytesIn: number;
  readonly innerPacketsOut: number;
  readonly innerBytesOut: number;
  /** Outer figures count UDP payloads: ESP packets, probes and reports of all paths. */
  readonly outerPacketsIn: number;
  readonly outerBytesIn: number;
  readonly outerPacketsOut: number;
  readonly outerBytesOut: number;
  /** What came over several links and had to be put in order. */
  readonly order: {
    /** Packets that waited for one before them. */
    readonly waited: number;
    /** Numbers that were waited for in vain: lost on their link, or very late. */
    readonly gaveUp: number;
    /** Packets that came after they were given up, and were delivered out of order. */
    readonly late: number;
  };
  /** Packets that were sent a second time, because they were lost or on a path that died. */
  readonly sentAgain: number;
  /** Packets of classes that are duplicated, which went over a second path as well. */
  readonly sentTwice: number;
  /** ESP packets that carry several inner packets, or pieces of them (AGGFRAG, RFC 9347). */
  readonly shared: {
    readonly in: number;
    readonly out: number;
    /** Inner packets that were too long for the paths, and went in pieces. */
    readonly cutOut: number;
  };
  /** Packets that went no further, for each reason; a reason without packets may be absent. */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
};

export const dropReasons = {
  replayed: 'an outer packet came a second time, or long after its time',
  authFailed: 'an outer packet was changed on its way or made by a stranger',
  malformed: 'a packet breaks the rules of its format',
  spoofedInner: 'an inner packet from the peer has a source address outside `networks`',
  linkScoped:
    'an inner packet to the peer has no source address or a link-local one, and stays on this machine',
  noPath: 'no path is up to carry the packet',
  incomplete: 'a piece of an inner packet did not come',
  tooBig: 'an inner packet exceeds the MTU and may not be fragmented',
  tunWriteFailed: 'the kernel did not take an inner packet',
  sendFailed: 'the kernel did not take an outer packet',
  queueFull: 'packets came faster than they could leave',
} as const;

export type DropReason = keyof typeof dropReasons;

/** One traffic filter of a tunnel, with what it matched. Addresses, protocols and ports are written as in the configuration. */
export type FilterStatus = {
  /** `accepted` passes what belongs to accepted connections; `default` is for what no filter matched. */
  readonly list: 'accepted' | 'gateway' | 'tunnel' | 'default';
  /** In the gateway's or the tunnel's list, from 1. */
  readonly position?: number;
  readonly name?: string;
  readonly action: 'accept' | 'drop' | 'reject';
  readonly direction: 'in' | 'out' | 'both';
  /** An absent list matches everything. */
  readonly from?: readonly string[];
  readonly to?: readonly string[];
  readonly protocol?: readonly string[];
  readonly ports?: readonly string[];
  readonly sourcePorts?: readonly string[];
  /** Since the filters were loaded, as the kernel counts: what it merged of a flow is one packet. Absent when not known. */
  readonly packets?: number;
  readonly bytes?: number;
};

export type PathStatus = {
  readonly id: number;
  /** The local link's name. */
  readonly link: string;
  readonly local: string;
  readonly remote: string;
  readonly state: 'probing' | 'up' | 'suspect' | 'down';
  /** By what its packets go. */
  readonly carrier: 'udp' | 'tcp';
  readonly since: string;
  /** The tunnel was measured to be faster without it: it carries data only when no other path is up. */
  readonly leftOut?: true;
  /** The largest outer IP packet that this side sends over it, found by probing; absent while not known, and by TCP. */
  readonly mtu?: number;
  readonly rttMillis?: number;
  readonly rttVarMillis?: number;
  /** What the line was seen to carry towards the peer while it was fully used. */
  readonly rateBps?: number;
  /** How long a packet waited in the line's queue lately. */
  readonly queueMillis?: number;
  /** 0 to 1, of what was sent lately. */
  readonly lossRatio?: number;
  /** How long ago an authentic packet came over this path. */
  readonly lastHeardMillis?: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  /** 0 to 1: the part of the tunnel's traffic that it carries now. */
  readonly share: number;
};

/** What the API needs of the daemon. */
export type StatusSource = { status(): Promise<Status> };
