/**
 * Which path the next burst takes.
 *
 * Contract: `choose` names a path among those that carry; `charge` books a burst on it. Each path has a clock of its
 * own that runs on by size over weight with each burst; the path that is furthest behind is next. Paths share in
 * proportion to their weights, and one that returns does not claim what it missed. Allocates nothing.
 * Source: S4.2 in its simplest form; start-time fair queueing.
 */
import type { Path } from './path/path.ts';

export type ScheduledPath = {
  readonly path: Path;
  /** Relative capacity; only ratios count. */
  weight: number;
  /** The path's own clock: bytes over weight. */
  clock: number;
};

/** @returns the index of the path for the next burst; -1 without paths. */
export function choosePath(paths: readonly ScheduledPath[]): number {
  const carrying = furthestBehind(paths, 'up');
  if (carrying >= 0) return carrying;
  // Nothing carries for sure: a path in question is better than certain loss.
  const suspect = furthestBehind(paths, 'suspect');
  return suspect >= 0 ? suspect : lastHeard(paths);
}

export function chargePath(paths: readonly ScheduledPath[], index: number, bytes: number): void {
  const chosen = paths[index] as ScheduledPath;
  chosen.clock += bytes / chosen.weight;
}

/**
 * A path begins to carry: it starts level with the one furthest behind. Neither does it claim what it missed, nor does
 * it wait for what it carried while the others did not.
 */
export function levelPath(paths: readonly ScheduledPath[], joining: ScheduledPath): void {
  let lowest = Number.POSITIVE_INFINITY;
  for (const other of paths) {
    if (other !== joining && other.path.state === 'up') lowest = Math.min(lowest, other.clock);
  }
  if (lowest !== Number.POSITIVE_INFINITY) joining.clock = lowest;
}

function furthestBehind(paths: readonly ScheduledPath[], state: string): number {
  let best = -1;
  let bestClock = Number.POSITIVE_INFINITY;
  for (let index = 0; index < paths.length; index++) {
    const candidate = paths[index] as ScheduledPath;
    if (candidate.path.state !== state || candidate.clock >= bestClock) continue;
    best = index;
    bestClock = candidate.clock;
  }
  return best;
}

function lastHeard(paths: readonly ScheduledPath[]): number {
  let best = -1;
  for (let index = 0; index < paths.length; index++) {
    const candidate = paths[index] as ScheduledPath;
    if (best < 0 || candidate.path.lastHeardAt > (paths[best] as ScheduledPath).path.lastHeardAt)
      best = index;
  }
  return best;
}
