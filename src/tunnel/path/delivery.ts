/**
 * What a path's line delivers, measured from our own traffic: its rate, its delay, and how much stands in its queue.
 *
 * The far side reports, per path, the newest packet, when it came, and how many bytes came in all. From this follow
 *  - the delay of that packet; the lowest of the last seconds is the line's own, the rest is its queue;
 *  - the rate: while the queue is never empty, what arrives is all that the line can carry;
 *  - when the line will have delivered what is under way: the arrival of the newest packet known, and what was sent
 *    after it over the rate. Each report anchors this anew, so that errors do not add up.
 * A line that keeps no queue although we hold back carries more than we believe: the rate is raised until one appears.
 *
 * Contract: bytes are those of ESP packets with `OVERHEAD` each. Times are µs of our clock; what the far side's clock
 * adds to delays is the same for all paths of a tunnel, so that they can be compared with each other and with nothing
 * else. Allocates nothing per packet.
 * Source: design, "Scheduling, order, repair"; the estimators follow BBR (draft-ietf-ccwg-bbr, 4.1 and 4.3.4).
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { SentBursts } from './sent-bursts.ts';

/** IP and UDP in front of each ESP packet: on slow lines small packets are mostly this. */
const OVERHEAD = 28;

/** What a path is held to carry before anything was measured (bytes per second): senders feel their way themselves. */
const FIRST_RATE = 12_500_000;
/** Below this there is no line; it keeps a wrong measure from stopping a path for long. */
const LOWEST_RATE = 4_000;
/** So much may stand in a line's queue (µs): enough that it does not run dry while a process is late. */
export const QUEUE_TARGET = 10_000;
const LOWEST_TARGET = 4_000;
/** On slow lines: some packets, which take longer (bytes). */
const LEAST_QUEUE = 4_500;
/** A queue that stands and is longer than this is there; a shorter one may be the noise of two machines (µs). */
const QUEUE_NOISE = 4_000;
/** It stands when so many samples in a row show it: 80 ms. */
const STEADY_SAMPLES = 4;
/** A line is without work only when it was so for longer than this (µs). */
const DRY_NOISE = 1_000;
/** The rate is the mean of about so much of the line's time (µs). */
const RATE_MEMORY = 300_000;
/** A sample below this part of the rate, with a queue that grows, is a line that became slower: what was before is void. */
const FALLEN = 0.8;
/** Samples over less time than this say little (µs). */
const SHORTEST_SAMPLE = 4_000;
/** After so long without seeing the line's own delay we look for it, the first time and later (µs). */
const FIRST_WINDOW = 1_000_000;
const BASE_WINDOW = 5_000_000;
/** A queue that stays this many times too long, for this long (µs), although we hold back, may be the line's delay. */
const STRAIN = 2.5;
const STRAIN_TIME = 400_000;
/** A line does not pause longer than this for its queue to run empty (µs). */
const LONGEST_PAUSE = 100_000;
/** The queue is kept empty for so long that a report falls into the time, and its arrival is waited for (µs). */
const EMPTY_TIME = 25_000;
const LOOK_TIME = 40_000;
/** How often one looks whether what was blocked still is, where nobody tells (µs). */
const BLOCKED_LOOK = 20_000;
/** For so long afterwards a short queue is our own doing (µs): as many samples as show a queue that stands. */
const SETTLE_TIME = 120_000;
/** A delay that differs by so much from all that was seen is another clock's. */
const CLOCK_JUMP = 20_000_000;
/** A line that was held back, and had less than this part of the queue that we believe in, is faster than we believe. */
const QUEUE_SHORT = 0.4;
/** Faster while nothing is known, and again when this many rounds in a row found no end. */
const FAST_RAISE = 2;
const SLOW_RAISE = 1.25;
const SLOW_ROUNDS = 3;
/** A line that drops what is too much was asked for too much: it is tried in small steps for so many rounds. */
const WARY_RAISE = 1.03;
const WARY_ROUNDS = 40;
/** More loss than this without a queue: the line drops what is above its rate (a policer). */
const POLICED_LOSS = 0.1;
/** Less than this says nothing about loss (bytes). */
const LEAST_EVIDENCE = 50_000;
/** More loss than this with a queue: the line's queue is shorter than our target. */
const OVERFLOW_LOSS = 0.02;

/** A report's record of this path, as the reporter read it. */
export type Reception = {
  readonly spi: number;
  readonly newest: number;
  /** When the newest packet arrived: the far side's clock less a reference that is common to the tunnel (µs, modulo 2^32). */
  readonly arrivedClock: number;
  /** Received in all, modulo 2^32. */
  readonly packets: number;
  readonly bytes: number;
};

export class Delivery {
  /** Bytes per second. */
  rate = FIRST_RATE + DOUBLE_ZERO;
  /** The delay with an empty queue (µs), and the difference of the clocks. */
  base = DOUBLE_ZERO;
  /** How much may stand in the queue (µs). */
  target = QUEUE_TARGET + DOUBLE_ZERO;
  /** What the queue was at the last report (µs). */
  queue = DOUBLE_ZERO;
  /** Share of the bytes that did not arrive, lately. */
  loss = DOUBLE_ZERO;
  /** What carries it takes nothing at the moment. */
  blocked = false;

  /** The rate as far as the line has shown it; 0 before (bytes per second). */
  get measuredRate(): number {
    return this.#busyTime > 0 ? this.rate : 0;
  }

  readonly #bursts = new SentBursts();
  #known = false;
  #sent = DOUBLE_ZERO;
  #covered = DOUBLE_ZERO;
  /** When the line will be clear of what was sent, by our clock at our end (µs). */
  #clearAt = DOUBLE_ZERO;
  /** The last sample: when the newest packet of it arrived, and what had been received and covered. */
  #sampleAt = DOUBLE_ZERO;
  #samplePackets = DOUBLE_ZERO;
  #sampleBytes = DOUBLE_ZERO;
  #sampleCovered = DOUBLE_ZERO;
  /** When the line would have begun with what was sent after the sample's newest packet, by our clock (µs). */
  #sampleClear = DOUBLE_ZERO;
  /** The queues of the last samples, in turn (µs). */
  readonly #queues = new Float64Array(STEADY_SAMPLES);
  #nextQueue = 0;
  #busyBytes = DOUBLE_ZERO;
  #busyTime = DOUBLE_ZERO;
  /** A round: from when a byte is sent until it is covered. */
  #roundEnd = DOUBLE_ZERO;
  /** Whether the line was seen working without a pause in this round. */
  #roundBusy = false;
  /** Whether the line was held back in this round, and in the one whose bytes this round's reports tell of. */
  #limited = false;
  #limitedBefore = false;
  #fruitless = SLOW_ROUNDS;
  #windowLowest = Number.POSITIVE_INFINITY;
  #windowEnd = DOUBLE_ZERO;
  /** Held back at any time in this window: the line may never have been idle. */
  #limitedInWindow = false;
  #looking = false;
  /** No sending at all until then, and none into a queue until then (µs). */
  #pauseUntil = DOUBLE_ZERO;
  #emptyUntil = DOUBLE_ZERO;
  #strainedSince = DOUBLE_ZERO;

  /** @param rate what is known of the line's rate (bytes per second), if anything */
  constructor(rate?: number) {
    if (rate !== undefined) this.rate = rate + DOUBLE_ZERO;
  }

  /** How long a packet given to the line now waits for those before it (µs). */
  queueAt(now: number): number {
    return this.#clearAt > now ? this.#clearAt - now : 0;
  }

  /** Whether the queue is as long as it should be; the line is then held back, which later measurements want to know. */
  isFull(now: number): boolean {
    if (this.blocked) return true;
    if (now < this.#emptyUntil) return now < this.#pauseUntil || this.#clearAt > now;
    if (this.#clearAt - now < this.#fullQueue) return false;
    this.#limited = true;
    this.#limitedInWindow = true;
    return true;
  }

  /** When the line will have room again (µs); whoever is blocked has to be asked again. */
  roomAt(now: number): number {
    if (this.blocked) return now + BLOCKED_LOOK;
    const room = Math.max(this.#pauseUntil, this.#clearAt - this.#fullQueue);
    return room < this.#emptyUntil
      ? Math.max(this.#pauseUntil, Math.min(this.#clearAt, this.#emptyUntil))
      : room;
  }

  /** When so many bytes given to the line now will have arrived (µs; comparable between the paths of a tunnel). */
  arrivalOf(bytes: number, now: number): number {
    return Math.max(this.#clearAt, now) + this.base + (bytes * 1e6) / this.rate;
  }

  /** `packets` packets up to number `last` were sent, in one burst. */
  sent(spi: number, last: number, packets: number, bytes: number, now: number): void {
    const weighed = bytes + packets * OVERHEAD;
    this.#sent += weighed;
    this.#bursts.add(spi, last - packets + 1, last, this.#sent, weighed, now);
    this.#clearAt = Math.max(this.#clearAt, now) + (weighed * 1e6) / this.rate;
  }

  /** Packets with numbers of earlier ones went out: they are counted with the newest before them. */
  sentAgain(packets: number, bytes: number, now: number): void {
    const weighed = bytes + packets * OVERHEAD;
    this.#sent += weighed;
    this.#bursts.extend(this.#sent, weighed);
    this.#clearAt = Math.max(this.#clearAt, now) + (weighed * 1e6) / this.rate;
  }

  /** A report came. @param roundTrip of the path (µs) */
  received(reception: Reception, roundTrip: number, now: number): void {
    if (!this.#bursts.cover(reception.spi, reception.newest)) return;
    const { sentAt, covered } = this.#bursts;
    this.#covered = covered;
    const delay = (reception.arrivedClock - (sentAt >>> 0)) | 0;
    this.#learnBase(delay, roundTrip, now);
    this.queue = delay - this.base;
    this.#sample(sentAt + delay, sentAt + this.queue, reception);
    if (covered >= this.#roundEnd) this.#endRound(now < this.#emptyUntil + SETTLE_TIME + roundTrip);
    this.#clearAt = sentAt + this.queue + ((this.#sent - covered) * 1e6) / this.rate;
  }

  /** What is under way is lost or nobody's any more; what was measured of the line may hold. */
  forget(): void {
    this.#bursts.clear();
    this.#covered = this.#sent;
    this.#clearAt = 0;
    this.#known = false;
    this.#pauseUntil = 0;
    this.#emptyUntil = 0;
  }

  /** How long the queue may be (µs). */
  /** A queue that stands is in every sample; a process that was late now and then is not (µs). */
  get #steadyQueue(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < STEADY_SAMPLES; index++) {
      lowest = Math.min(lowest, this.#queues[index] as number);
    }
    return lowest;
  }

  get #fullQueue(): number {
    return Math.max(this.target, (LEAST_QUEUE * 1e6) / this.rate);
  }

  #learnBase(delay: number, roundTrip: number, now: number): void {
    if (!this.#known || Math.abs(delay - this.base) > CLOCK_JUMP) {
      this.#known = true;
      this.base = delay;
      this.#sampleAt = 0;
      this.#openWindow(now);
      this.#windowEnd = now + FIRST_WINDOW;
      return;
    }
    if (delay < this.base) this.base = delay;
    if (delay < this.#windowLowest) this.#windowLowest = delay;
    if (delay - this.base < STRAIN * this.#fullQueue) this.#strainedSince = now;
    const strained = !this.#looking && now - this.#strainedSince > STRAIN_TIME + roundTrip;
    if (now < this.#windowEnd && !strained) return;
    if (this.#looking || !this.#limitedInWindow) {
      // Clocks drift and routes change: the lowest of the window is what the line's delay is now.
      this.base = this.#windowLowest;
      this.#openWindow(now);
      return;
    }
    this.#look(roundTrip, now);
  }

  /** A line that was never idle hides its own delay behind its queue: it gets a pause, in which the queue runs empty. */
  #look(roundTrip: number, now: number): void {
    this.#looking = true;
    this.#pauseUntil = Math.min(Math.max(this.#clearAt, now), now + LONGEST_PAUSE) + this.#fullQueue;
    this.#windowLowest = Number.POSITIVE_INFINITY;
    this.#emptyUntil = this.#pauseUntil + EMPTY_TIME;
    this.#windowEnd = this.#emptyUntil + LOOK_TIME + roundTrip;
  }

  #openWindow(now: number): void {
    this.#looking = false;
    this.#limitedInWindow = false;
    this.#windowLowest = Number.POSITIVE_INFINITY;
    this.#windowEnd = now + BASE_WINDOW;
    this.#strainedSince = now;
  }

  /** @param clearAt when the line began with what followed the newest packet (µs) */
  #sample(arrivedAt: number, clearAt: number, { packets, bytes }: Reception): void {
    const time = arrivedAt - this.#sampleAt;
    const first = this.#sampleAt === 0;
    if (!first && time < SHORTEST_SAMPLE) return;
    this.#queues[this.#nextQueue] = this.queue;
    this.#nextQueue = (this.#nextQueue + 1) % STEADY_SAMPLES;
    const newPackets = (packets - this.#samplePackets) >>> 0;
    const newBytes = ((bytes - this.#sampleBytes) >>> 0) + newPackets * OVERHEAD;
    const due = this.#covered - this.#sampleCovered;
    const busy = !first && this.#wasBusy(due, time);
    this.#bursts.release();
    this.#sampleAt = arrivedAt;
    this.#sampleClear = clearAt;
    this.#samplePackets = packets;
    this.#sampleBytes = bytes;
    this.#sampleCovered = this.#covered;
    // More than was sent: the far side counts anew, or another path's packets.
    if (first || newBytes > due + 65_536) return;
    this.#learnLoss(due, newBytes, time);
    if (!busy) return;
    this.#roundBusy = true;
    this.#learnRate(newBytes, time);
  }

  /** Whether the line worked without a pause since the last sample: a queue at both ends, and enough sent in time between. */
  #wasBusy(due: number, time: number): boolean {
    if (this.#steadyQueue < Math.min(QUEUE_NOISE, this.#fullQueue / 2) || due <= 0) return false;
    return !this.#bursts.ranDry(this.#sampleClear + DRY_NOISE, this.#sampleCovered, time / due);
  }

  #learnRate(bytes: number, time: number): void {
    const slower = this.#steadyQueue > this.#fullQueue && (bytes * 1e6) / time < FALLEN * this.rate;
    const kept = slower || this.#busyTime === 0 ? 0 : Math.max(0, 1 - time / RATE_MEMORY);
    this.#busyBytes = this.#busyBytes * kept + bytes;
    this.#busyTime = this.#busyTime * kept + time;
    this.#setRate((this.#busyBytes * 1e6) / this.#busyTime);
  }

  #learnLoss(due: number, arrived: number, time: number): void {
    if (due <= 0) return;
    const lost = Math.max(0, 1 - arrived / due);
    const weight = Math.min(1, time / RATE_MEMORY);
    this.loss += (lost - this.loss) * weight;
    if (
      due > LEAST_EVIDENCE &&
      this.queue > LOWEST_TARGET &&
      lost > OVERFLOW_LOSS &&
      this.loss > OVERFLOW_LOSS
    ) {
      this.target = Math.max(LOWEST_TARGET, this.target * 0.9);
    } else if (this.target < QUEUE_TARGET) {
      this.target = Math.min(QUEUE_TARGET, this.target * 1.01);
    }
    const pressed = due > LEAST_EVIDENCE && (due * 1e6) / time > this.rate / 2;
    if (pressed && this.loss > POLICED_LOSS && lost > POLICED_LOSS && this.queue < QUEUE_NOISE) {
      this.#setRate((arrived * 1e6) / time);
      this.#fruitless = -WARY_ROUNDS;
      this.#limitedBefore = false;
    }
  }

  /** @param looking the queue was short because we kept it so */
  #endRound(looking: boolean): void {
    if (!looking && this.#limitedBefore && this.#steadyQueue < QUEUE_SHORT * this.#fullQueue) {
      this.#fruitless++;
      const raise = this.#raise;
      this.#setRate(this.rate * raise);
      this.#busyBytes *= raise;
    } else if (this.#roundBusy) {
      this.#fruitless = 0;
    }
    this.#roundEnd = this.#sent;
    this.#roundBusy = false;
    this.#limitedBefore = this.#limited;
    this.#limited = false;
  }

  /** By how much the rate may be tried higher: wary after losses, boldly while nothing shows an end. */
  get #raise(): number {
    if (this.#fruitless <= 0) return WARY_RAISE;
    return this.#fruitless > SLOW_ROUNDS && this.queue < QUEUE_NOISE ? FAST_RAISE : SLOW_RAISE;
  }

  #setRate(rate: number): void {
    this.rate = Math.max(LOWEST_RATE, rate);
  }
}
