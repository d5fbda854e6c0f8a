/**
 * The default scheduler: a burst takes the path on which it arrives first.
 *
 * A path whose queue is as long as it should be gets nothing more while another has room. When all are full there is no
 * room: the sender stops reading, and the device's own queue pushes back on those who send.
 * Source: S4.2; design, "Scheduling, order, repair".
 */
import { carries, lastResort, type ScheduledPath, type Scheduler } from './scheduler.ts';

/** What a path carries in this time goes there in one piece (s): a finer interleaving costs calls and gains nothing. */
const QUANTUM_SECONDS = 0.0005;
/**
 * The same for fast lines (s). The far side takes some hundred kilobytes from each link in turn: of shorter pieces it gets later ones
 * before earlier ones, and has to copy them until it is their turn.
 */
const FAST_QUANTUM_SECONDS = 0.002;
/** A line that carries a burst (64 KiB) in half a millisecond, 1 Gbit/s (bytes per second). */
const FAST_RATE = 131_072_000;
/** So much later may what was lost on one path arrive over another (µs). */
const WORTH_AVOIDING = 50_000;
/** For the comparison of arrivals a burst is about a packet. */
const TYPICAL_BYTES = 1_500;

/** One comes before another: what is blocked takes a burst only where every path is. */
const WITH_ROOM = 0;
const FULL = 1;
const BLOCKED = 2;

export const byArrival: Scheduler = {
  choose(paths, now, avoid) {
    // The only one is the first one.
    if (paths.length === 1) return 0;
    let best = -1;
    let bestArrival = Number.POSITIVE_INFINITY;
    let bestRank = BLOCKED;
    for (let index = 0; index < paths.length; index++) {
      const candidate = paths[index] as ScheduledPath;
      if (!carries(candidate, paths)) continue;
      const { path, delivery } = candidate;
      const rank = delivery.blocked ? BLOCKED : delivery.isFull(now) ? FULL : WITH_ROOM;
      if (rank > bestRank) continue;
      const detour = path.id === avoid ? WORTH_AVOIDING : 0;
      const arrival = delivery.arrivalOf(TYPICAL_BYTES, now) + detour;
      if (rank === bestRank && arrival >= bestArrival) continue;
      best = index;
      bestArrival = arrival;
      bestRank = rank;
    }
    return best >= 0 ? best : lastResort(paths);
  },

  quantum(paths, index) {
    if (paths.length === 1) return Number.POSITIVE_INFINITY;
    const { rate } = (paths[index] as ScheduledPath).delivery;
    return rate * (rate < FAST_RATE ? QUANTUM_SECONDS : FAST_QUANTUM_SECONDS);
  },

  charge() {},

  roomAt(paths, now) {
    let room = Number.POSITIVE_INFINITY;
    for (let index = 0; index < paths.length; index++) {
      const candidate = paths[index] as ScheduledPath;
      if (!carries(candidate, paths)) continue;
      const { delivery } = candidate;
      if (!delivery.isFull(now)) return now;
      room = Math.min(room, delivery.roomAt(now));
    }
    return room === Number.POSITIVE_INFINITY ? roomInQuestion(paths, now) : room;
  },

  joined() {},
};

/**
 * Where no path carries for sure. Most of those in question are fine, and the sender was held back by them a moment ago: all that
 * waits in the device would overflow their lines. Of others nothing is known, and nothing is held back for them.
 */
function roomInQuestion(paths: readonly ScheduledPath[], now: number): number {
  const tried = paths[lastResort(paths)];
  if (tried?.path.state !== 'suspect' || !tried.delivery.isFull(now)) return now;
  return tried.delivery.roomAt(now);
}
