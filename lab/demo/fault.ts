/**
 * The fault of the demonstration: one link becomes a black hole in the middle of the transfer and opens again later.
 *
 * ```
 *  waiting ── CUT_AT of the file is there ──▶ cut ── CUT_MILLIS later ──▶ restored
 * ```
 * Contract: `look` is called again and again; it makes the change that is due. A transfer that ends before leaves the
 * link as it is.
 */
import type { SiteLink } from '../site-link.ts';

/** Part of the file that the receiver has when the link is cut. */
const CUT_AT = 0.4;
/** Long enough to see the other link carry everything, short enough to see the link come back before the end. */
const CUT_MILLIS = 4_000;

export type FaultState = 'waiting' | 'cut' | 'restored';

export class Fault {
  state: FaultState = 'waiting';
  readonly #link: SiteLink;
  readonly #say: (text: string, short: string) => void;
  #cutAt = 0;

  constructor(link: SiteLink, say: (text: string, short: string) => void) {
    this.#link = link;
    this.#say = say;
  }

  /** @param part of the file that the receiver has, 0 to 1; @param now milliseconds of a monotonic clock */
  async look(part: number, now: number): Promise<void> {
    const name = `link${this.#link.index}`;
    if (this.state === 'waiting' && part >= CUT_AT) {
      await this.#link.set({ blackHole: true });
      this.state = 'cut';
      this.#cutAt = now;
      this.#say(
        `--- ${name} is cut: it swallows everything from now on, its interfaces stay up ---`,
        `${name} is cut`,
      );
    } else if (this.state === 'cut' && now - this.#cutAt >= CUT_MILLIS) {
      await this.#link.set({ blackHole: false });
      this.state = 'restored';
      this.#say(`--- ${name} carries again ---`, `${name} is open again`);
    }
  }
}
