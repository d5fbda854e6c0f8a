/**
 * What a path's line delivers, measured from our own traffic: its rate, its delay, and how much stands in its queue.
 *
 * The far side reports, per path, the newest packet, when it came, and how many bytes came in all. From this follow
 *  - the delay of that packet: the line's own, and its queue (line-delay.ts);
 *  - the rate: while the line works without a pause, what arrives is all that it can carry (line-rate.ts);
 *  - what it loses (line-loss.ts);
 *  - when the line will have delivered what is under way: the arrival of the newest packet known, and what was sent
 *    after it over the rate. Each report anchors this anew, so that errors do not add up; where none comes, it holds nobody
 *    back for longer than one should take.
 *
 * Contract: bytes are those of ESP packets with `OVERHEAD` each. Times are µs of our clock; what the far side's clock
 * adds to delays is the same for all paths of a tunnel, so that they can be compared with each other and with nothing
 * else. Allocates nothing per packet.
 * Source: design, "Scheduling, order, repair"; decisions/0011.
 */
import { DOUBLE_ZERO } from '../double-zero.ts';
import { LineDelay } from './line-delay.ts';
import { LineLoss, QUEUE_TARGET } from './line-loss.ts';
import { LineRate } from './line-rate.ts';
import { REPORT_INTERVAL } from './path.ts';
import { SentBursts } from './sent-bursts.ts';

export { QUEUE_TARGET };

/** IP and UDP in front of each ESP packet: on slow lines small packets are mostly this. */
const OVERHEAD = 28;
/** On slow lines the queue may hold some packets, which take longer than the target (bytes). */
const LEAST_QUEUE = 4_500;
/** A queue that stands and is longer than this is there; a shorter one may be the noise of two machines (µs). */
const QUEUE_NOISE = 4_000;
/** It stands when so many samples in a row show it: 80 ms. */
const STEADY_SAMPLES = 4;
/** A line is without work only when it was so for longer than this (µs). */
const DRY_NOISE = 1_000;
/** Samples over less time than this say little (µs). */
const SHORTEST_SAMPLE = 4_000;
/** The far side may have received so much more than was sent since: what came over another path for a moment (bytes). */
const MISCOUNTED = 65_536;
/** How long news of what is under way is waited for at the most, and before a round trip was measured (µs). */
const LONGEST_SILENCE = 1_000_000;
/** How often one looks whether what was blocked still is, where nobody tells (µs). */
const BLOCKED_LOOK = 20_000;

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
  /** What carries it takes nothing at the moment. */
  blocked = false;

  readonly #bursts = new SentBursts();
  readonly #delay = new LineDelay();
  readonly #rate = new LineRate();
  readonly #loss = new LineLoss();
  #sent = DOUBLE_ZERO;
  #takenSent = DOUBLE_ZERO;
  /** When the line will be clear of what was sent, by our clock at our end (µs). */
  #clearAt = DOUBLE_ZERO;
  /** When something was sent, or anything new was reported, last (µs). */
  #stirredAt = DOUBLE_ZERO;
  #roundTrip = DOUBLE_ZERO;
  /** The last sample: when the newest packet of it arrived, and what had been received and covered. */
  #sampleAt = DOUBLE_ZERO;
  #samplePackets = DOUBLE_ZERO;
  #sampleBytes = DOUBLE_ZERO;
  #sampleCovered = DOUBLE_ZERO;
  #sampleAgain = DOUBLE_ZERO;
  /** When the line would have begun with what was sent after the sample's newest packet, by our clock (µs). */
  #sampleClear = DOUBLE_ZERO;
  /** The queues of the last samples, in turn (µs). */
  readonly #queues = new Float64Array(STEADY_SAMPLES);
  #nextQueue = 0;

  /** @param rate what is known of the line's rate (bytes per second), if anything */
  constructor(rate?: number) {
    if (rate !== undefined) this.#rate.declare(rate);
  }

  /** Bytes per second. */
  get rate(): number {
    return this.#rate.value;
  }

  /** The rate as far as the line has shown it; 0 before (bytes per second). */
  get measuredRate(): number {
    return this.#rate.isMeasured ? this.#rate.value : 0;
  }

  /** The delay with an empty queue (µs), and the difference of the clocks. */
  get base(): number {
    return this.#delay.base;
  }

  /** What the queue was at the last report (µs). */
  get queue(): number {
    return this.#delay.queue;
  }

  /** Share of the bytes that did not arrive, lately. */
  get loss(): number {
    return this.#loss.share;
  }

  /** How long a packet given to the line now waits for those before it (µs). */
  queueAt(now: number): number {
    return this.#clearAt > now ? this.#clearAt - now : 0;
  }

  /** Whether the queue is as long as it should be; the line is then held back, which later measurements want to know. */
  isFull(now: number): boolean {
    if (this.blocked) return true;
    if (this.#delay.isLooking(now)) return this.#delay.roomAt(this.#clearAt) > now;
    if (this.#clearAt - now <= this.#fullQueue || now >= this.#newsBy) return false;
    this.#delay.heldBack();
    this.#rate.heldBack();
    return true;
  }

  /** When the line will have room again (µs), as long as it is full; whoever is blocked has to be asked again. */
  roomAt(now: number): number {
    if (this.blocked) return now + BLOCKED_LOOK;
    if (this.#delay.isLooking(now)) return this.#delay.roomAt(this.#clearAt);
    return Math.min(this.#clearAt - this.#fullQueue, this.#newsBy);
  }

  /** Bytes that were sent since this was asked last. */
  takeCarried(): number {
    const carried = this.#sent - this.#takenSent;
    this.#takenSent = this.#sent;
    return carried;
  }

  /** When so many bytes given to the line now will have arrived (µs; comparable between the paths of a tunnel). */
  arrivalOf(bytes: number, now: number): number {
    return Math.max(this.#clearAt, now) + this.#delay.base + (bytes * 1e6) / this.#rate.value;
  }

  /**
   * `packets` packets up to number `last` were sent in one burst, for the first time or again.
   * @param copied they go over another path as well, and the far side counts only those that come first
   */
  sent(spi: number, last: number, packets: number, bytes: number, now: number, copied = false): void {
    const weighed = bytes + packets * OVERHEAD;
    this.#sent += weighed;
    this.#stirredAt = now;
    const begin = Math.max(this.#clearAt, now);
    this.#bursts.add(spi, last - packets + 1, last, this.#sent, weighed, begin - now, now, copied);
    this.#clearAt = begin + (weighed * 1e6) / this.#rate.value;
  }

  /** A report came. @param roundTrip of the path (µs) */
  received(reception: Reception, roundTrip: number, now: number): void {
    const bursts = this.#bursts;
    if (!bursts.cover(reception.spi, reception.newest)) return;
    this.#stirredAt = now;
    this.#roundTrip = roundTrip;
    if (bursts.ambiguous) return;
    const { sentAt, covered, expectedQueue } = bursts;
    const delay = (reception.arrivedClock - (sentAt >>> 0)) | 0;
    if (this.#delay.observe(delay, this.#fullQueue, this.#clearAt, roundTrip, now)) this.#sampleAt = 0;
    const { queue } = this.#delay;
    this.#rate.met(queue, expectedQueue, this.#fullQueue);
    this.#sample(sentAt + delay, sentAt + queue, covered, reception);
    const undisturbed = !this.#delay.isDisturbed(roundTrip, now);
    const noQueue = queue < QUEUE_NOISE;
    this.#rate.covered(covered, this.#sent, this.#fullQueue, this.#loss.mostRate, undisturbed, noQueue);
    this.#clearAt = sentAt + queue + ((this.#sent - covered) * 1e6) / this.#rate.value;
  }

  /** What is under way is lost or nobody's any more; what was measured of the line may hold. */
  forget(): void {
    this.#bursts.clear();
    this.#delay.forget();
    this.#clearAt = 0;
    this.#roundTrip = 0;
  }

  /**
   * When the next report that tells anything new should have come (µs). Later than that the end of what was sent is lost, or we are
   * wrong about the line: the next burst, and the report of it, will tell (as the tail loss probe of RFC 8985, 7).
   */
  get #newsBy(): number {
    const wait = 2 * this.#roundTrip + REPORT_INTERVAL + (LEAST_QUEUE * 1e6) / this.#rate.value;
    return this.#stirredAt + (this.#roundTrip === 0 ? LONGEST_SILENCE : Math.min(LONGEST_SILENCE, wait));
  }

  /** How long the queue may be (µs). */
  get #fullQueue(): number {
    return Math.max(this.#loss.target, (LEAST_QUEUE * 1e6) / this.#rate.value);
  }

  /** A queue that stands is in every sample; a process that was late now and then is not (µs). */
  get #steadyQueue(): number {
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < STEADY_SAMPLES; index++) {
      lowest = Math.min(lowest, this.#queues[index] as number);
    }
    return lowest;
  }

  /** @param clearAt when the line began with what followed the newest packet (µs) */
  #sample(arrivedAt: number, clearAt: number, covered: number, { packets, bytes }: Reception): void {
    const time = arrivedAt - this.#sampleAt;
    const first = this.#sampleAt === 0;
    if (!first && time < SHORTEST_SAMPLE) return;
    this.#queues[this.#nextQueue] = this.#delay.queue;
    this.#nextQueue = (this.#nextQueue + 1) % STEADY_SAMPLES;
    const newPackets = (packets - this.#samplePackets) >>> 0;
    const newBytes = ((bytes - this.#sampleBytes) >>> 0) + newPackets * OVERHEAD;
    const due = covered - this.#sampleCovered;
    const dueAgain = this.#bursts.coveredAgain - this.#sampleAgain;
    const busy = !first && this.#wasBusy(due, time);
    this.#bursts.release();
    this.#sampleAt = arrivedAt;
    this.#sampleClear = clearAt;
    this.#samplePackets = packets;
    this.#sampleBytes = bytes;
    this.#sampleCovered = covered;
    this.#sampleAgain = this.#bursts.coveredAgain;
    // Much more than was sent: the far side counts anew.
    if (first || newBytes > due + MISCOUNTED) return;
    // The far side does not count what comes a second time: it used the line all the same, and is no loss.
    const arrived = newBytes + Math.min(dueAgain, Math.max(0, due - newBytes));
    this.#loss.observe(due, arrived, time, this.#delay.queue, arrivedAt);
    const most = this.#loss.mostRate;
    this.#rate.bound(most);
    if (busy) this.#rate.observe(arrived, time, this.#steadyQueue > this.#fullQueue, most);
  }

  /** Whether the line worked without a pause since the last sample: a queue that stands, and enough sent in time between. */
  #wasBusy(due: number, time: number): boolean {
    if (this.#steadyQueue < Math.min(QUEUE_NOISE, this.#fullQueue / 2) || due <= 0) return false;
    return !this.#bursts.ranDry(this.#sampleClear + DRY_NOISE, this.#sampleCovered, time / due);
  }
}
