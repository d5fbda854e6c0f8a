/** Packets that are neither the tunnel's nor kept: over a virtual line to the far side and back. */
import type { VirtualNetwork } from '../virtual-network.ts';
import type { VirtualTime } from './virtual-time.ts';

export class Journey {
  readonly #network: VirtualNetwork;
  readonly #time: VirtualTime;

  constructor(network: VirtualNetwork, time: VirtualTime) {
    this.#network = network;
    this.#time = time;
  }

  /** @param arrived called when the answer is back; not at all when either way lost it */
  thereAndBack(link: number, bytes: number, arrived: () => void): void {
    const there = this.#network.link('a', link).carry(bytes, this.#time.now);
    if (there === undefined) return;
    this.#time.at(there, () => {
      const back = this.#network.link('b', link).carry(bytes, this.#time.now);
      if (back !== undefined) this.#time.at(back, arrived);
    });
  }
}
