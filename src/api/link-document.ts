/**
 * What the daemon says about one link: `GET /v1/links/NAME` and `GET /v1/links/NAME/trial`.
 *
 * Contract: as the status document's (`status.ts`).
 */

import type { ProbedTarget, ProbeEvidence } from '../journal/event.ts';
import type { LinkStatus } from './status.ts';

export type LinkDocument = {
  /** When this document was made. */
  readonly time: string;
  readonly link: LinkStatus;
  /** Of a link with `probe` only. */
  readonly probe?: ProbeDocument;
};

export type ProbeDocument = {
  readonly settings: ProbeSettings;
  /** In a row, up to now; one of the two is 0. */
  readonly goodRounds: number;
  readonly badRounds: number;
  /** That are not forgiven yet. */
  readonly failures: number;
  /** How long a link that is down must be good before it is up. */
  readonly holdMillis: number;
  /** How long it has been good; absent when the last round was bad. */
  readonly goodForMillis?: number;
  /** The newest at the end. */
  readonly changes: readonly VerdictDocument[];
  /** The last few of those that are recorded, the newest at the end. */
  readonly rounds: readonly RoundDocument[];
  readonly recorded: { readonly rounds: number; readonly since?: string };
};

export type ProbeSettings = {
  readonly targets: readonly string[];
  readonly rule: 'all' | 'most' | 'any';
  readonly count: number;
  readonly answers: number;
  readonly everyMillis: number;
  readonly timeoutMillis: number;
  readonly intervalMillis: number;
  readonly retries: number;
  readonly recover: number;
  readonly holdMillis: number;
  readonly holdMostMillis: number;
  readonly calmMillis: number;
  readonly lossAbove: number;
  readonly lossBelow: number;
  readonly delayAboveMillis?: number;
  readonly delayBelowMillis?: number;
};

export type VerdictDocument = {
  readonly at: string;
  readonly before: string;
  readonly verdict: string;
  readonly reason: string;
  readonly evidence: ProbeEvidence;
};

export type RoundDocument = {
  /** Of its end. */
  readonly at: string;
  readonly tookMillis: number;
  readonly targets: readonly ProbedTarget[];
  readonly loadBps?: number;
};

/** What the recorded rounds would have led to with other settings. */
export type TrialDocument = {
  readonly time: string;
  readonly name: string;
  readonly settings: ProbeSettings;
  readonly recorded: { readonly rounds: number; readonly since?: string };
  /** With these settings, and with those of the configuration. */
  readonly tried: TrialOutcome;
  readonly configured: TrialOutcome;
};

export type TrialOutcome = {
  /** Fewer than recorded where `interval` is longer. */
  readonly rounds: number;
  readonly downs: number;
  readonly downMillis: number;
  readonly degradedMillis: number;
  /** The first thousand. */
  readonly changes: readonly {
    readonly at: string;
    readonly before: string;
    readonly verdict: string;
    readonly cause?: string;
  }[];
};

/** What the API needs of the daemon. Both throw BS_LINK_UNKNOWN, the second BS_LINK_NOT_PROBED and BS_API_BAD_REQUEST. */
export type LinkSource = {
  explainLink(name: string): LinkDocument;
  tryLink(name: string, words: Readonly<Record<string, string>>): TrialDocument;
};
