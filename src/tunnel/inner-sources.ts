/**
 * Which source addresses inner packets from a peer may have.
 *
 * Contract: `allows` reads the source of the IP packet at `start` (checked before to be one) and says whether a
 * configured network holds it. The last allowed source is remembered, as packets come in flows. Allocates nothing.
 */
import { isIpv4 } from './offload/ip-packet.ts';

type Network = { readonly words: Int32Array; readonly masks: Int32Array };

export class InnerSources {
  readonly #ipv4: Network[] = [];
  readonly #ipv6: Network[] = [];
  #last4 = 0;
  #last4Valid = false;
  readonly #last6 = new Int32Array(4);
  #last6Valid = false;

  constructor(prefixes: readonly { readonly bytes: Uint8Array; readonly length: number }[]) {
    for (const prefix of prefixes) {
      (prefix.bytes.length === 4 ? this.#ipv4 : this.#ipv6).push(networkOf(prefix.bytes, prefix.length));
    }
  }

  allows(data: DataView, start: number): boolean {
    return isIpv4(data, start) ? this.#allows4(data.getInt32(start + 12)) : this.#allows6(data, start + 8);
  }

  #allows4(source: number): boolean {
    if (this.#last4Valid && source === this.#last4) return true;
    for (let index = 0; index < this.#ipv4.length; index++) {
      const network = this.#ipv4[index] as Network;
      if ((source & (network.masks[0] as number)) !== network.words[0]) continue;
      this.#last4 = source;
      this.#last4Valid = true;
      return true;
    }
    return false;
  }

  #allows6(data: DataView, at: number): boolean {
    if (this.#last6Valid && this.#isLast6(data, at)) return true;
    for (let index = 0; index < this.#ipv6.length; index++) {
      if (!holds6(this.#ipv6[index] as Network, data, at)) continue;
      for (let word = 0; word < 4; word++) this.#last6[word] = data.getInt32(at + word * 4);
      this.#last6Valid = true;
      return true;
    }
    return false;
  }

  #isLast6(data: DataView, at: number): boolean {
    for (let word = 0; word < 4; word++) {
      if (data.getInt32(at + word * 4) !== this.#last6[word]) return false;
    }
    return true;
  }
}

function holds6(network: Network, data: DataView, at: number): boolean {
  for (let word = 0; word < 4; word++) {
    if ((data.getInt32(at + word * 4) & (network.masks[word] as number)) !== network.words[word])
      return false;
  }
  return true;
}

function networkOf(bytes: Uint8Array, length: number): Network {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Int32Array(bytes.length / 4);
  const masks = new Int32Array(bytes.length / 4);
  for (let word = 0; word < words.length; word++) {
    const bits = Math.min(32, Math.max(0, length - word * 32));
    masks[word] = bits === 0 ? 0 : -1 << (32 - bits);
    words[word] = view.getInt32(word * 4) & (masks[word] as number);
  }
  return { words, masks };
}
