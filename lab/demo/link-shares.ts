/**
 * How much each link carried, out of the status documents of the sending gateway.
 *
 * Contract: pure. What counts is what the gateway sent by each of the tunnel's paths, summed by the link they leave by.
 */
import type { Status } from '../../src/api/status.ts';

/** Bytes that left by each link since the daemon started, in the order of the configuration. */
export function bytesByLink(status: Status): Map<string, number> {
  const bytes = new Map(status.links.map(({ name }) => [name, 0]));
  for (const { link, txBytes } of status.tunnels.flatMap(({ paths }) => paths)) {
    bytes.set(link, (bytes.get(link) ?? 0) + txBytes);
  }
  return bytes;
}

/** What was added since `before`. */
export function bytesSince(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  return new Map([...after].map(([link, bytes]) => [link, Math.max(0, bytes - (before.get(link) ?? 0))]));
}

/** Each link's part of the whole, 0 to 1; all 0 when nothing was sent. */
export function sharesOf(bytes: ReadonlyMap<string, number>): Record<string, number> {
  const total = [...bytes.values()].reduce((sum, part) => sum + part, 0);
  return Object.fromEntries([...bytes].map(([link, part]) => [link, total === 0 ? 0 : part / total]));
}
