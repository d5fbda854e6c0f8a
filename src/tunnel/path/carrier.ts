/**
 * What carries a path's packets, UDP or the path's own TCP connection, and when the other one is taken.
 *
 * ```
 *   UDP carries nothing any more, and did not when TCP's trial was answered; or the peer has turned
 *   udp ────────────────────────────────────────────────────────────▶ tcp
 *    ▲                                                                 │
 *    └── RETURN_ANSWERS trials by UDP in a row were answered ◀─────────┤
 *    └── the connection is lost, or carries nothing ◀──────────────────┘
 * ```
 * The other carrier is taken only after it has proven itself, by trials: reports that are answered by the carrier on which
 * they came. A line that is dead for both changes nothing; one that comes back answers by UDP as well, if it is asked. Each side chooses for what it sends. One that sees its peer turn to
 * TCP turns as well: what is dead in one direction is soon dead, or forbidden, in both.
 *
 * Contract: times are µs of one monotonic clock, given in. `poll` says what is to be done now, and may be called at any time;
 * `turn` and `closed` change the carrier. Allocates nothing.
 * Source: S4.7, docs/decisions/0016.
 */
import type { Encapsulation } from '../../config/index.ts';
import { DOUBLE_ZERO } from '../double-zero.ts';
import type { PathState } from './path.ts';

export type Carrier = Exclude<Encapsulation, 'auto'>;

/** What is asked of the path that is carried. */
export type CarriedPath = {
  readonly state: PathState;
  /** When the state was entered (µs). */
  readonly since: number;
  /** Within this time a line that carries again has shown it, once it is asked (µs). */
  readonly returnTime: number;
};

/** `try` the other carrier, `turn` to it, `abandon` the connection. */
export type CarrierVerdict = 'stay' | 'try' | 'turn' | 'abandon';

/** A new path's first probes have so long to be answered by UDP (µs): a round trip by satellite, and a probe that was lost. */
const FIRST_CHANCE = 1_000_000;
/** While nothing is carried TCP is tried this often (µs). */
const EAGER_TRIAL = 100_000;
/** A connection on which no trial was answered for so long is dead, whatever the kernel thinks of it (µs). */
const STREAM_PATIENCE = 3_000_000;
/** How often UDP is tried while TCP carries (µs): seconds matter to nobody there, and a trial costs 200 bytes. */
const UDP_TRIAL = 2_000_000;
/** Where UDP failed again soon after the return the trials get rarer, up to this (µs). */
const RAREST_UDP_TRIAL = 16_000_000;
/** UDP that failed again within this time was not worth the return (µs). */
const STEADY = 60_000_000;
/** After an answer the next trial comes so soon (µs). */
const NEXT_TRIAL = 200_000;
/** So many in a row: a filter that is being changed, a line that loses most, do not look like a return. */
const RETURN_ANSWERS = 5;

export class CarrierChoice {
  carrier: Carrier;
  /** Trials answered in a row. */
  answers = 0;

  readonly #encapsulation: Encapsulation;
  #open = false;
  /** When the first of them came (µs). */
  #answeredAt = DOUBLE_ZERO;
  #trialAt = DOUBLE_ZERO;
  #outstanding = false;
  /** Since when trials are sent in vain (µs); 0 when they are not. */
  #vainSince = DOUBLE_ZERO;
  #returnedAt = Number.NEGATIVE_INFINITY;
  #udpTrial = UDP_TRIAL;

  constructor(encapsulation: Encapsulation) {
    this.carrier = encapsulation === 'tcp' ? 'tcp' : 'udp';
    this.#encapsulation = encapsulation;
  }

  /** Whether the operator lets packets go by this carrier. */
  allows(carrier: Carrier): boolean {
    return this.#encapsulation === 'auto' || this.#encapsulation === carrier;
  }

  /** The peer begins to send by this carrier. @returns whether we do as well */
  follows(carrier: Carrier): boolean {
    return carrier === 'tcp' && this.carrier === 'udp' && this.#open && this.allows('tcp');
  }

  /** The path's connection is there. */
  opened(): void {
    this.#open = true;
    if (this.carrier === 'udp') this.#forgetTrials(0);
  }

  /** It is gone. @returns whether that changed the carrier */
  closed(): boolean {
    this.#open = false;
    if (this.carrier === 'udp' || this.#encapsulation === 'tcp') return false;
    this.carrier = 'udp';
    this.#forgetTrials(0);
    return true;
  }

  poll(path: CarriedPath, now: number): CarrierVerdict {
    if (!this.#open) return 'stay';
    if (this.carrier === 'tcp') return this.#pollTcp(path.state, now);
    if (this.#encapsulation === 'udp') return 'stay';
    return this.#pollUdp(path, now);
  }

  trialSent(now: number): void {
    // TCP brings what it brings in time; with UDP a missing answer is a loss.
    if (this.#outstanding && this.carrier === 'tcp') this.answers = 0;
    this.#outstanding = true;
    if (this.#vainSince === 0) this.#vainSince = now;
    this.#trialAt = now + (this.carrier === 'tcp' ? this.#udpTrial : EAGER_TRIAL);
  }

  /** A trial that went by `carrier` was answered. */
  trialAnswered(carrier: Carrier, now: number): void {
    if (carrier === this.carrier || !this.#outstanding) return;
    this.#outstanding = false;
    this.#vainSince = 0;
    if (this.answers++ === 0) this.#answeredAt = now;
    this.#trialAt = Math.min(this.#trialAt, now + NEXT_TRIAL);
  }

  /** Changes over to the other carrier. */
  turn(now: number): void {
    if (this.carrier === 'tcp') {
      this.carrier = 'udp';
      this.#returnedAt = now;
      this.#forgetTrials(0);
      return;
    }
    this.carrier = 'tcp';
    const soonAgain = now - this.#returnedAt < STEADY;
    this.#udpTrial = soonAgain ? Math.min(2 * this.#udpTrial, RAREST_UDP_TRIAL) : UDP_TRIAL;
    this.#forgetTrials(now + this.#udpTrial);
  }

  #pollUdp({ state, since, returnTime }: CarriedPath, now: number): CarrierVerdict {
    if (state === 'up') {
      this.#forgetTrials(0);
      return 'stay';
    }
    if (state === 'probing' && now - since < FIRST_CHANCE) return 'stay';
    // A line that comes back may answer by TCP first, only because that was asked first.
    const udpHadItsChance = this.answers > 0 && now - this.#answeredAt >= returnTime;
    if (udpHadItsChance && state !== 'suspect') return 'turn';
    if (this.#vainSince > 0 && now - this.#vainSince > STREAM_PATIENCE) return 'abandon';
    return now >= this.#trialAt ? 'try' : 'stay';
  }

  #pollTcp(state: PathState, now: number): CarrierVerdict {
    if (state === 'down') return 'abandon';
    if (this.#encapsulation === 'tcp') return 'stay';
    if (this.answers >= RETURN_ANSWERS) return 'turn';
    return now >= this.#trialAt ? 'try' : 'stay';
  }

  #forgetTrials(nextAt: number): void {
    this.answers = 0;
    this.#outstanding = false;
    this.#vainSince = 0;
    this.#trialAt = nextAt;
  }
}
