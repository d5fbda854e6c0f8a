/**
 * The scheduler by declared weights: paths share in proportion, whatever they deliver.
 *
 * Each path has a clock of its own that runs on by size over weight with each burst; the path that is furthest behind is
 * next. One that returns does not claim what it missed.
 * Source: S4.2 in its simplest form; start-time fair queueing.
 */
import { carries, lastResort, type ScheduledPath, type Scheduler } from './scheduler.ts';

/** So much goes over one path in one piece (bytes): a whole read of the device. */
const QUANTUM = 65_536;

/** Bytes of a burst at most. */
const LONGEST_BURST = 65_536;

export const byWeight: Scheduler = {
  choose(paths) {
    const free = furthestBehind(paths, false);
    if (free >= 0) return free;
    const carrying = furthestBehind(paths, true);
    return carrying >= 0 ? carrying : lastResort(paths);
  },

  quantum() {
    return QUANTUM;
  },

  charge(paths, index, bytes) {
    const chosen = paths[index] as ScheduledPath;
    chosen.clock += bytes / chosen.weight;
    // Pinned traffic is charged as well: no path has to make up for more of it than a burst, or it would carry alone later.
    const least = chosen.clock - LONGEST_BURST / chosen.weight;
    for (let other = 0; other < paths.length; other++) {
      const path = paths[other] as ScheduledPath;
      if (path.clock < least) path.clock = least;
    }
  },

  roomAt(paths, now) {
    let room = now;
    for (let index = 0; index < paths.length; index++) {
      const { path, delivery } = paths[index] as ScheduledPath;
      if (path.state !== 'up') continue;
      if (!delivery.blocked) return now;
      room = delivery.roomAt(now);
    }
    return room;
  },

  /**
   * It starts level with the one furthest behind. Neither does it claim what it missed, nor does it wait for what it
   * carried while the others did not.
   */
  joined(paths, joining) {
    let lowest = Number.POSITIVE_INFINITY;
    for (const other of paths) {
      if (other !== joining && other.path.state === 'up') lowest = Math.min(lowest, other.clock);
    }
    if (lowest !== Number.POSITIVE_INFINITY) joining.clock = lowest;
  },
};

/** Among those that are up, and not blocked unless it may be. */
function furthestBehind(paths: readonly ScheduledPath[], mayBeBlocked: boolean): number {
  let best = -1;
  let bestClock = Number.POSITIVE_INFINITY;
  for (let index = 0; index < paths.length; index++) {
    const candidate = paths[index] as ScheduledPath;
    if (candidate.clock >= bestClock || !carries(candidate, paths)) continue;
    if (candidate.delivery.blocked && !mayBeBlocked) continue;
    best = index;
    bestClock = candidate.clock;
  }
  return best;
}
