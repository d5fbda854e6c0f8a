/**
 * What bandwidth on demand speaks of: the load that is sampled, why links are dialled and hung up, events and effects.
 *
 * Contract: rates are bits per second, shares between 0 and 1, times monotonic milliseconds; only `wallMillis` is a time
 * of day. Source: S4.8.
 */
import type { DemandConfig, OnDemandConfig } from '../../config/index.ts';
import type { ErrorCode } from '../../errors.ts';

export type DemandLink = { readonly name: string; readonly config: OnDemandConfig };

export type DemandTunnel = {
  readonly name: string;
  /** Names of all its links, static ones included. */
  readonly links: readonly string[];
  readonly config: DemandConfig;
};

/** Of a link over which a path of the tunnel carries. */
export type LinkLoad = {
  readonly link: string;
  readonly usedBps: number;
  /** undefined: it was never seen full, and nobody said. */
  readonly capacityBps: number | undefined;
  /** undefined: not measured. */
  readonly queueMillis: number | undefined;
};

export type TunnelLoad = {
  readonly tunnel: string;
  readonly loads: readonly LinkLoad[];
  /** Of the traffic that counts, where the tunnel has such a choice; otherwise all that is on the links counts. */
  readonly chosenBps?: number;
  /** Nothing carries that should. */
  readonly isCut: boolean;
};

/** The figures that a decision was made from; what does not matter for it or was not measured is absent. */
export type DemandFigures = {
  readonly tunnel: string;
  readonly forMillis: number;
  readonly usedBps?: number;
  readonly capacityBps?: number;
  readonly threshold?: number;
  readonly queueMillis?: number;
  readonly queueLimitMillis?: number;
};

/** `load`: use above the threshold; `queue`: lines are full; `noLink`: nothing carries. */
export type DialCause =
  | (DemandFigures & { readonly reason: 'load' | 'queue' | 'noLink' })
  /** Plain traffic to the internet needs it. */
  | { readonly reason: 'internet' };

export type HangUpCause =
  | (DemandFigures & { readonly reason: 'spare' })
  /** `hours`: they have ended; `unneeded`: no tunnel uses the link, nor plain traffic. */
  | { readonly reason: 'hours' | 'unneeded' }
  | { readonly reason: 'failed'; readonly failure: DialFailure };

export type DialFailure = {
  readonly code: ErrorCode;
  readonly message: string;
  /** Another attempt soon would do harm: the longest pause comes at once. */
  readonly lasting?: boolean;
};

export type DemandEvent =
  | {
      readonly type: 'sampled';
      readonly tunnels: readonly TunnelLoad[];
      /** Links that packets can leave by now. */
      readonly usable: ReadonlySet<string>;
      /** Links that plain traffic goes over or needs one of, best first. */
      readonly needed?: readonly string[];
      readonly wallMillis: number;
    }
  /** `failure`: undefined when it has ended well. */
  | { readonly type: 'dialled'; readonly link: string; readonly failure: DialFailure | undefined }
  | { readonly type: 'hungUp'; readonly link: string; readonly failure: string | undefined }
  /** What brought the link up says that it is gone. */
  | { readonly type: 'lost'; readonly link: string; readonly failure: DialFailure };

export type HangUp = {
  readonly type: 'hangUp';
  readonly link: string;
  readonly cause: HangUpCause;
  /** Since it came up, if it did. */
  readonly upMillis: number | undefined;
  /** The down-command failed before. */
  readonly again: boolean;
};

export type DemandEffect =
  /** Run the up-command; then `dialled`. */
  | { readonly type: 'dial'; readonly link: string; readonly cause: DialCause }
  /** Take the link out of use, then run the down-command; then `hungUp`. */
  | HangUp
  /** Tell; the next attempt comes so much later. */
  | {
      readonly type: 'failed';
      readonly link: string;
      readonly failure: DialFailure;
      readonly retryMillis: number;
    };
