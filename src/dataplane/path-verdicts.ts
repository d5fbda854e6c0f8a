/**
 * What the change of a path's state brings: the memory of sent packets, the scheduler and the search for the path's MTU learn of it,
 * the listener is told, and paths that may share the fate of one in question are asked as well.
 *
 * Contract: whoever made the change tells `changed`, with the state before it. The other methods make one themselves.
 */
import { type PathState, REPORT_INTERVAL } from '../tunnel/path/path.ts';
import { settleLimit } from './path-sizes.ts';
import { type PlanePath, publishPath, type TunnelPlane } from './tunnel-plane.ts';

export type VerdictListener = {
  pathChanged(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void;
};

export class PathVerdicts {
  readonly #listener: VerdictListener;

  constructor(listener: VerdictListener) {
    this.#listener = listener;
  }

  changed(tunnel: TunnelPlane, path: PlanePath, from: PathState, now: number): void {
    if (from === 'up') tunnel.sent.pathDied(path.path.id, now);
    if (path.path.state === 'up') tunnel.sent.pathLives(path.path.id);
    if (path.path.state === 'up') tunnel.scheduler.joined(tunnel.paths, path);
    if (path.path.state === 'suspect') path.mtu.suspect(now);
    settleLimit(tunnel);
    publishPath(path);
    this.#listener.pathChanged(tunnel, path, from, now);
    if (path.path.state === 'suspect') this.#suspectAlike(tunnel, path, now);
  }

  /** Nothing can be sent over it, as far as this side can tell. */
  failed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    if (path.path.failed(now)) this.changed(tunnel, path, before, now);
  }

  /** Its socket was closed. */
  lost(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    path.delivery.forget();
    if (path.path.lost(now)) this.changed(tunnel, path, before, now);
  }

  /** What was measured belongs to another way. */
  restart(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const before = path.path.state;
    path.mtu.restart();
    path.delivery.forget();
    if (path.path.restart(now)) this.changed(tunnel, path, before, now);
  }

  /**
   * Paths die together: those of the same link, and one that is silent as long as the one in question while the peer is heard
   * over others. They would be taken for what the first one lost; a probe tells in a round trip whether they live.
   */
  #suspectAlike(tunnel: TunnelPlane, questioned: PlanePath, now: number): void {
    const { lastHeardAt } = questioned.path;
    let heardAt = 0;
    for (const { path } of tunnel.paths) heardAt = Math.max(heardAt, path.lastHeardAt);
    const othersHeard = heardAt - lastHeardAt >= 2 * REPORT_INTERVAL;
    for (const other of tunnel.paths) {
      const sameLink = other.link >= 0 && other.link === questioned.link;
      const sameSilence = othersHeard && other.path.lastHeardAt <= lastHeardAt + REPORT_INTERVAL;
      if (other.path.state !== 'up' || !(sameLink || sameSilence)) continue;
      if (other.path.failed(now)) this.changed(tunnel, other, 'up', now);
    }
  }
}
