/**
 * One path of a tunnel: whether it carries, and how fast it answers.
 *
 * ```
 *            first report covers          a report is overdue
 *  probing ─────────────────────▶ up ────────────────────────▶ suspect
 *     ▲                            ▲ ▲  reports cover what is due │ │
 *     │                            │ └─────────────────────────────┘ │ not within SUSPECT_DEADLINES
 *     │                            │   RETURN_COVERS in a row        ▼
 *     └── address changed          └─────────────────────────────── down
 * ```
 * A path is judged by its own traffic: every packet sent must be covered by a report (over any path) in time. Idle
 * paths send a probe each keepalive, answered at once. While suspect it carries no data if another path can.
 *
 * Contract: times are microseconds of one monotonic clock, given in. `poll(now)` makes due transitions and returns
 * true when the state changed; `probeAt` says when this path next wants to send a probe. Allocates nothing per packet.
 * Source: S4.6, S4.11; the estimator is that of RFC 6298.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { SendMarks } from './send-marks.ts';

export type PathState = 'probing' | 'up' | 'suspect' | 'down';

/** The far side reports this often while data arrives (µs). Half of the shortest useful reaction. */
export const REPORT_INTERVAL = 20_000;
/** Below this a report is late because a process was, not because a path is (µs). */
const SHORTEST_DEADLINE = 80_000;
/** However unsteady a path is: above this a report is late, unless the path is slower than that by nature. */
const LONGEST_DEADLINE = 1_000_000;
/** A path that takes seconds by nature (a modem behind a full queue) has a quarter more than its round trip, up to this. */
const UTMOST_DEADLINE = 5_000_000;
/** Before anything was measured: the slowest path that is of any use answers in this time. */
const UNMEASURED_DEADLINE = 3_000_000;
/** How many deadlines a suspect path gets at least to answer the probes sent meanwhile. */
const SUSPECT_DEADLINES = 2;
/** So many probes in a row stay unanswered once in 47,000 times on a line that loses 30 % each way. */
const SUSPECT_PROBES = 16;
/** A path that was down has to answer this many probes in a row before it carries data again. */
const RETURN_COVERS = 3;
/** The round trip of a line that comes back may not be known, or not be what it was (µs). */
const SHORTEST_RETURN = 300_000;
/** A side that was asked asks itself after so many keepalives: the other's next probe comes first, if one comes. */
const ASKED_KEEPALIVES = 1.25;
/** How often a path is probed while it is in question or on its way back, at the most (µs). */
const EAGER_PROBE_INTERVAL = 20_000;

export class Path {
  readonly id: number;
  readonly keepalive: number;
  state: PathState = 'probing';
  /** When the state was entered (µs). */
  since: number;
  /** Smoothed round trip and its variation (µs); 0 before the first measurement. */
  rtt = DOUBLE_ZERO;
  rttVariation = DOUBLE_ZERO;
  lastHeardAt = DOUBLE_ZERO;
  lastSentAt = DOUBLE_ZERO;
  readonly marks = new SendMarks();
  /** Evidence of the last change to suspect or down: how long nothing was covered (µs) and how many probes went unanswered. */
  silentFor = DOUBLE_ZERO;
  unanswered = 0;

  #covers = 0;
  #probeAt: number;
  /** When the last of the probes that decide over a suspect path was sent (µs). */
  #lastWordAt = Number.POSITIVE_INFINITY;

  /** @param keepalive idle time after which a probe is sent (µs); @param now µs */
  constructor(id: number, keepalive: number, now: number) {
    this.id = id;
    this.keepalive = keepalive;
    this.since = now;
    this.#probeAt = now;
  }

  /** Within this time (µs) what is sent should be covered by a report. */
  get deadline(): number {
    if (this.rtt === 0) return UNMEASURED_DEADLINE;
    const expected = this.rtt + 4 * this.rttVariation + REPORT_INTERVAL + 10_000;
    return Math.min(this.#longest, Math.max(SHORTEST_DEADLINE, expected));
  }

  /** Within this time a line that carries again has shown it, once it is asked (µs): it answers, and then the probes that follow. */
  get returnTime(): number {
    return Math.max(SHORTEST_RETURN, 2 * this.#answerTime + RETURN_COVERS * EAGER_PROBE_INTERVAL);
  }

  /** When the next probe is due (µs). */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** The next moment at which `poll` or a probe has something to do (µs). */
  get nextDeadline(): number {
    return Math.min(this.#probeAt, this.#pollAt());
  }

  /** Data, which the far side reports promptly while it thinks the path up. On a path that is not, only probes count. */
  sent(spi: number, sequence: number, now: number): void {
    this.lastSentAt = now;
    if (this.state === 'up') this.#probeAt = now + this.keepalive;
    if (this.state === 'up' || this.state === 'suspect')
      this.marks.add(spi, sequence, now, now + this.deadline);
  }

  /** A report of ours, which the far side covers with its own next probe or answer to ours. */
  answered(spi: number, sequence: number, now: number): void {
    this.lastSentAt = now;
    this.marks.add(spi, sequence, now, now + 2 * this.keepalive + this.deadline);
  }

  /** There are keys, perhaps for the first time: probes that could not be sent need not wait for their next turn. */
  keysCame(now: number): void {
    if (this.state !== 'up') this.#probeAt = now;
  }

  /** The next probe is due. */
  askNow(now: number): void {
    this.#probeAt = now;
  }

  /** A probe of the far side came: as long as it asks, we need not. */
  asked(now: number): void {
    if (this.state === 'up') this.#probeAt = now + ASKED_KEEPALIVES * this.keepalive;
  }

  /** A probe is under way, as `sequence`; the far side answers it at once. */
  probeSent(spi: number, sequence: number, now: number): void {
    this.lastSentAt = now;
    this.marks.add(spi, sequence, now, now + this.deadline);
  }

  /** A probe was sent, or could not be: when the next one follows depends on the state. */
  probed(now: number): void {
    if (this.state !== 'up' && ++this.unanswered === SUSPECT_PROBES) this.#lastWordAt = now;
    this.#probeAt = now + this.#probeInterval();
  }

  /** The far side received up to `newest`. @returns true when the state changed */
  covered(spi: number, newest: number, now: number): boolean {
    if (this.marks.cover(spi, newest) === 0) return false;
    this.#beginAsking();
    this.#covers++;
    switch (this.state) {
      case 'up':
        return false;
      case 'suspect':
        // A late report of what arrived before the silence began says nothing about now.
        return this.marks.dueAt > now && this.#enter('up', now);
      case 'probing':
        return this.#enter('up', now);
      case 'down':
        this.#probeAt = Math.min(this.#probeAt, now + EAGER_PROBE_INTERVAL);
        return this.#covers >= RETURN_COVERS && this.#enter('up', now);
    }
  }

  heard(now: number): void {
    this.lastHeardAt = now;
  }

  measured(roundTrip: number): void {
    if (this.rtt === 0) {
      this.rtt = roundTrip;
      this.rttVariation = roundTrip / 2;
      return;
    }
    this.rttVariation += (Math.abs(roundTrip - this.rtt) - this.rttVariation) / 4;
    this.rtt += (roundTrip - this.rtt) / 8;
  }

  /** The local end failed to send: the path is in question at once. @returns true when the state changed */
  failed(now: number): boolean {
    return this.state === 'up' && this.#enter('suspect', now);
  }

  /** Its way out is gone: no address, no interface. @returns true when the state changed */
  lost(now: number): boolean {
    this.marks.clear();
    if (this.state === 'down') return false;
    this.silentFor = 0;
    return this.#enter('down', now);
  }

  /** Either end's address is another one: nothing that was known holds. @returns true when the state changed */
  restart(now: number): boolean {
    this.marks.clear();
    this.rtt = 0;
    this.rttVariation = 0;
    const changed = this.state !== 'probing';
    this.#enter('probing', now);
    return changed;
  }

  /** Its packets go another way from now on, which has just proven itself. @returns true when the state changed */
  turned(now: number): boolean {
    this.marks.clear();
    this.rtt = 0;
    this.rttVariation = 0;
    const changed = this.state !== 'up';
    this.#enter('up', now);
    this.#probeAt = now;
    return changed;
  }

  poll(now: number): boolean {
    if (now < this.#pollAt()) return false;
    switch (this.state) {
      case 'up':
        this.silentFor = now - this.marks.sentAt;
        return this.#enter('suspect', now);
      case 'suspect':
        this.silentFor = now - Math.min(this.marks.sentAt, this.since);
        return this.#enter('down', now);
      case 'probing':
      case 'down':
        // What was sent is lost: start counting anew.
        this.marks.clear();
        this.#covers = 0;
        return false;
    }
  }

  #pollAt(): number {
    if (this.state !== 'suspect') return this.marks.dueAt;
    const answerBy = this.#lastWordAt + this.#answerTime;
    return Math.max(this.since + SUSPECT_DEADLINES * this.deadline, answerBy);
  }

  /** Within this time a probe should be answered (µs); a report of data may wait for its interval. */
  get #answerTime(): number {
    return Math.min(this.#longest, this.rtt + 4 * this.rttVariation + 10_000);
  }

  get #longest(): number {
    return Math.min(UTMOST_DEADLINE, Math.max(LONGEST_DEADLINE, 1.25 * this.rtt + REPORT_INTERVAL));
  }

  #beginAsking(): void {
    this.unanswered = 0;
    this.#lastWordAt = Number.POSITIVE_INFINITY;
  }

  #probeInterval(): number {
    // The probes that decide are spread over the time that the decision takes, however long the round trip is.
    if (this.state === 'suspect')
      return Math.max(EAGER_PROBE_INTERVAL, (SUSPECT_DEADLINES * this.deadline) / SUSPECT_PROBES);
    return this.state === 'down' && this.#covers > 0 ? EAGER_PROBE_INTERVAL : this.keepalive;
  }

  #enter(state: PathState, now: number): boolean {
    const inQuestion = state === 'suspect' || (state === 'up' && this.state === 'suspect');
    this.state = state;
    this.since = now;
    this.#covers = 0;
    if (state === 'suspect') this.#beginAsking();
    if (!inQuestion) this.marks.clear();
    this.#probeAt = state === 'up' ? now + this.keepalive : now;
    return true;
  }
}
