/** What must fit together within and between links. */

import type { CrossCheck } from './cross-checks.ts';
import type { LinkDraft } from './draft.ts';
import { explicit, linksOf, type Named, pairsOf } from './draft-entries.ts';

/** Two sockets cannot be bound to the same address and port of one interface. */
export const sameWay: CrossCheck = {
  rule: 'Two links on the same interface differ in their addresses or in their port.',
  check: (draft) =>
    [...pairsOf(linksOf(draft))].flatMap(([later, earlier]) => {
      const shared = sharedAddress(later, earlier);
      if (shared === undefined) return [];
      const where = `interface ${later.interface}, ${shared}, port ${later.port}`;
      const message = `is the same way as link ${earlier.name} (${where}), must differ in address or port`;
      return [{ path: ['links', later.name], message, atKey: true }];
    }),
};

function sharedAddress(one: Named<LinkDraft>, other: Named<LinkDraft>): string | undefined {
  if (one.interface === undefined || one.interface !== other.interface) return undefined;
  if (one.port === undefined || one.port !== other.port) return undefined;
  if (one.address === 'auto' && other.address === 'auto') return 'address auto';
  const texts = explicit(other.address)?.map((address) => address.text);
  const shared = explicit(one.address)?.find((address) => texts?.includes(address.text));
  return shared === undefined ? undefined : `address ${shared.text}`;
}

export const familiesOfLink: CrossCheck = {
  rule: 'A next hop given for a link is of the same family as one of the addresses given for it.',
  check: (draft) =>
    linksOf(draft).flatMap((link) => {
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
