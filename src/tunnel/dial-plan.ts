/**
 * When and where an initiator dials its peer.
 *
 * ```
 *  round: first ──STAGGER or a failure──▶ second ──…──▶ last ──all failed──▶ pause (doubling) ──▶ round
 * ```
 * Contract: a pure machine. `next(now)` gives the attempt that is due and counts it as running; `failed`, `refused` and
 * `succeeded` tell how it went; `hurry` ends a pause. Attempts of a round overlap, so that a dead line delays the others
 * by `STAGGER_MILLIS` at the most. Only after a whole round without success comes a pause, which doubles up to a bound,
 * so that a peer that is away is not hammered. What worked last is tried first.
 * Source: S4.12 (the peer has one fixed address, the own end may be anything); RFC 8305, section 5 (overlapping attempts).
 */

/** Well above a round trip of most lines, so that on a working one no second attempt is made. */
const STAGGER_MILLIS = 500;
/** The first pause; a peer that restarts is back in about a second. */
const SHORTEST_PAUSE_MILLIS = 500;
/** How long a peer that comes back may have to wait at most. */
const LONGEST_PAUSE_MILLIS = 10_000;

/** `key` is equal for what is the same way to the peer. */
export type DialCandidate = { readonly key: string };

export class DialPlan<Candidate extends DialCandidate> {
  #candidates: readonly Candidate[] = [];
  #first = 0;
  /** How many attempts of this round were begun. */
  #begun = 0;
  readonly #running = new Set<string>();
  #pauseMillis = SHORTEST_PAUSE_MILLIS;
  #notBefore = 0;

  /** Other ways than before begin a new round at once: what came may be what was missing. */
  setCandidates(candidates: readonly Candidate[], nowMillis: number): void {
    const keys = candidates.map(({ key }) => key);
    if (keys.join('\n') === this.#candidates.map(({ key }) => key).join('\n')) return;
    const best = this.#candidates[this.#first]?.key;
    this.#candidates = candidates;
    this.#first = Math.max(0, best === undefined ? 0 : keys.indexOf(best));
    this.#begun = 0;
    this.#notBefore = nowMillis;
  }

  /** What to try now; undefined when nothing is due or nothing can be tried. */
  next(nowMillis: number): Candidate | undefined {
    while (nowMillis >= this.#notBefore && this.#begun < this.#candidates.length) {
      const candidate = this.#candidates[(this.#first + this.#begun) % this.#candidates.length] as Candidate;
      this.#begun += 1;
      if (this.#running.has(candidate.key)) continue;
      this.#running.add(candidate.key);
      this.#notBefore = nowMillis + STAGGER_MILLIS;
      return candidate;
    }
    return undefined;
  }

  /** When `next` will have something; undefined when only a result or other candidates can change that. */
  nextDeadline(): number | undefined {
    return this.#begun < this.#candidates.length ? this.#notBefore : undefined;
  }

  /** This way did not lead to the peer. */
  failed(candidate: Candidate, nowMillis: number): void {
    if (!this.#running.delete(candidate.key)) return;
    if (this.#begun < this.#candidates.length) this.#notBefore = Math.min(this.#notBefore, nowMillis);
    else if (this.#running.size === 0) this.#pause(nowMillis);
  }

  /** The peer was reached and does not want us; by other ways it says the same. Attempts that run don't count any more. */
  refused(nowMillis: number): void {
    this.#running.clear();
    this.#pause(nowMillis);
  }

  /** The way stays the first choice. Attempts that run don't count any more. */
  succeeded(candidate: Candidate): void {
    this.#running.clear();
    this.#first = Math.max(
      0,
      this.#candidates.findIndex(({ key }) => key === candidate.key),
    );
    this.#begun = 0;
    this.#pauseMillis = SHORTEST_PAUSE_MILLIS;
    this.#notBefore = 0;
  }

  /** Something says that the peer should be dialled now: a pause is over. */
  hurry(nowMillis: number): void {
    if (this.#begun === 0) this.#notBefore = Math.min(this.#notBefore, nowMillis);
  }

  #pause(nowMillis: number): void {
    this.#begun = 0;
    this.#notBefore = nowMillis + this.#pauseMillis;
    this.#pauseMillis = Math.min(LONGEST_PAUSE_MILLIS, this.#pauseMillis * 2);
  }
}
