/**
 * One link that is brought up and hung up by commands.
 *
 *     idle ──dial──▶ dialling ──command ended and usable──▶ up ──hang up──▶ hangingUp ──ended──▶ idle
 *      ▲                └──command failed, not usable in time──▶ hangingUp ──ended──▶ failed
 *      │                                up ──not usable for too long──▶ hangingUp ──▶ failed
 *      └──────────────────────────── the pause is over, dialled again ◀──────────────────┘
 *
 * Contract: one command at a time. A failed attempt is cleared away by the down-command; a down-command that fails is
 * repeated until it succeeds, and the link is not dialled meanwhile. Outside of its hours a link is not dialled, and what
 * is up is hung up as soon as no command runs. `hold` counts from when the link came up.
 */
import type { DemandEffect, DemandLink, DialCause, DialFailure, HangUp, HangUpCause } from './demand.ts';
import { DialClock } from './dial-hours.ts';

type State =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'dialling';
      readonly begunAt: number;
      readonly commandRuns: boolean;
      /** It was said to be gone before it was said to be dialled. */
      readonly lost?: DialFailure;
    }
  | { readonly kind: 'up'; readonly lostAt: number | undefined }
  | {
      readonly kind: 'hangingUp';
      readonly hangUp: HangUp;
      /** undefined: the command runs. */
      readonly retryAt: number | undefined;
      /** What follows: a pause of so long before the link is dialled again. */
      readonly pauseMillis: number | undefined;
    }
  | { readonly kind: 'failed'; readonly retryAt: number };

/** `holding`: up, and not hung up yet even if it is spared. `forbidden`: idle, and may not be dialled at this hour. */
export type OnDemandPhase = 'idle' | 'dialling' | 'holding' | 'up' | 'hangingUp' | 'forbidden' | 'failed';

/** 2^4: after the fifth failure in a row pauses grow no more. */
const MOST_DOUBLINGS = 4;

export class OnDemandLink {
  readonly name: string;
  readonly cost: number;
  /** Why it was dialled or hung up last, or why that failed. */
  cause: DialCause | HangUpCause | undefined;
  readonly #config: DemandLink['config'];
  readonly #clock: DialClock;
  #state: State = { kind: 'idle' };
  /** When the state was entered; of a link that is up, when it came up. */
  #since: number;
  #isOpen = true;
  #openSince: number;
  #failures = 0;

  constructor({ name, config }: DemandLink, nowMillis: number) {
    this.name = name;
    this.cost = config.cost;
    this.#config = config;
    this.#clock = new DialClock(config.hours, config.timeZone);
    this.#since = nowMillis;
    this.#openSince = nowMillis;
  }

  /** An earlier run of the daemon has brought it up. */
  adopt(nowMillis: number): void {
    this.#enter({ kind: 'up', lostAt: undefined }, nowMillis);
  }

  get isDialling(): boolean {
    return this.#state.kind === 'dialling';
  }

  get isUp(): boolean {
    return this.#state.kind === 'up';
  }

  phase(nowMillis: number): OnDemandPhase {
    const { kind } = this.#state;
    if (kind === 'up') return this.#isHeld(nowMillis) ? 'holding' : 'up';
    return kind === 'idle' && !this.#isOpen ? 'forbidden' : kind;
  }

  /** Since when `phase` is what it is, without regard to `holding`. */
  phaseSince(): number {
    return this.#state.kind === 'idle' ? Math.max(this.#since, this.#openSince) : this.#since;
  }

  mayDial(nowMillis: number): boolean {
    const state = this.#state;
    if (!this.#isOpen) return false;
    return state.kind === 'idle' || (state.kind === 'failed' && nowMillis >= state.retryAt);
  }

  mayHangUp(nowMillis: number): boolean {
    return this.#state.kind === 'up' && !this.#isHeld(nowMillis);
  }

  dial(cause: DialCause, nowMillis: number): DemandEffect {
    this.cause = cause;
    this.#enter({ kind: 'dialling', begunAt: nowMillis, commandRuns: true }, nowMillis);
    return { type: 'dial', link: this.name, cause };
  }

  hangUp(cause: HangUpCause, nowMillis: number): HangUp {
    const upMillis = this.#state.kind === 'up' ? nowMillis - this.#since : undefined;
    const pauseMillis = cause.reason === 'failed' ? this.#nextPause() : undefined;
    this.cause = cause;
    const hangUp = { type: 'hangUp', link: this.name, cause, upMillis, again: false } as const;
    this.#enter({ kind: 'hangingUp', hangUp, retryAt: undefined, pauseMillis }, nowMillis);
    return hangUp;
  }

  sampled(isUsable: boolean, wallMillis: number, nowMillis: number): DemandEffect[] {
    this.#look(this.#clock.isOpen(wallMillis), nowMillis);
    const state = this.#state;
    switch (state.kind) {
      case 'dialling':
        return state.commandRuns ? [] : this.#waited(isUsable, state.begunAt, nowMillis);
      case 'up':
        return this.#watched(isUsable, state.lostAt, nowMillis);
      case 'hangingUp':
        if (state.retryAt === undefined || nowMillis < state.retryAt) return [];
        this.#state = { ...state, retryAt: undefined };
        return [{ ...state.hangUp, again: true }];
      case 'idle':
      case 'failed':
        return [];
    }
  }

  dialled(failure: DialFailure | undefined, nowMillis: number): DemandEffect[] {
    if (this.#state.kind !== 'dialling') return [];
    const gone = failure ?? this.#state.lost;
    if (gone !== undefined) return this.#fail(gone, nowMillis);
    this.#state = { ...this.#state, commandRuns: false };
    return [];
  }

  lost(failure: DialFailure, nowMillis: number): DemandEffect[] {
    const state = this.#state;
    if (state.kind === 'dialling' && state.commandRuns) {
      this.#state = { ...state, lost: failure };
      return [];
    }
    return state.kind === 'up' || state.kind === 'dialling' ? this.#fail(failure, nowMillis) : [];
  }

  hungUp(failure: string | undefined, nowMillis: number): DemandEffect[] {
    const state = this.#state;
    if (state.kind !== 'hangingUp') return [];
    if (failure !== undefined) {
      const retryMillis = this.#config.retryMillis;
      this.#state = { ...state, retryAt: nowMillis + retryMillis };
      const told = { code: 'BS_HANG_UP_FAILED', message: failure } as const;
      return [{ type: 'failed', link: this.name, failure: told, retryMillis }];
    }
    const { pauseMillis } = state;
    if (pauseMillis === undefined) this.#enter({ kind: 'idle' }, nowMillis);
    else this.#enter({ kind: 'failed', retryAt: nowMillis + pauseMillis }, nowMillis);
    return [];
  }

  #waited(isUsable: boolean, begunAt: number, nowMillis: number): DemandEffect[] {
    if (!this.#isOpen) return [this.hangUp({ reason: 'hours' }, nowMillis)];
    if (isUsable) {
      this.#failures = 0;
      this.#enter({ kind: 'up', lostAt: undefined }, nowMillis);
      return [];
    }
    if (nowMillis - begunAt < this.#config.withinMillis) return [];
    const message = 'It was dialled well, but the interface did not come up with an address in time.';
    return this.#fail({ code: 'BS_DIAL_NO_LINK', message }, nowMillis);
  }

  #watched(isUsable: boolean, lostAt: number | undefined, nowMillis: number): DemandEffect[] {
    if (!this.#isOpen) return [this.hangUp({ reason: 'hours' }, nowMillis)];
    if (isUsable) {
      this.#state = { kind: 'up', lostAt: undefined };
      return [];
    }
    this.#state = { kind: 'up', lostAt: lostAt ?? nowMillis };
    if (nowMillis - (lostAt ?? nowMillis) < this.#config.withinMillis) return [];
    const message = 'The link was up, was lost, and did not come back in time.';
    return this.#fail({ code: 'BS_LINK_LOST', message }, nowMillis);
  }

  #fail(failure: DialFailure, nowMillis: number): DemandEffect[] {
    this.#failures = failure.lasting === true ? MOST_DOUBLINGS + 1 : this.#failures + 1;
    const hangUp = this.hangUp({ reason: 'failed', failure }, nowMillis);
    return [{ type: 'failed', link: this.name, failure, retryMillis: this.#nextPause() }, hangUp];
  }

  #nextPause(): number {
    return this.#config.retryMillis * 2 ** Math.min(Math.max(0, this.#failures - 1), MOST_DOUBLINGS);
  }

  #isHeld(nowMillis: number): boolean {
    return nowMillis - this.#since < this.#config.holdMillis;
  }

  #look(isOpen: boolean, nowMillis: number): void {
    if (isOpen !== this.#isOpen) this.#openSince = nowMillis;
    this.#isOpen = isOpen;
  }

  #enter(state: State, nowMillis: number): void {
    this.#state = state;
    this.#since = nowMillis;
  }
}
