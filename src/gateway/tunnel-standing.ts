/**
 * Whether a tunnel is up, since when, why not, and the journal of that.
 *
 * ```
 *  connecting ──first path carries──▶ up ──no path carries──▶ down ──a path carries──▶ up
 *      (initiator: no session yet)      └──peer shut down or started anew──▶ down
 * ```
 * Contract: `up` and `down` are told again and again; only a change is one.
 */
import type { EventDetail } from '../journal/event.ts';
import { monotonicMillis } from './context.ts';

export type TunnelState = 'connecting' | 'up' | 'down';

type UpEvidence = Extract<EventDetail, { kind: 'tunnelUp' }>['evidence'];

export class TunnelStanding {
  state: TunnelState;
  /** ISO 8601. */
  since = new Date().toISOString();
  /** Why it is not up, where that is known. */
  reason: string | undefined;

  readonly #name: string;
  readonly #record: (event: EventDetail) => void;
  #upSinceMillis = 0;

  constructor(name: string, role: 'initiator' | 'responder', record: (event: EventDetail) => void) {
    this.#name = name;
    this.#record = record;
    this.state = role === 'initiator' ? 'connecting' : 'down';
    this.reason = role === 'initiator' ? undefined : 'The peer has not called yet.';
  }

  up(evidence: UpEvidence): void {
    if (this.state === 'up') return;
    this.#enter('up', undefined);
    this.#upSinceMillis = monotonicMillis();
    this.#record({ kind: 'tunnelUp', subject: this.#subject, evidence });
  }

  down(reason: string): void {
    if (this.state === 'down') return;
    const wasUp = this.state === 'up';
    this.#enter('down', reason);
    if (!wasUp) return;
    const upMillis = Math.round(monotonicMillis() - this.#upSinceMillis);
    this.#record({ kind: 'tunnelDown', subject: this.#subject, evidence: { reason, upMillis } });
  }

  #enter(state: TunnelState, reason: string | undefined): void {
    this.state = state;
    this.since = new Date().toISOString();
    this.reason = reason;
  }

  get #subject() {
    return { type: 'tunnel', name: this.#name } as const;
  }
}
