/**
 * Where a datagram came from, and over which path of its tunnel that is.
 *
 * Contract: pure but for the arena, in which the addresses lie. Allocates nothing.
 */
import type { Arena } from '../linux/arena.ts';
import { sameSocketAddress } from '../linux/socket-address.ts';
import type { PathStream } from './path-stream.ts';
import type { LinkSocket, PlanePath, TunnelPlane } from './tunnel-plane.ts';

export type Arrival = {
  /** The path's own connection, where it was that. */
  stream: PathStream | undefined;
  socket: LinkSocket;
  /** Offset of the sender's socket address in the arena. */
  sender: number;
  spi: number;
  sequence: number;
  length: number;
};

/** @returns undefined when the tunnel has no such path (yet) */
export function arrivalPath(
  { data }: Arena,
  tunnel: TunnelPlane,
  { socket, sender, stream }: Arrival,
): PlanePath | undefined {
  if (stream !== undefined) return streamPath(tunnel, stream);
  for (let index = 0; index < tunnel.paths.length; index++) {
    const path = tunnel.paths[index] as PlanePath;
    if (path.socket !== socket || path.nameLength === 0 || path.heardBy !== 'udp') continue;
    if (sameSocketAddress(data, path.name, data, sender)) return path;
  }
  return undefined;
}

/** What comes by the connection of a path on which the peer sends by UDP is not booked: the two would overtake each other. */
function streamPath(tunnel: TunnelPlane, stream: PathStream): PlanePath | undefined {
  if (stream.tunnel !== tunnel.id) return undefined;
  const path = tunnel.pathById(stream.path);
  return path?.heardBy === 'tcp' ? path : undefined;
}
