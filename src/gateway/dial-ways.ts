/**
 * The ways by which a peer can be dialled: each of its addresses from each of our links with that family.
 *
 * Contract: pure. Neighbours in the order differ in both ends, so that a dead line at either of them does not keep the
 * next attempts from succeeding.
 */
import { type Endpoint, formatEndpoint, type IpAddress } from '../network/ip-address.ts';
import type { ControlLink } from '../tunnel/control/path-mapping.ts';
import type { DialCandidate } from '../tunnel/dial-plan.ts';

export type DialWay = DialCandidate & { readonly local: IpAddress; readonly remote: Endpoint };

export function dialWays(links: readonly ControlLink[], remotes: readonly Endpoint[]): DialWay[] {
  const ways: DialWay[] = [];
  for (let shift = 0; shift < links.length; shift++) {
    for (const [index, remote] of remotes.entries()) {
      const link = links[(index + shift) % links.length];
      const local = link?.addresses.find(({ family }) => family === remote.address.family);
      if (link !== undefined && local !== undefined) ways.push(wayOf(link, local, remote));
    }
  }
  return ways;
}

function wayOf(link: ControlLink, local: IpAddress, remote: Endpoint): DialWay {
  return { key: `${link.name} ${local.text} ${formatEndpoint(remote)}`, local, remote };
}
