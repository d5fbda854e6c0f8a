/**
 * Datagrams on their way, by the time at which they arrive; those of one time in the order in which they left.
 *
 * Contract: pure. `take` gives what is due, a row at a time: datagrams over one link that the kernel may merge, which are
 * equally long but for the last.
 */
import type { EndName } from './inner-packets.ts';

export type InFlight = {
  readonly at: number;
  readonly to: EndName;
  readonly link: number;
  /** By which of the sender's addresses it left. */
  readonly mouth: number;
  readonly bytes: Uint8Array;
};

/** The longest datagrams of a history in a row are still shorter than 64 KiB. */
const LONGEST_ROW = 40;

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

  /** @returns the next ones that are due; none when nothing is */
  take(now: number): InFlight[] {
    const first = this.#rows[0];
    if (first === undefined || first.at > now) return [];
    let count = 1;
    while (count < LONGEST_ROW && this.#follows(first, count)) count++;
    return this.#rows.splice(0, count);
  }

  /** Whether the datagram at this place goes on the row that the first one begins. */
  #follows(first: InFlight, index: number): boolean {
    const next = this.#rows[index];
    const before = this.#rows[index - 1] as InFlight;
    if (next === undefined || next.at > first.at || before.bytes.length < first.bytes.length) return false;
    const sameWay = next.to === first.to && next.link === first.link && next.mouth === first.mouth;
    return sameWay && next.bytes.length <= first.bytes.length;
  }
}
