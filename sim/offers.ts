/**
 * When which flow offers its next packet.
 *
 * Besides the history's flows there is a pilot each way: one packet before all others, and from the healing on a few a
 * second until the history ends. The first packet is alone, so that a worker that has served another history before
 * knows no better than a new one when its device was last busy.
 *
 * Contract: pure. `take` gives what is due, one offer at a time. Times are µs.
 */
import type { History, TimedFlow } from './history.ts';
import type { EndName, Flow } from './inner-packets.ts';
import { Ledger } from './ledger.ts';

const PILOT_AT = 400_000;
/** By weight a path waits for its turn until the others had as much as its last superpacket: well within ten seconds. */
const PILOT_INTERVAL = 50_000;
const PILOT_PAYLOAD = 800;
const PILOTS = 90;

type Schedule = { readonly flow: TimedFlow; at: number; left: number };

export class Offers {
  readonly ledger: Ledger;
  readonly #schedules: Schedule[];
  readonly #healedAt: number;

  constructor({ flows, healedAt }: History) {
    const all = [...flows, pilot('a', healedAt), pilot('b', healedAt)];
    this.#schedules = all.map((flow) => ({
      flow,
      at: flow.id >= PILOTS ? PILOT_AT : flow.begins,
      left: flow.burst,
    }));
    this.#healedAt = healedAt;
    this.ledger = new Ledger(all);
  }

  get nextAt(): number {
    return this.#schedules.reduce((first, { at }) => Math.min(first, at), Number.POSITIVE_INFINITY);
  }

  /** @returns the flow whose next packet is due */
  take(now: number): Flow | undefined {
    const schedule = this.#schedules.find(({ at }) => at <= now);
    if (schedule === undefined) return undefined;
    const { flow } = schedule;
    if (--schedule.left === 0) this.#next(schedule);
    return flow;
  }

  /** Whether the history's flows go on. */
  busy(now: number): boolean {
    return this.#schedules.some(
      ({ flow, at }) => flow.id < PILOTS && at >= now && at < Number.POSITIVE_INFINITY,
    );
  }

  end(): void {
    for (const schedule of this.#schedules) schedule.at = Number.POSITIVE_INFINITY;
  }

  #next(schedule: Schedule): void {
    const { flow } = schedule;
    schedule.left = flow.burst;
    schedule.at += flow.interval;
    if (flow.id >= PILOTS) schedule.at = Math.max(schedule.at, this.#healedAt);
    if (schedule.at >= flow.ends) schedule.at = Number.POSITIVE_INFINITY;
  }
}

function pilot(from: EndName, begins: number): TimedFlow {
  return {
    id: PILOTS + (from === 'a' ? 0 : 1),
    from,
    family: 4,
    payload: PILOT_PAYLOAD,
    open: false,
    segments: 1,
    begins,
    ends: Number.POSITIVE_INFINITY,
    interval: PILOT_INTERVAL,
    burst: 1,
  };
}
