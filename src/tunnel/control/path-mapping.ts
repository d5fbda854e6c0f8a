/**
 * Which pairs of a link here and a link there become paths.
 *
 * Contract: per address family, of N links here and M links there, exactly max(N, M) pairs, so that every link of
 * each side is used; the side with fewer links is used in turn, evenly to within one. Links with the same number are
 * partners: where lines are separate networks, no other pair may work. What is left over keeps the pairs that exist
 * already where these laws allow it, so that one link's coming or going moves few other paths. The same input gives the
 * same pairs. No pairs in a family that only one side has.
 * Source: seed row S4.5 ("associates already allocated links at the site with fewer links with the links at the
 * other site").
 */
import type { Endpoint, IpAddress, IpFamily } from '../../network/ip-address.ts';
import type { LinkAddress } from './messages.ts';

/** A link of this gateway; at most one address of each family. */
export type ControlLink = {
  readonly name: string;
  /** 0 to 255, by which the peer calls it; other links of the tunnel have other numbers. */
  readonly index: number;
  readonly addresses: readonly IpAddress[];
  readonly port: number;
};

export type PathPair = {
  readonly localLink: string;
  readonly localAddress: IpAddress;
  readonly remoteLinkIndex: number;
  readonly remote: Endpoint;
};

/** Identifies a pair across sessions, whatever addresses its links have at the time. */
export type PathPlace = {
  readonly localLink: string;
  readonly remoteLinkIndex: number;
  readonly family: IpFamily;
};

type Here = { readonly name: string; readonly index: number; readonly address: IpAddress };

export function mapPaths(
  links: readonly ControlLink[],
  remotes: readonly LinkAddress[],
  existing: readonly PathPlace[] = [],
): PathPair[] {
  return ([4, 6] as const).flatMap((family) => {
    const here = links.flatMap((link) => hereOf(link, family));
    const there = remotes
      .filter((remote) => remote.endpoint.address.family === family)
      .toSorted((one, other) => one.linkIndex - other.linkIndex);
    const kept = existing.filter((place) => place.family === family);
    return mapFamily(here, there, kept);
  });
}

export function placeOf(pair: PathPair): PathPlace {
  const { localLink, remoteLinkIndex } = pair;
  return { localLink, remoteLinkIndex, family: pair.remote.address.family };
}

/** Equal for equal places. */
export function placeKey(place: PathPlace): string {
  return `${place.localLink}/${place.remoteLinkIndex}/${place.family}`;
}

function hereOf(link: ControlLink, family: IpFamily): Here[] {
  const address = link.addresses.find((candidate) => candidate.family === family);
  return address === undefined ? [] : [{ name: link.name, index: link.index, address }];
}

function mapFamily(
  here: readonly Here[],
  there: readonly LinkAddress[],
  kept: readonly PathPlace[],
): PathPair[] {
  if (here.length === 0 || there.length === 0) return [];
  const hereNumber = new Map(here.map((link, number) => [link.name, number]));
  const thereNumber = new Map(there.map((link, number) => [link.linkIndex, number]));
  const known = kept.map(
    (place) => [hereNumber.get(place.localLink), thereNumber.get(place.remoteLinkIndex)] as const,
  );
  if (here.length >= there.length) {
    const natural = here.map(({ index }) => thereNumber.get(index));
    const partners = spread(natural, there.length, known);
    return here.map((link, number) => pairOf(link, there[partners[number]!]!));
  }
  const numberOfIndex = new Map(here.map((link, number) => [link.index, number]));
  const natural = there.map(({ linkIndex }) => numberOfIndex.get(linkIndex));
  const partners = spread(
    natural,
    here.length,
    known.map(([one, other]) => [other, one] as const),
  );
  return there.map((remote, number) => pairOf(here[partners[number]!]!, remote));
}

/**
 * For each of many things its partner among `few`: the natural one, else the known one if it is still there, else the
 * least used; then the uses are evened out. All numbers count from 0; `known` holds [of the many, of the few].
 */
function spread(
  natural: readonly (number | undefined)[],
  few: number,
  known: readonly (readonly [number | undefined, number | undefined])[],
): number[] {
  const partners = [...natural];
  for (const [one, other] of known) {
    if (one !== undefined && other !== undefined) partners[one] ??= other;
  }
  const uses = Array.from(
    { length: few },
    (_, number) => partners.filter((partner) => partner === number).length,
  );
  for (const [number, partner] of partners.entries()) {
    if (partner !== undefined) continue;
    const least = uses.indexOf(Math.min(...uses));
    partners[number] = least;
    uses[least]! += 1;
  }
  evenOut(partners, uses, natural);
  return partners as number[];
}

/** Natural partners stay: of two with the same one, at most one is natural. */
function evenOut(
  partners: (number | undefined)[],
  uses: number[],
  natural: readonly (number | undefined)[],
): void {
  for (;;) {
    const most = uses.indexOf(Math.max(...uses));
    const least = uses.indexOf(Math.min(...uses));
    if (uses[most]! - uses[least]! <= 1) return;
    partners[partners.findLastIndex((partner, one) => partner === most && natural[one] === undefined)] =
      least;
    uses[most]! -= 1;
    uses[least]! += 1;
  }
}

function pairOf(here: Here, there: LinkAddress): PathPair {
  return {
    localLink: here.name,
    localAddress: here.address,
    remoteLinkIndex: there.linkIndex,
    remote: there.endpoint,
  };
}
