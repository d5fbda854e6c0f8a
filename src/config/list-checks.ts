/** What must fit together within one list. */

import { formatEndpoint, formatPrefix, type IpAddress } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { FirstClaims, indexed, linksOf, type NamedTunnel } from './draft-entries.ts';
import type { Finding, SettingPath } from './mistake.ts';

export const onePerFamily: CrossCheck = {
  rule: 'A link has at most one address and one next hop of each family.',
  check: (entries) =>
    linksOf(entries).flatMap((link) => [
      ...secondOfFamily(link.address, ['links', link.name, 'address']),
      ...secondOfFamily(link.gateway, ['links', link.name, 'gateway']),
    ]),
};

function secondOfFamily(list: 'auto' | (IpAddress | undefined)[] | undefined, path: SettingPath): Finding[] {
  const families = new FirstClaims<number>();
  return indexed(list === 'auto' ? [] : list).flatMap(([index, { family }]) => {
    if (families.claim(`${family}`, index) === undefined) return [];
    const message = `is a second IPv${family} address, must be at most one of each family`;
    return [{ path: [...path, index], message }];
  });
}

export const repeatedEntries: CrossCheck = {
  rule: 'No list of a tunnel names the same twice.',
  check: ({ tunnels }) =>
    tunnels.flatMap((tunnel) =>
      listsOf(tunnel).flatMap(({ key, texts }) => {
        const seen = new FirstClaims<number>();
        return texts.flatMap(([index, text]) => {
          if (seen.claim(text, index) === undefined) return [];
          const message = `${text} is in the list already, allowed once`;
          return [{ path: ['tunnels', tunnel.name, ...key, index], message }];
        });
      }),
    ),
};

type List = { readonly key: SettingPath; readonly texts: readonly [number, string][] };

function listsOf(tunnel: NamedTunnel): List[] {
  return [
    { key: ['peer', 'addresses'], texts: texts(tunnel.peer?.addresses, formatEndpoint) },
    { key: ['links'], texts: texts(tunnel.links, (name) => name) },
    { key: ['address'], texts: texts(tunnel.address, formatPrefix) },
    { key: ['networks'], texts: texts(tunnel.networks, formatPrefix) },
  ];
}

function texts<Entry>(
  list: (Entry | undefined)[] | undefined,
  textOf: (entry: Entry) => string,
): [number, string][] {
  return indexed(list).map(([index, entry]) => [index, textOf(entry)]);
}
