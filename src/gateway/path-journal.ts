/**
 * The journal of one path's changes of state, each with the figures that it was made from.
 *
 * Contract: a path that was in question and is up again was not worth an entry; one that was down was.
 */
import type { CarrierEvidence, PathEvidence } from '../dataplane/protocol.ts';
import type { EventDetail } from '../journal/event.ts';
import type { PathSubject } from '../journal/subject.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import type { MtuCause } from '../tunnel/path/mtu-search.ts';
import type { PathState } from '../tunnel/path/path.ts';

export type PathChange = {
  readonly from: PathState;
  readonly to: PathState;
  readonly evidence: PathEvidence;
  readonly local: string;
  readonly remote: string;
};

export class PathJournal {
  readonly #subject: PathSubject;
  readonly #record: (event: EventDetail) => void;
  #downSince: number | undefined;

  constructor(subject: PathSubject, record: (event: EventDetail) => void) {
    this.#subject = subject;
    this.#record = record;
  }

  changed(change: PathChange, nowMillis: number): void {
    const { from, to, evidence } = change;
    const subject = this.#subject;
    if (to === 'down' || (to === 'probing' && from !== 'down')) {
      this.#downSince ??= nowMillis;
      this.#record({
        kind: 'pathDown',
        subject,
        evidence: { ...figuresOf(evidence), ...whyDown(to, evidence) },
      });
    } else if (to === 'suspect') {
      this.#record({ kind: 'pathSuspect', subject, evidence: figuresOf(evidence) });
    } else if (to === 'up' && from !== 'suspect') {
      this.#record({ kind: 'pathUp', subject, evidence: this.#upEvidence(change, nowMillis) });
      this.#downSince = undefined;
    }
  }

  #upEvidence({ local, remote, evidence }: PathChange, nowMillis: number) {
    const down = this.#downSince;
    return {
      local,
      remote,
      ...(evidence.roundTripMillis > 0 && { rttMillis: roundMicros(evidence.roundTripMillis) }),
      ...(down !== undefined && { downMillis: Math.round(nowMillis - down) }),
    };
  }
}

/** Why the path's packets go by this carrier from now on. */
export function describeCarrierChange(cause: CarrierEvidence['cause'], to: Carrier): string {
  if (cause === 'lost') return 'its TCP connection was lost, or carried nothing any more';
  if (cause === 'peer') return 'the peer sends by TCP as well';
  return to === 'tcp' ? 'nothing was answered by UDP' : 'what was sent by UDP was answered again';
}

/** Why packets of another size are sent on the path from now on. */
export function describeMtuChange(cause: MtuCause): string {
  if (cause === 'blackHole') return 'larger packets do not come through any more, smaller ones do';
  return cause === 'refused' ? 'the interface takes no larger ones' : 'probes of this size were answered';
}

/** Milliseconds with as many digits as there are microseconds. */
export function roundMicros(millis: number): number {
  return Math.round(millis * 1000) / 1000;
}

function figuresOf(evidence: PathEvidence) {
  return {
    unansweredProbes: evidence.unansweredProbes,
    oldestUnacknowledgedMillis: roundMicros(evidence.silentMillis),
    rttMillis: roundMicros(evidence.roundTripMillis),
    lastHeardMillis: roundMicros(evidence.lastHeardMillisAgo),
  };
}

/** Nothing where the figures are the reason. */
function whyDown(to: PathState, { silentMillis }: PathEvidence): { reason?: string } {
  if (to === 'probing') return { reason: 'its link or the peer has another address' };
  return silentMillis === 0 ? { reason: 'its link is gone' } : {};
}
