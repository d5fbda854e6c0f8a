/**
 * What must hold of the datagrams on the links, as far as a stranger can see it.
 *
 * - A sequence number under one SPI is one packet: its nonce is never used for other bytes.
 * - What was sent more than a second ago is not sent again, and nothing is sent again and again (bounds of repair).
 *
 * Contract: pure. `sent` returns what is wrong, if anything. Times are µs.
 */

/** docs/decisions/0015-repair.md, "Bounds". */
const LONGEST_AGE = 1_000_000;
/** In a second, at once when its path dies and each time that a repair is overdue by more than a round trip and 50 ms. */
const MOST_COPIES = 20;

type Seen = { readonly tag: number; readonly at: number; copies: number };

export class WireWatch {
  /** The most often that one packet was sent. */
  mostCopies = 0;
  readonly #seen = new Map<number, Map<number, Seen>>();

  sent(bytes: Uint8Array, now: number): string | undefined {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const spi = data.getUint32(0);
    const sequence = data.getUint32(4);
    const tag = hashOf(data);
    const numbers = this.#numbersOf(spi);
    const before = numbers.get(sequence);
    if (before === undefined) {
      numbers.set(sequence, { tag, at: now, copies: 1 });
      return undefined;
    }
    const name = `packet ${sequence} under SPI 0x${spi.toString(16)}`;
    before.copies++;
    this.mostCopies = Math.max(this.mostCopies, before.copies);
    if (before.tag !== tag) return `${name} is two packets: a nonce was used twice`;
    if (now - before.at > LONGEST_AGE) return `${name} was sent again after ${now - before.at} µs`;
    if (before.copies > MOST_COPIES) return `${name} was sent ${before.copies} times`;
    return undefined;
  }

  #numbersOf(spi: number): Map<number, Seen> {
    const known = this.#seen.get(spi);
    if (known !== undefined) return known;
    const fresh = new Map<number, Seen>();
    this.#seen.set(spi, fresh);
    return fresh;
  }
}

/** FNV-1a by words: datagrams are a multiple of 4 long. */
function hashOf(data: DataView): number {
  let hash = 0x811c_9dc5 | 0;
  for (let at = 0; at + 4 <= data.byteLength; at += 4)
    hash = Math.imul(hash ^ data.getInt32(at), 0x0100_0193);
  return hash;
}
