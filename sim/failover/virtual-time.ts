/**
 * The clock of a simulated gateway, and what waits for it.
 *
 * Contract: nothing happens but by `run`, which calls what is due in the order of time, and of asking within one moment. A `sleep` is a
 * promise: after `run` has ended one, whoever plays lets promises have their say before time goes on (`hasWoken`).
 */

export type Timer = { readonly at: number; call: (() => void) | undefined };

export class VirtualTime {
  /** µs from the history's beginning. */
  now = 0;
  readonly #timers: Timer[] = [];
  #woken = false;

  /** Monotonic milliseconds, as the product's machines want them. */
  get millis(): number {
    return this.now / 1000;
  }

  get nextAt(): number {
    return this.#timers[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Whether promises may have something to do; asked once. */
  hasWoken(): boolean {
    const woken = this.#woken;
    this.#woken = false;
    return woken;
  }

  /** A promise was begun whose parts follow one another without sleeping. */
  wake(): void {
    this.#woken = true;
  }

  after(millis: number, call: () => void): Timer {
    return this.at(this.now + millis * 1000, call);
  }

  at(micros: number, call: () => void): Timer {
    const timer = { at: Math.max(this.now, Math.ceil(micros)), call };
    let index = this.#timers.length;
    while (index > 0 && (this.#timers[index - 1] as Timer).at > timer.at) index--;
    this.#timers.splice(index, 0, timer);
    return timer;
  }

  cancel(timer: Timer | undefined): void {
    if (timer !== undefined) timer.call = undefined;
  }

  sleep(millis: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(millis, () => {
        this.#woken = true;
        resolve();
      });
    });
  }

  /** Calls what is due. */
  run(): void {
    while (this.nextAt <= this.now) this.#timers.shift()?.call?.();
  }
}
