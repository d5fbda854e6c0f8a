/** Ways to go through the valid parts of a configuration; everything is looked up in constant time. */

import type { IpAddress } from '../network/ip-address.ts';
import type { ConfigDraft, FilterDraft, LinkDraft, TunnelDraft } from './draft.ts';

export type Named<Entry> = NonNullable<Entry> & { readonly name: string };
export type NamedLink = Named<LinkDraft>;
export type NamedTunnel = Named<TunnelDraft>;

/** What cross-checks look at. */
export type DraftEntries = {
  /** By name, in the order of the file; undefined when the section is missing or no map. */
  readonly links: ReadonlyMap<string, NamedLink> | undefined;
  readonly tunnels: readonly NamedTunnel[];
  readonly internet: ConfigDraft['internet'];
  readonly gatewayFilters: readonly FilterDraft[] | undefined;
  readonly alarms: ConfigDraft['alarms'];
};

export function entriesOf(draft: ConfigDraft): DraftEntries {
  const links = draft.links && Object.entries(draft.links).map(([name, link]) => ({ ...link, name }));
  const tunnels = Object.entries(draft.tunnels ?? {}).map(([name, tunnel]) => ({ ...tunnel, name }));
  const linksByName = links && new Map(links.map((link) => [link.name, link]));
  const gatewayFilters = draft.gateway?.filters;
  return { links: linksByName, tunnels, internet: draft.internet, gatewayFilters, alarms: draft.alarms };
}

export function linksOf(entries: DraftEntries): NamedLink[] {
  return [...(entries.links?.values() ?? [])];
}

/** undefined when it is not known which links the tunnel uses. */
export function linksOfTunnel(entries: DraftEntries, tunnel: NamedTunnel): NamedLink[] | undefined {
  if (!Object.hasOwn(tunnel, 'links')) return linksOf(entries);
  const named = tunnel.links?.map((name) => (name === undefined ? undefined : entries.links?.get(name)));
  return named?.includes(undefined) ? undefined : (named as NamedLink[] | undefined);
}

/** The valid entries of a list with the indices they have in the file. */
export function indexed<Entry>(list: readonly (Entry | undefined)[] | undefined): [number, Entry][] {
  return [...(list ?? []).entries()].filter((pair): pair is [number, Entry] => pair[1] !== undefined);
}

/** The explicit addresses of a link's `address` or `gateway`; undefined when it is automatic or not known. */
export function explicit(addresses: 'auto' | (IpAddress | undefined)[] | undefined): IpAddress[] | undefined {
  if (addresses === 'auto' || addresses === undefined) return undefined;
  return indexed(addresses).map(([, address]) => address);
}

/** Remembers who was first to claim a key; gives the earlier owner to whoever comes later. */
export class FirstClaims<Owner> {
  readonly #owners = new Map<string, Owner>();

  claim(key: string, owner: Owner): Owner | undefined {
    const earlier = this.#owners.get(key);
    if (earlier === undefined) this.#owners.set(key, owner);
    return earlier;
  }
}
