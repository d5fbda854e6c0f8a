/**
 * The runs of a tunnel's initiator, by their instances: which one has the tunnel, and which ones had it before.
 *
 * Contract: a gateway that starts anew has another instance and never the old one again. An instance that comes back after
 * another one had the tunnel is therefore a second gateway with the same key. Holds a bounded number of them.
 */

/** More clones of one key at a time than this are not told apart: they take the tunnel from each other. */
const maxReplaced = 8;

export class PeerRuns {
  #present: string | undefined;
  readonly #replaced = new Set<string>();

  /** The instance takes the tunnel. @returns whether another one had it before */
  meet(instance: Uint8Array): boolean {
    const name = instance.toHex();
    const previous = this.#present;
    this.#present = name;
    this.#replaced.delete(name);
    if (previous === undefined || previous === name) return false;
    this.#replaced.add(previous);
    const [oldest] = this.#replaced;
    if (this.#replaced.size > maxReplaced && oldest !== undefined) this.#replaced.delete(oldest);
    return true;
  }

  isReplaced(instance: Uint8Array): boolean {
    return this.#replaced.has(instance.toHex());
  }
}
