/**
 * By what and where to a path's packets go: chooses its carrier by trials and by what the peer does, and follows the peer's address
 * (NAT, DHCP).
 *
 * Contract: `service` is called whenever a path is looked at. `heard` takes the way of the newest report on the path and `trial`
 * that of a trial, both authentic. A path that goes another way starts its measurements anew.
 */
import type { Arena } from '../linux/arena.ts';
import { readSocketAddress, SOCKET_ADDRESS_LENGTH, sameSocketAddress } from '../linux/socket-address.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import type { Arrival } from './arrival.ts';
import type { PathStream } from './path-stream.ts';
import type { PathVerdicts } from './path-verdicts.ts';
import type { CarrierEvidence, RemoteAddress } from './protocol.ts';
import type { ReportWriter } from './report-writer.ts';
import type { PlanePath, TunnelPlane } from './tunnel-plane.ts';

export type WayListener = {
  pathMoved(tunnel: TunnelPlane, path: PlanePath, remote: RemoteAddress): void;
  carrierChanged(tunnel: TunnelPlane, path: PlanePath, evidence: CarrierEvidence): void;
  /** Nothing is answered on the path's own connection. */
  streamSilent(stream: PathStream): void;
};

export class PathWays {
  readonly #arena: Arena;
  readonly #writer: ReportWriter;
  readonly #verdicts: PathVerdicts;
  readonly #listener: WayListener;

  constructor(arena: Arena, writer: ReportWriter, verdicts: PathVerdicts, listener: WayListener) {
    this.#arena = arena;
    this.#writer = writer;
    this.#verdicts = verdicts;
    this.#listener = listener;
  }

  /** Sends the trial that is due, or draws the conclusion from those before. */
  service(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const { carriers, stream } = path;
    switch (carriers.poll(path.path, now)) {
      case 'stay':
        return;
      case 'try':
        this.#writer.trial(tunnel, path, carriers.carrier === 'tcp' ? 'udp' : 'tcp', true, now);
        return carriers.trialSent(now);
      case 'turn':
        return this.#turn(tunnel, path, 'trials', now);
      case 'abandon':
        if (stream !== undefined) this.#listener.streamSilent(stream);
    }
  }

  /** @param asks whether the trial wants to be answered; otherwise it is the answer to one of ours */
  trial(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, asks: boolean, now: number): void {
    const carrier = carrierOf(arrival);
    if (!path.carriers.allows(carrier)) return;
    if (carrier === 'udp' && path.heardBy === 'tcp') this.#learnName(path, arrival);
    if (asks) this.#writer.trial(tunnel, path, carrier, false, now);
    else this.#answered(path, carrier, now);
  }

  /** The peer may be heard on this path from where we did not expect it, or by the other carrier. */
  heard(tunnel: TunnelPlane, path: PlanePath, arrival: Arrival, now: number): void {
    const carrier = carrierOf(arrival);
    const known = path.nameLength > 0;
    const turned = path.heardBy !== carrier;
    const moved = carrier === 'udp' && !this.#isNamed(path, arrival);
    if (!turned && !moved) return;
    // The packet that told us was booked on no path, as its way was another one.
    bookFirst(path, arrival, now);
    path.heardBy = carrier;
    if (turned && path.carriers.follows(carrier)) this.#turn(tunnel, path, 'peer', now);
    if (!moved) return;
    const remote = this.#learnName(path, arrival);
    if (known && path.carriers.carrier === 'udp') this.#verdicts.restart(tunnel, path, now);
    this.#listener.pathMoved(tunnel, path, remote);
  }

  /** The path's own connection is there: by the first word on it the other end learns so. */
  streamOpened(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    path.carriers.opened();
    if (path.carriers.carrier === 'tcp') path.path.askNow(now);
    else if (path.initiates && path.carriers.allows('tcp')) {
      this.#writer.trial(tunnel, path, 'tcp', true, now);
    }
  }

  /** The path's own connection is no more. */
  streamClosed(tunnel: TunnelPlane, path: PlanePath, now: number): void {
    const carried = path.carriers.carrier === 'tcp';
    const evidence = evidenceOf(path, 'lost', now);
    const changed = path.carriers.closed();
    if (!carried) return;
    path.mtu.restart();
    path.delivery.forget();
    path.path.marks.clear();
    this.#verdicts.failed(tunnel, path, now);
    if (changed) this.#listener.carrierChanged(tunnel, path, evidence);
  }

  /** Where TCP is answered UDP is asked as well: the line itself may be back. */
  #answered(path: PlanePath, carrier: Carrier, now: number): void {
    path.carriers.trialAnswered(carrier, now);
    if (carrier === 'tcp' && path.carriers.carrier === 'udp') path.path.askNow(now);
  }

  #turn(tunnel: TunnelPlane, path: PlanePath, cause: 'trials' | 'peer', now: number): void {
    const before = path.path.state;
    const evidence = evidenceOf(path, cause, now);
    path.carriers.turn(now);
    path.mtu.restart();
    path.delivery.forget();
    // What was under way by the other carrier may be lost; where it is not, the far side takes the first copy.
    if (before === 'up') tunnel.sent.pathDied(path.path.id, now);
    if (path.path.turned(now)) this.#verdicts.changed(tunnel, path, before, now);
    else tunnel.sent.pathLives(path.path.id);
    this.#listener.carrierChanged(tunnel, path, evidence);
  }

  /** Whether a datagram came from where the path is known to lead. */
  #isNamed(path: PlanePath, { socket, sender }: Arrival): boolean {
    const { data } = this.#arena;
    return path.nameLength > 0 && path.socket === socket && sameSocketAddress(data, path.name, data, sender);
  }

  #learnName(path: PlanePath, arrival: Arrival): RemoteAddress {
    const arena = this.#arena;
    path.socket = arrival.socket;
    arena.bytes.copyWithin(path.name, arrival.sender, arrival.sender + SOCKET_ADDRESS_LENGTH);
    const remote = readSocketAddress(arena, arrival.sender);
    path.nameLength = remote.address.length === 16 ? 28 : 16;
    path.segmented = true;
    return remote;
  }
}

function carrierOf({ stream }: Arrival): Carrier {
  return stream === undefined ? 'udp' : 'tcp';
}

/** A packet that was booked on no path, as it came by an unknown way, belongs to this one. */
function bookFirst(path: PlanePath, { spi, sequence, length }: Arrival, now: number): void {
  path.receivedSpi = spi;
  path.receivedNewest = sequence;
  path.receivedAt = now;
  path.receivedPackets++;
  path.receivedBytes += length;
}

function evidenceOf(
  { path, carriers }: PlanePath,
  cause: CarrierEvidence['cause'],
  now: number,
): CarrierEvidence {
  return {
    cause,
    answeredTrials: carriers.answers,
    lastHeardMillisAgo: Math.max(0, now - path.lastHeardAt) / 1000,
  };
}
