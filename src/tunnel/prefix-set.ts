/**
 * Networks of both families, and whether one of them holds an address.
 *
 * Contract: `holds` reads the address of a packet where it lies. Allocates nothing.
 */
export type PrefixBytes = { readonly bytes: Uint8Array; readonly length: number };

type Network = { readonly words: Int32Array; readonly masks: Int32Array };

export class PrefixSet {
  readonly #ipv4: readonly Network[];
  readonly #ipv6: readonly Network[];

  constructor(prefixes: readonly PrefixBytes[]) {
    this.#ipv4 = prefixes.filter(({ bytes }) => bytes.length === 4).map(networkOf);
    this.#ipv6 = prefixes.filter(({ bytes }) => bytes.length === 16).map(networkOf);
  }

  get isEmpty(): boolean {
    return this.#ipv4.length + this.#ipv6.length === 0;
  }

  holds(data: DataView, at: number, ipv4: boolean): boolean {
    const networks = ipv4 ? this.#ipv4 : this.#ipv6;
    for (let index = 0; index < networks.length; index++) {
      if (isIn(networks[index] as Network, data, at)) return true;
    }
    return false;
  }
}

function isIn({ words, masks }: Network, data: DataView, at: number): boolean {
  for (let word = 0; word < words.length; word++) {
    if ((data.getInt32(at + word * 4) & (masks[word] as number)) !== words[word]) return false;
  }
  return true;
}

function networkOf({ bytes, length }: PrefixBytes): Network {
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
