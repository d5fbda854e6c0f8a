/**
 * The events of the journal: what happened, to whom, and the evidence for it.
 *
 * Contract: kinds are stable names (other programs match on them) and are never reused for something else. Every
 * automatic decision of the daemon is one of these, with the figures it was made from. Times are ISO 8601 in UTC and
 * come in as arguments; durations are milliseconds. Source: S1.3, S1.11 (a record with time, status and the failed
 * polls), S4.11.
 */

import type { GatewaySubject, LinkSubject, PathSubject, PeerSubject, TunnelSubject } from './subject.ts';

/** `alarm` wants a person now, `warning` today; `notice` is a change of state, `info` the daily business. */
export type Severity = 'info' | 'notice' | 'warning' | 'alarm';

/** The figures that a verdict over a path was made from; absent = never measured. */
export type PathEvidence = {
  readonly unansweredProbes: number;
  readonly oldestUnacknowledgedMillis?: number;
  readonly rttMillis?: number;
  readonly lastHeardMillis?: number;
};

/** The figures that a decision about a link on demand was made from; what does not matter for it is absent. */
export type DemandEvidence = {
  readonly tunnel: string;
  /** For so long it was so. */
  readonly forMillis: number;
  readonly usedBps?: number;
  /** Of the links that carry; when a link is hung up, of those that remain. */
  readonly capacityBps?: number;
  /** 0 to 1, of `capacityBps`. */
  readonly threshold?: number;
  readonly queueMillis?: number;
  readonly queueLimitMillis?: number;
};

export type DialEvidence =
  | (DemandEvidence & { readonly reason: 'load' | 'queue' | 'noLink' })
  /** Plain traffic needs it: no link of a better tier works. */
  | { readonly reason: 'internet' };

export type HangUpEvidence = { readonly upMillis?: number } & (
  | (DemandEvidence & { readonly reason: 'spare' })
  | { readonly reason: 'hours' | 'unneeded' | 'failed' | 'stopping' }
);

/** One who was asked whether a link works, and what he said in the round that decided. */
export type ProbedTarget = {
  /** `icmp 192.0.2.1`, `tcp 198.51.100.1:443`, `dns …`, `http …`, `neighbour next-hop`, `tunnel …`. */
  readonly target: string;
  readonly sent: number;
  readonly answered: number;
  /** The median of this round's answers. */
  readonly delayMillis?: number;
  /** Why it could not be asked, or what it said instead. */
  readonly reason?: string;
  /** What the other links hear of it, where they ask it too. */
  readonly elsewhere?: 'answers' | 'silent';
};

/** The figures that a verdict over a probed link was made from. */
export type ProbeEvidence = {
  /** docs/link-probes.md has what each means. */
  readonly cause?:
    | 'targetDead'
    | 'peerDead'
    | 'providerDead'
    | 'linkDead'
    | 'linkGone'
    | 'noAnswer'
    | 'overloaded'
    | 'lossy'
    | 'slow';
  readonly rule: 'all' | 'most' | 'any';
  /** So many of this kind in a row: bad ones of a link that goes down, otherwise good ones. */
  readonly rounds: number;
  /** How long the verdict before had stood. */
  readonly afterMillis: number;
  /** How long the link must be good before it is up again; of one that is up, what it had to be. */
  readonly holdMillis: number;
  readonly targets: readonly ProbedTarget[];
  /** 0 to 1, over the last rounds. */
  readonly lossRatio?: number;
  readonly delayMillis?: number;
  /** What the link itself carried during the round. */
  readonly loadBps?: number;
};

/** A link that may carry plain traffic, and what it was worth when it was decided. */
export type InternetLinkEvidence = {
  readonly link: string;
  readonly tier: number;
  readonly state: 'good' | 'degraded' | 'unknown' | 'held' | 'down' | 'gone';
};

/** Plain traffic goes over other links. */
export type InternetMoved = {
  readonly families: readonly (4 | 6)[];
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** The move begins with so much (0 to 1) of the new connections; `after` is still as before. */
  readonly canary?: { readonly share: number; readonly links: readonly string[] };
  readonly reason: 'first' | 'failed' | 'better' | 'joined' | 'operator' | 'canaryFailed';
  /** How long the links that came were good, where that mattered. */
  readonly heldMillis?: number;
  readonly links: readonly InternetLinkEvidence[];
  /** Links of which the connections were cut off. */
  readonly cut: readonly string[];
  readonly tookMillis: number;
};

/** No link works; those that carried are kept. */
export type InternetLost = {
  readonly families: readonly (4 | 6)[];
  readonly kept: readonly string[];
  readonly links: readonly InternetLinkEvidence[];
};

type Happening<Kind extends string, Subject, Evidence> = {
  readonly kind: Kind;
  readonly subject: Subject;
  readonly evidence: Evidence;
};

type GatewayHappening =
  | Happening<
      'daemonStarted',
      GatewaySubject,
      { version: string; pid: number; links: number; tunnels: number }
    >
  | Happening<'daemonStopping', GatewaySubject, { reason: string }>
  | Happening<'networkApplied', GatewaySubject, { changes: readonly string[] }>
  | Happening<'networkTrouble', GatewaySubject, { problems: readonly string[] }>
  | Happening<'adoptedLeftovers', GatewaySubject, { adopted: readonly string[]; removed: readonly string[] }>
  | Happening<'dataplaneRestarted', GatewaySubject, { reason: string }>
  | Happening<'diskTrouble', GatewaySubject, { path: string; reason: string }>
  | Happening<'diskRecovered', GatewaySubject, { path: string; entriesWritten: number; entriesLost: number }>
  | Happening<'internetMoved', GatewaySubject, InternetMoved>
  | Happening<'internetLost', GatewaySubject, InternetLost>
  | Happening<'hostileInput', GatewaySubject, { counts: Readonly<Record<string, number>> }>
  /** `receiver` as `backstay alarm test` names it. */
  | Happening<'alarmReceiverFailed', GatewaySubject, { receiver: string; code: string; message: string }>
  | Happening<'alarmReceiverRecovered', GatewaySubject, { receiver: string; failedMillis: number }>;

type LinkHappening =
  | Happening<
      'linkUp',
      LinkSubject,
      {
        interface: string;
        addresses: readonly string[];
        nextHops: readonly string[];
        /** It was up as far as the machine can see, and is up again by its probe. */
        probe?: ProbeEvidence;
      }
    >
  /** With `probe`: its interface is there, but its probe fails. */
  | Happening<'linkDown', LinkSubject, { interface: string; reason: string; probe?: ProbeEvidence }>
  | Happening<'linkDegraded', LinkSubject, { interface: string; reason: string; probe: ProbeEvidence }>
  | Happening<
      'linkChanged',
      LinkSubject,
      { what: 'addresses' | 'nextHops'; before: readonly string[]; after: readonly string[] }
    >
  | Happening<'linkDialled', LinkSubject, DialEvidence>
  | Happening<'linkDialFailed', LinkSubject, { code: string; message: string; retryMillis: number }>
  /** One of the tries of a dial; another follows after the pause. */
  | Happening<
      'linkDialTryFailed',
      LinkSubject,
      { code: string; message: string; try: number; tries: number; pauseMillis: number }
    >
  | Happening<'linkHungUp', LinkSubject, HangUpEvidence>;

type TunnelHappening =
  | Happening<'tunnelConnecting', TunnelSubject, { remote: string; attempt: number }>
  | Happening<
      'tunnelUp',
      TunnelSubject,
      { remote: string; fingerprint: string; interface: string; mtu: number; generation: number }
    >
  | Happening<'tunnelDown', TunnelSubject, { reason: string; upMillis?: number }>
  | Happening<'tunnelRekeyed', TunnelSubject, { generation: number; reason: string }>
  | Happening<'rekeyFailed', TunnelSubject, { generation: number; reason: string; retryMillis?: number }>;

type PathHappening =
  | Happening<'pathAdded', PathSubject, { local: string; remote: string }>
  | Happening<'pathRemoved', PathSubject, { reason: string }>
  | Happening<
      'pathUp',
      PathSubject,
      { local: string; remote: string; rttMillis?: number; downMillis?: number }
    >
  | Happening<'pathSuspect', PathSubject, PathEvidence>
  | Happening<'pathDown', PathSubject, PathEvidence & { reason?: string }>
  | Happening<'pathMoved', PathSubject, { before: string; after: string }>
  /** What the tunnel carried with this path and without it, and what its best path carries alone. */
  | Happening<
      'pathDemoted',
      PathSubject,
      { withBps: number; withoutBps: number; bestBps: number; pauseMillis: number }
    >
  | Happening<'pathRestored', PathSubject, Record<never, never>>
  | Happening<
      'pathCarrierChanged',
      PathSubject,
      { before: string; after: string; reason: string; answeredTrials: number; lastHeardMillis: number }
    >
  /** The largest packet that comes through, in bytes of the outer IP packet. */
  | Happening<'pathMtuChanged', PathSubject, { before: number; after: number; reason: string }>
  | Happening<'pathProven', PathSubject, { local: string; remote: string }>
  | Happening<
      'pathUnproven',
      PathSubject,
      { local: string; remote: string; outcome: string; reason: string }
    >;

type PeerHappening =
  | Happening<'peerRefused', PeerSubject, { reason: string; fingerprint?: string }>
  | Happening<'controlError', PeerSubject | TunnelSubject, { code: string; message: string }>;

/** What a room reports: an event without its time. */
export type EventDetail = GatewayHappening | LinkHappening | TunnelHappening | PathHappening | PeerHappening;

export type EventKind = EventDetail['kind'];

/** An event as it stands in the journal. */
export type JournalEvent = EventDetail & { readonly at: string; readonly severity: Severity };

/**
 * For each kind its severity, and whether a stranger can cause it by sending packets: such kinds together may never
 * push the gateway's own history out of the journal.
 */
export const eventCatalogue = {
  adoptedLeftovers: { severity: 'notice', fromStrangers: false },
  alarmReceiverFailed: { severity: 'warning', fromStrangers: false },
  alarmReceiverRecovered: { severity: 'notice', fromStrangers: false },
  controlError: { severity: 'warning', fromStrangers: true },
  daemonStarted: { severity: 'notice', fromStrangers: false },
  daemonStopping: { severity: 'notice', fromStrangers: false },
  dataplaneRestarted: { severity: 'alarm', fromStrangers: false },
  diskRecovered: { severity: 'notice', fromStrangers: false },
  diskTrouble: { severity: 'alarm', fromStrangers: false },
  hostileInput: { severity: 'warning', fromStrangers: true },
  internetLost: { severity: 'alarm', fromStrangers: false },
  internetMoved: { severity: 'warning', fromStrangers: false },
  linkChanged: { severity: 'notice', fromStrangers: false },
  linkDegraded: { severity: 'warning', fromStrangers: false },
  linkDialFailed: { severity: 'warning', fromStrangers: false },
  linkDialTryFailed: { severity: 'notice', fromStrangers: false },
  linkDialled: { severity: 'notice', fromStrangers: false },
  linkDown: { severity: 'warning', fromStrangers: false },
  linkHungUp: { severity: 'notice', fromStrangers: false },
  linkUp: { severity: 'notice', fromStrangers: false },
  networkApplied: { severity: 'info', fromStrangers: false },
  networkTrouble: { severity: 'alarm', fromStrangers: false },
  pathAdded: { severity: 'info', fromStrangers: false },
  pathCarrierChanged: { severity: 'warning', fromStrangers: false },
  pathDown: { severity: 'warning', fromStrangers: false },
  pathDemoted: { severity: 'warning', fromStrangers: false },
  pathMoved: { severity: 'notice', fromStrangers: false },
  pathMtuChanged: { severity: 'notice', fromStrangers: false },
  pathProven: { severity: 'info', fromStrangers: false },
  pathRemoved: { severity: 'info', fromStrangers: false },
  pathRestored: { severity: 'notice', fromStrangers: false },
  pathSuspect: { severity: 'info', fromStrangers: false },
  pathUnproven: { severity: 'warning', fromStrangers: false },
  pathUp: { severity: 'notice', fromStrangers: false },
  peerRefused: { severity: 'warning', fromStrangers: true },
  rekeyFailed: { severity: 'warning', fromStrangers: false },
  tunnelConnecting: { severity: 'info', fromStrangers: false },
  tunnelDown: { severity: 'alarm', fromStrangers: false },
  tunnelRekeyed: { severity: 'info', fromStrangers: false },
  tunnelUp: { severity: 'notice', fromStrangers: false },
} as const satisfies Record<EventKind, { severity: Severity; fromStrangers: boolean }>;

/** Stamps what a room reports; `at` is ISO 8601 in UTC. */
export function stampEvent(detail: EventDetail, at: string): JournalEvent {
  return { at, severity: eventCatalogue[detail.kind].severity, ...detail };
}
