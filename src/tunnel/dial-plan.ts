/**
 * When and where an initiator dials its peer.
 *
 * Contract: a pure machine. `next(now)` gives the attempt that is due, `failed` and `succeeded` tell how it went,
 * `hurry` asks for an attempt at once. Every pair of link and peer address is tried in turn; only after a whole round
 * without success comes a pause, which doubles up to a bound, so that a peer that is away is not hammered and one
 * dead line does not delay the others.
 * Source: S4.12 (the peer has one fixed address, the own end may be anything).
 */

/** The first pause; a peer that restarts is back in about a second. */
const SHORTEST_PAUSE_MILLIS = 500;
/** How long a peer that comes back may have to wait at most. */
const LONGEST_PAUSE_MILLIS = 10_000;

export class DialPlan<Candidate> {
  #candidates: readonly Candidate[] = [];
  #position = 0;
  #inRound = 0;
  #pauseMillis = SHORTEST_PAUSE_MILLIS;
  #notBefore = 0;

  /** Other links or addresses: a new round begins at once if nothing could be tried before. */
  setCandidates(candidates: readonly Candidate[], nowMillis: number): void {
    if (this.#candidates.length === 0) this.#notBefore = nowMillis;
    this.#candidates = candidates;
    this.#position = 0;
    this.#inRound = 0;
  }

  /** What to try now; undefined when nothing is due or nothing can be tried. */
  next(nowMillis: number): Candidate | undefined {
    if (nowMillis < this.#notBefore) return undefined;
    return this.#candidates[this.#position % Math.max(1, this.#candidates.length)];
  }

  /** When `next` will have something; undefined when only other candidates can change that. */
  nextDeadline(): number | undefined {
    return this.#candidates.length === 0 ? undefined : this.#notBefore;
  }

  failed(nowMillis: number): void {
    this.#position += 1;
    this.#inRound += 1;
    if (this.#inRound < this.#candidates.length) return;
    this.#inRound = 0;
    this.#notBefore = nowMillis + this.#pauseMillis;
    this.#pauseMillis = Math.min(LONGEST_PAUSE_MILLIS, this.#pauseMillis * 2);
  }

  /** The pair stays the first choice. */
  succeeded(): void {
    this.#inRound = 0;
    this.#pauseMillis = SHORTEST_PAUSE_MILLIS;
    this.#notBefore = 0;
  }

  /** Something says that the peer should be dialled now; pauses shorter than this are kept. */
  hurry(nowMillis: number): void {
    this.#notBefore = Math.min(this.#notBefore, nowMillis);
  }
}
