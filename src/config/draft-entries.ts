/** Ways to go through the valid parts of a configuration. */

import type { IpAddress } from '../network/ip-address.ts';
import type { ConfigDraft, LinkDraft, TunnelDraft } from './draft.ts';

export type Named<Entry> = NonNullable<Entry> & { readonly name: string };

export function linksOf(draft: ConfigDraft): Named<LinkDraft>[] {
  return Object.entries(draft.links ?? {}).map(([name, link]) => ({ ...link, name }));
}

export function tunnelsOf(draft: ConfigDraft): Named<TunnelDraft>[] {
  return Object.entries(draft.tunnels ?? {}).map(([name, tunnel]) => ({ ...tunnel, name }));
}

/** The valid entries of a list with the indices they have in the file. */
export function indexed<Entry>(list: readonly (Entry | undefined)[] | undefined): [number, Entry][] {
  return [...(list ?? []).entries()].filter((pair): pair is [number, Entry] => pair[1] !== undefined);
}

/** Every two entries, the later one first. */
export function* pairsOf<Entry>(entries: readonly Entry[]): Generator<[later: Entry, earlier: Entry]> {
  for (const [index, later] of entries.entries()) {
    for (const earlier of entries.slice(0, index)) yield [later, earlier];
  }
}

/** The explicit addresses of a link's `address` or `gateway`; undefined when it is automatic or not known. */
export function explicit(addresses: 'auto' | (IpAddress | undefined)[] | undefined): IpAddress[] | undefined {
  if (addresses === 'auto' || addresses === undefined) return undefined;
  return indexed(addresses).map(([, address]) => address);
}
