/**
 * Gives back what TLS handshakes needed for the moment, once a row of them is over: hundreds of sites that come at the same time
 * leave some ten megabytes of holes.
 *
 * Contract: `used` is called for every handshake; the memory goes back when there was none for a while. `giveBack` is told how many there
 * were.
 */

/** Sites that come back after an outage come within seconds. */
const QUIET_MILLIS = 5_000;

export class HandshakeMemory {
  readonly #giveBack: (handshakes: number) => void;
  #handshakes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(giveBack: (handshakes: number) => void) {
    this.#giveBack = giveBack;
  }

  used(): void {
    this.#handshakes++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rowIsOver(), QUIET_MILLIS);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #rowIsOver(): void {
    const handshakes = this.#handshakes;
    this.#handshakes = 0;
    this.#giveBack(handshakes);
  }
}
