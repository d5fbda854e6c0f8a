/**
 * A tunnel's own knowledge of its paths over one link, as an answer to the questions of that link's probe.
 *
 * Contract: sends nothing. A question is answered once a path over the link is up, with the round trip that the tunnel measures
 * all the time; it is refused where the path is down, and waits while that, or whether the peer lives, is in doubt. Nobody is asked while the tunnel says
 * nothing of the link: it has not been up, its peer has left, or it has just begun to lay its paths. Source: S1.1.
 */
import type { ProbeAnswer, Prober } from '../linux/prober.ts';
import type { PathSight } from './tunnel-paths.ts';

export type TunnelSight = {
  /** undefined: no path is laid over the link. */
  over(link: string): PathSight | undefined;
  /** What the paths over the other links say of the peer; `open`: not known yet; undefined where none is laid. */
  beside(link: string): 'carry' | 'silent' | 'open' | undefined;
};

/** A path is laid within seconds of its link's coming: asked for, connected to, proven, answered, each with its own patience. */
const LAYING_MILLIS = 10_000;

type Asked = { readonly atMillis: number; readonly wasUp: boolean };

export class TunnelProber implements Prober {
  readonly #sight: () => TunnelSight | undefined;
  readonly #link: string;
  readonly #timeoutMillis: number;
  readonly #now: () => number;
  readonly #openedAtMillis: number;
  readonly #pending = new Map<number, Asked>();

  constructor(sight: () => TunnelSight | undefined, link: string, timeoutMillis: number, now: () => number) {
    this.#sight = sight;
    this.#link = link;
    this.#timeoutMillis = timeoutMillis;
    this.#now = now;
    this.#openedAtMillis = now();
  }

  ask(question: number): 'asked' | 'absent' {
    const now = this.#now();
    const sight = this.#sight();
    const path = sight?.over(this.#link);
    const isMissed = sight?.beside(this.#link) === 'carry' && now - this.#openedAtMillis > LAYING_MILLIS;
    if (path === undefined && !isMissed) return 'absent';
    this.#pending.set(question, { atMillis: now, wasUp: path?.state === 'up' });
    return 'asked';
  }

  collect(): ProbeAnswer[] {
    const now = this.#now();
    if (this.#pending.size === 0) return [];
    const sight = this.#sight();
    const path = sight?.over(this.#link);
    // Whose fault it is goes into the round's record: worth waiting for.
    const isOpen = path?.state === 'down' && sight?.beside(this.#link) === 'open';
    return [...this.#pending].flatMap(([question, asked]) => {
      const waitedMillis = now - asked.atMillis;
      const isLate = waitedMillis > this.#timeoutMillis;
      const answer = isLate || isOpen ? [] : this.#answer(question, path, asked.wasUp ? 0 : waitedMillis);
      if (answer.length > 0 || isLate) this.#pending.delete(question);
      return answer;
    });
  }

  close(): void {
    this.#pending.clear();
  }

  #answer(question: number, path: PathSight | undefined, waitedMillis: number): ProbeAnswer[] {
    if (path === undefined) return [{ question, failure: 'no path' }];
    if (path.state === 'down') return [{ question, failure: 'path down' }];
    if (path.state !== 'up') return [];
    // A path that carries answers, however slow it is: what it takes shows in the delay.
    const delayMillis = Math.min(this.#timeoutMillis, Math.max(path.roundTripMillis, waitedMillis));
    return [{ question, delayMillis }];
  }
}
