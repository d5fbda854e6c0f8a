/** What must fit together within and between links. */

import type { CrossCheck } from './cross-checks.ts';
import { explicit, FirstClaims, linksOf, type NamedLink } from './draft-entries.ts';

/** Two sockets cannot be bound to the same address and port of one interface. */
export const sameWay: CrossCheck = {
  rule: 'Two links on the same interface differ in their addresses or in their port.',
  check: (entries) => {
    const ways = new FirstClaims<string>();
    return linksOf(entries).flatMap((link) => {
      const taken = waysOf(link)
        .map((way) => ({ way, owner: ways.claim(way, link.name) }))
        .find(({ owner }) => owner !== undefined);
      if (taken === undefined) return [];
      const message = `is the same way as link ${taken.owner} (${taken.way}), must differ in address or port`;
      return [{ path: ['links', link.name], message, atKey: true }];
    });
  },
};

function waysOf(link: NamedLink): string[] {
  if (link.interface === undefined || link.port === undefined) return [];
  const addresses =
    link.address === 'auto' ? ['auto'] : (explicit(link.address) ?? []).map(({ text }) => text);
  return addresses.map((address) => `interface ${link.interface}, address ${address}, port ${link.port}`);
}

export const familiesOfLink: CrossCheck = {
  rule: 'A next hop given for a link is of the same family as one of the addresses given for it.',
  check: (entries) =>
    linksOf(entries).flatMap((link) => {
      const families = explicit(link.address)?.map((address) => address.family);
      if (families === undefined || families.length === 0) return [];
      const stray = explicit(link.gateway)?.find((gateway) => !families.includes(gateway.family));
      if (stray === undefined) return [];
      const message =
        `is ${stray.text}, but the link has no IPv${stray.family} address, ` +
        `must be IPv${families.join(' or IPv')}, or the link's address auto`;
      return [{ path: ['links', link.name, 'gateway'], message }];
    }),
};
