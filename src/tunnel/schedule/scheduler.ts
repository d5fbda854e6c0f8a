/**
 * Schedulers: which path the next burst takes, and when there is room for one at all.
 *
 * Contract: whoever sends asks `roomAt` before it reads what is to be sent, `choose` for each burst, and books it by
 * `charge`; `quantum` says how much of a longer row goes there before `choose` is asked again. A scheduler is stateless:
 * what it knows of a path is in the path. Allocates nothing.
 */
import type { Delivery } from '../path/delivery.ts';
import type { Path, PathState } from '../path/path.ts';

export type ScheduledPath = {
  readonly path: Path;
  delivery: Delivery;
  /** Relative capacity; only ratios count. */
  weight: number;
  /** The path's own clock, by weight: bytes over weight. */
  clock: number;
  /** Left out by the guard: used when no other is up. */
  demoted: boolean;
};

/** Whether the path takes its part. */
export function carries({ path, demoted }: ScheduledPath, paths: readonly ScheduledPath[]): boolean {
  return path.state === 'up' && (!demoted || !anyOtherUp(paths));
}

function anyOtherUp(paths: readonly ScheduledPath[]): boolean {
  for (let index = 0; index < paths.length; index++) {
    const { path, demoted } = paths[index] as ScheduledPath;
    if (path.state === 'up' && !demoted) return true;
  }
  return false;
}

export type Scheduler = {
  /**
   * @param now µs. @param avoid the id of a path that is taken only where another is much worse; -1 for none
   * @returns the index of the path for the next burst; -1 without paths
   */
  choose(paths: readonly ScheduledPath[], now: number, avoid: number): number;
  /** How many bytes may follow on this path before another could be the better one. */
  quantum(paths: readonly ScheduledPath[], index: number): number;
  charge(paths: readonly ScheduledPath[], index: number, bytes: number): void;
  /** When any path has room (µs): in the past when there is some now. */
  roomAt(paths: readonly ScheduledPath[], now: number): number;
  /** A path begins to carry. */
  joined(paths: readonly ScheduledPath[], joining: ScheduledPath): void;
};

/** The path on which a copy arrives first that goes over another one than the first copy; -1 when no other is up. */
export function secondPath(
  paths: readonly ScheduledPath[],
  first: number,
  bytes: number,
  now: number,
): number {
  let best = -1;
  let bestArrival = Number.POSITIVE_INFINITY;
  for (let index = 0; index < paths.length; index++) {
    const { path, delivery } = paths[index] as ScheduledPath;
    if (index === first || path.state !== 'up' || delivery.blocked) continue;
    const arrival = delivery.arrivalOf(bytes, now);
    if (arrival >= bestArrival) continue;
    best = index;
    bestArrival = arrival;
  }
  return best;
}

/** Where no path is up: the one that was heard last among those in question, or else among all. */
export function lastResort(paths: readonly ScheduledPath[]): number {
  const suspect = heardLast(paths, 'suspect');
  return suspect >= 0 ? suspect : heardLast(paths, undefined);
}

function heardLast(paths: readonly ScheduledPath[], state: PathState | undefined): number {
  let best = -1;
  let bestHeard = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < paths.length; index++) {
    const { path } = paths[index] as ScheduledPath;
    if ((state !== undefined && path.state !== state) || path.lastHeardAt <= bestHeard) continue;
    best = index;
    bestHeard = path.lastHeardAt;
  }
  return best;
}
