/** Datagrams on their way, by the time at which they arrive; those of one time in the order in which they left. Pure. */
import type { EndName } from './inner-packets.ts';

export type InFlight = {
  readonly at: number;
  readonly to: EndName;
  readonly link: number;
  /** By which of the sender's addresses it left. */
  readonly mouth: number;
  readonly bytes: Uint8Array;
};

export class Flight {
  readonly #rows: InFlight[] = [];

  get nextAt(): number {
    return this.#rows[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(datagram: InFlight): void {
    let index = this.#rows.length;
    while (index > 0 && (this.#rows[index - 1] as InFlight).at > datagram.at) index--;
    this.#rows.splice(index, 0, datagram);
  }

  /** @returns the next one that is due */
  take(now: number): InFlight | undefined {
    return this.nextAt <= now ? this.#rows.shift() : undefined;
  }
}
