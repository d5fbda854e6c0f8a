/**
 * A TCP connection between two hosts behind the ends of the tunnel: what one writes must come to the other, whole and in order.
 *
 * Contract: times are µs. A window of segments is under way; acknowledgements are cumulative; the first segment that is not
 * acknowledged is sent again when a timer ends, whose time doubles (RFC 6298), after three equal acknowledgements (RFC 5681), and after
 * a partial one (RFC 6582). It counts as dead when nothing was acknowledged for as long as TCP would have tried.
 */
import type { EndName, Flow } from '../inner-packets.ts';
import { otherEnd } from '../inner-packets.ts';
import type { Timer, VirtualTime } from './virtual-time.ts';

export type ConnectionPlan = {
  readonly from: EndName;
  /** Segments are written so many at once, so often. */
  readonly burst: number;
  readonly everyMillis: number;
  readonly payload: number;
};

/** 15 repetitions from 200 ms on, 120 s at most: Linux's `tcp_retries2`. */
export const GIVE_UP = 924_600_000;
const WINDOW = 32;
const SHORTEST_MILLIS = 200;
const LONGEST_MILLIS = 120_000;
const EQUAL_ACKNOWLEDGEMENTS = 3;
const ACKNOWLEDGEMENT_PAYLOAD = 12;

export class InsideConnection {
  readonly data: Flow;
  readonly acknowledgements: Flow;
  /** Written by the one, sent at least once, acknowledged by the other: numbers of segments. */
  written = 0;
  #sent = 0;
  #acknowledged = 0;
  /** The other has everything before this one. */
  #received = 0;
  readonly #waiting = new Set<number>();
  readonly #plan: ConnectionPlan;
  readonly #time: VirtualTime;
  readonly #offer: (flow: Flow) => void;
  /** What the packets of a flow carried, by their numbers. */
  readonly #segments: number[] = [];
  readonly #answers: number[] = [];
  #timer: Timer | undefined;
  #waitMillis = SHORTEST_MILLIS;
  #equal = 0;
  /** While what was lost is made up for: up to here. */
  #recovering = 0;
  #stalledSince: number | undefined;
  #stopped = false;

  /** @param offer sends the flow's next packet */
  constructor(index: number, plan: ConnectionPlan, time: VirtualTime, offer: (flow: Flow) => void) {
    const flow = { family: index % 2 === 0 ? 4 : 6, open: false, segments: 1 } as const;
    this.data = { ...flow, id: 2 * index, from: plan.from, payload: plan.payload };
    this.acknowledgements = {
      ...flow,
      id: 2 * index + 1,
      from: otherEnd(plan.from),
      payload: ACKNOWLEDGEMENT_PAYLOAD,
    };
    this.#plan = plan;
    this.#time = time;
    this.#offer = offer;
  }

  start(afterMillis: number): void {
    this.#time.after(afterMillis, () => this.#write());
  }

  /** Nothing more is written; what was is still sent. */
  stop(): void {
    this.#stopped = true;
  }

  get isComplete(): boolean {
    return this.#acknowledged === this.written && this.#received === this.written;
  }

  get received(): number {
    return this.#received;
  }

  /** Since when something is under way and nothing was acknowledged (µs). */
  get stalledSince(): number | undefined {
    return this.#stalledSince;
  }

  get isDead(): boolean {
    return this.#stalledSince !== undefined && this.#time.now - this.#stalledSince > GIVE_UP;
  }

  delivered(flow: Flow, number: number): void {
    if (flow.id === this.data.id) this.#arrived(this.#segments[number] as number);
    else if (flow.id === this.acknowledgements.id) this.#heard(this.#answers[number] as number);
  }

  #write(): void {
    if (this.#stopped || this.isDead) return;
    this.written += this.#plan.burst;
    this.#sendNew();
    this.#time.after(this.#plan.everyMillis, () => this.#write());
  }

  #sendNew(): void {
    while (this.#sent < this.written && this.#sent < this.#acknowledged + WINDOW) this.#send(this.#sent++);
    if (this.#timer === undefined && this.#acknowledged < this.#sent) this.#watch();
  }

  #send(segment: number): void {
    this.#stalledSince ??= this.#time.now;
    this.#segments.push(segment);
    this.#offer(this.data);
  }

  #watch(): void {
    this.#time.cancel(this.#timer);
    this.#timer = undefined;
    if (this.#acknowledged === this.#sent) return;
    this.#timer = this.#time.after(this.#waitMillis, () => {
      this.#waitMillis = Math.min(LONGEST_MILLIS, this.#waitMillis * 2);
      this.#repeat();
      this.#watch();
    });
  }

  #repeat(): void {
    this.#recovering = this.#sent;
    if (!this.isDead) this.#send(this.#acknowledged);
  }

  #arrived(segment: number): void {
    if (segment >= this.#received) this.#waiting.add(segment);
    while (this.#waiting.delete(this.#received)) this.#received++;
    this.#answers.push(this.#received);
    this.#offer(this.acknowledgements);
  }

  #heard(next: number): void {
    if (next < this.#acknowledged || this.#acknowledged === this.#sent) return;
    if (next === this.#acknowledged) {
      if (++this.#equal === EQUAL_ACKNOWLEDGEMENTS && this.#recovering <= next) this.#repeat();
      return;
    }
    this.#acknowledged = next;
    this.#equal = 0;
    this.#waitMillis = SHORTEST_MILLIS;
    this.#stalledSince = next < this.#sent ? this.#time.now : undefined;
    if (next < this.#recovering) this.#send(next);
    this.#watch();
    this.#sendNew();
  }
}
