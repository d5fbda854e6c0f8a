/**
 * Which source addresses inner packets from a peer may have.
 *
 * Contract: `allows` reads the source of the IP packet at `start` (checked before to be one) and says whether a
 * configured network holds it. The last allowed source is remembered, as packets come in flows. Allocates nothing.
 */
import { isIpv4 } from './offload/ip-packet.ts';
import { type PrefixBytes, PrefixSet } from './prefix-set.ts';

export class InnerSources {
  readonly #allowed: PrefixSet;
  #last4 = 0;
  #last4Valid = false;
  readonly #last6 = new Int32Array(4);
  #last6Valid = false;

  constructor(prefixes: readonly PrefixBytes[]) {
    this.#allowed = new PrefixSet(prefixes);
  }

  allows(data: DataView, start: number): boolean {
    return isIpv4(data, start) ? this.#allows4(data, start + 12) : this.#allows6(data, start + 8);
  }

  #allows4(data: DataView, at: number): boolean {
    const source = data.getInt32(at);
    if (this.#last4Valid && source === this.#last4) return true;
    if (!this.#allowed.holds(data, at, true)) return false;
    this.#last4 = source;
    this.#last4Valid = true;
    return true;
  }

  #allows6(data: DataView, at: number): boolean {
    if (this.#last6Valid && this.#isLast6(data, at)) return true;
    if (!this.#allowed.holds(data, at, false)) return false;
    for (let word = 0; word < 4; word++) this.#last6[word] = data.getInt32(at + word * 4);
    this.#last6Valid = true;
    return true;
  }

  #isLast6(data: DataView, at: number): boolean {
    for (let word = 0; word < 4; word++) {
      if (data.getInt32(at + word * 4) !== this.#last6[word]) return false;
    }
    return true;
  }
}
