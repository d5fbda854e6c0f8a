/**
 * What a line loses, and what follows from it: how long its queue may become, and how much it may be asked for.
 *
 * Loss with a queue is a queue that is too short for us. Much loss without one may be a policer, which drops what is above
 * its rate, or bad air; the line is then not asked for much more than it delivered lately, which is right for the one
 * and does no harm to the other.
 *
 * Contract: times are µs, rates bytes per second. Allocates nothing.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';

/** So much may stand in a line's queue (µs): enough that it does not run dry while a process is late. */
export const QUEUE_TARGET = 10_000;
const LOWEST_TARGET = 4_000;
/** The loss is the mean of about so much of the line's time (µs). */
const MEMORY = 300_000;
/** Less than this says nothing about loss (bytes). */
const LEAST_EVIDENCE = 50_000;
/** More loss than this with a queue: the line's queue is shorter than our target. */
const OVERFLOW_LOSS = 0.02;
/** How fast the target follows. */
const SHRINK = 0.9;
const GROW = 1.01;
/** More loss than this: the line may drop what is too much. */
const MUCH_LOSS = 0.1;
/** A line that loses so much is not asked for more than this times what it delivered lately. */
const MOST_OF_DELIVERED = 1.1;
const DELIVERED_WINDOW = 5_000_000;

export class LineLoss {
  /** Share of the bytes that did not arrive, lately. */
  share = DOUBLE_ZERO;
  /** How much may stand in the queue (µs). */
  target = QUEUE_TARGET + DOUBLE_ZERO;

  /** The most that was delivered in this window and in the one before. */
  #delivered = DOUBLE_ZERO;
  #deliveredBefore = DOUBLE_ZERO;
  #windowEnd = DOUBLE_ZERO;

  get isMuch(): boolean {
    return this.share > MUCH_LOSS && this.#delivered > 0;
  }

  /** What the line may be asked for at the most. */
  get mostRate(): number {
    if (!this.isMuch) return Number.POSITIVE_INFINITY;
    return MOST_OF_DELIVERED * Math.max(this.#delivered, this.#deliveredBefore);
  }

  /** Of `due` bytes `arrived` came, in so much of the line's time up to `at`, the last of them through this queue. */
  observe(due: number, arrived: number, time: number, queue: number, at: number): void {
    if (due <= 0) return;
    const lost = Math.max(0, 1 - arrived / due);
    this.share += (lost - this.share) * Math.min(1, time / MEMORY);
    if (due > LEAST_EVIDENCE) {
      this.#learnDelivered((arrived * 1e6) / time, at);
      if (queue > LOWEST_TARGET && lost > OVERFLOW_LOSS && this.share > OVERFLOW_LOSS) {
        this.target = Math.max(LOWEST_TARGET, this.target * SHRINK);
        return;
      }
    }
    if (this.target < QUEUE_TARGET) this.target = Math.min(QUEUE_TARGET, this.target * GROW);
  }

  #learnDelivered(rate: number, at: number): void {
    if (at > this.#windowEnd) {
      this.#deliveredBefore = this.#delivered;
      this.#delivered = 0;
      this.#windowEnd = at + DELIVERED_WINDOW;
    }
    if (rate > this.#delivered) this.#delivered = rate;
  }
}
