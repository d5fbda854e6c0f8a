/** What must fit together between the section `internet`, the links and the tunnels. */

import { formatPrefix, prefixesOverlap } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { indexed } from './draft-entries.ts';
import type { Finding } from './mistake.ts';
import { unknownName } from './wording.ts';

export const unknownInternetLinks: CrossCheck = {
  rule: 'The links of `internet` are in `links`.',
  check: ({ links, internet }) =>
    Object.keys(internet?.links ?? {}).flatMap((name) => {
      if (links === undefined || links.has(name)) return [];
      const message = unknownName(name, 'a link', [...links.keys()]);
      return [{ path: ['internet', 'links', name], message, atKey: true }];
    }),
};

export const tiersWithoutGap: CrossCheck = {
  rule: 'Each tier of `internet` down to 1 has a link.',
  check: ({ internet }) => {
    const entries = Object.entries(internet?.links ?? {});
    const tiers = new Set(entries.map(([, link]) => link?.tier));
    if (tiers.has(undefined)) return [];
    return entries.flatMap(([name, link]): Finding[] => {
      const tier = link?.tier ?? 1;
      if (tier === 1 || tiers.has(tier - 1)) return [];
      const message = `is ${tier}, but no link is in tier ${tier - 1}, must be ${tier - 1} or less`;
      return [{ path: ['internet', 'links', name, 'tier'], message }];
    });
  },
};

export const canaryNeedsFallback: CrossCheck = {
  rule: '`internet.canary` is for `fallback: automatic`.',
  check: ({ internet }) => {
    if (internet?.fallback !== 'manual' || !Object.hasOwn(internet, 'canary')) return [];
    const message = 'is for traffic that returns by itself, must be left out, or fallback be automatic';
    return [{ path: ['internet', 'canary'], message, atKey: true }];
  },
};

/** 0.0.0.0/0 and ::/0 of a tunnel are everything else, the own networks included. */
export const masqueradedPeers: CrossCheck = {
  rule: 'Networks in `internet.masquerade` do not overlap with networks behind a peer.',
  check: ({ internet, tunnels }) =>
    indexed(internet?.masquerade).flatMap(([index, own]): Finding[] => {
      for (const { name, networks } of tunnels) {
        const found = indexed(networks).find(
          ([, behind]) => behind.length > 0 && prefixesOverlap(own, behind),
        );
        if (found === undefined) continue;
        const message =
          `${formatPrefix(own)} overlaps with ${formatPrefix(found[1])} behind the peer of tunnel ${name}, ` +
          'must be networks on this side';
        return [{ path: ['internet', 'masquerade', index], message }];
      }
      return [];
    }),
};
