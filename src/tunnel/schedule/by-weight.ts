/**
 * The scheduler by declared weights: paths share in proportion, whatever they deliver.
 *
 * Each path has a clock of its own that runs on by size over weight with each burst; the path that is furthest behind is
 * next. One that returns does not claim what it missed.
 * Source: S4.2 in its simplest form; start-time fair queueing.
 */
import { lastResort, type ScheduledPath, type Scheduler } from './scheduler.ts';

export const byWeight: Scheduler = {
  choose(paths) {
    const free = furthestBehind(paths, false);
    if (free >= 0) return free;
    const carrying = furthestBehind(paths, true);
    return carrying >= 0 ? carrying : lastResort(paths);
  },

  /** A row that is split over paths only overtakes itself. */
  quantum() {
    return Number.POSITIVE_INFINITY;
  },

  charge(paths, index, bytes) {
    const chosen = paths[index] as ScheduledPath;
    chosen.clock += bytes / chosen.weight;
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
    if (candidate.path.state !== 'up' || (candidate.delivery.blocked && !mayBeBlocked)) continue;
    if (candidate.clock >= bestClock) continue;
    best = index;
    bestClock = candidate.clock;
  }
  return best;
}
