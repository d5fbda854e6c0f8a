/**
 * Gives back what TLS handshakes needed for the moment, once a row of them is over: hundreds of sites that come at the same time
 * leave some ten megabytes of holes.
 *
 * Contract: `used` is called for every handshake; the memory goes back when there was none for a while.
 */

/** Sites that come back after an outage come within seconds. */
const QUIET_MILLIS = 5_000;

export class HandshakeMemory {
  readonly #giveBack: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  used(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#giveBack, QUIET_MILLIS);
    this.#timer.unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
