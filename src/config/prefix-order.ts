/**
 * Which of many prefixes overlap, and in which of them an address lies, without comparing all with all.
 *
 * Two prefixes are disjoint or one holds the other. Sorted by their bits, shorter first, every prefix stands right
 * behind those that hold it: a stack of the open ones is enough.
 */

import { type IpAddress, type IpPrefix, networkOf, prefixContains } from '../network/ip-address.ts';

export type WithPrefix = { readonly prefix: IpPrefix };

/** Every prefix with the nearest one that holds it and for which `counts` is true. Prefixes have no host bits. */
export function nested<Item extends WithPrefix>(
  items: readonly Item[],
  counts: (inner: Item, outer: Item) => boolean,
): [inner: Item, outer: Item][] {
  const found: [Item, Item][] = [];
  const open: Item[] = [];
  for (const item of items.toSorted(byBits)) {
    while (open.length > 0 && !prefixContains(open.at(-1)!.prefix, item.prefix.address)) open.pop();
    const outer = open.findLast((candidate) => counts(item, candidate));
    if (outer !== undefined) found.push([item, outer]);
    open.push(item);
  }
  return found;
}

function byBits(one: WithPrefix, other: WithPrefix): number {
  const [a, b] = [one.prefix.address.bytes, other.prefix.address.bytes];
  if (a.length !== b.length) return a.length - b.length;
  for (const [index, byte] of a.entries()) {
    const difference = byte - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.prefix.length - other.prefix.length;
}

/** Finds the longest prefix that holds an address. */
export class PrefixTable<Item extends WithPrefix> {
  readonly #byLength = new Map<number, Map<string, Item>>();

  constructor(items: readonly Item[]) {
    for (const item of items) {
      const { address, length } = item.prefix;
      const table = this.#byLength.get(length) ?? new Map<string, Item>();
      this.#byLength.set(length, table);
      if (!table.has(address.text)) table.set(address.text, item);
    }
  }

  find(address: IpAddress): Item | undefined {
    const lengths = [...this.#byLength.keys()].sort((one, other) => other - one);
    for (const length of lengths) {
      const item = this.#byLength.get(length)?.get(networkOf({ address, length }).address.text);
      if (item !== undefined) return item;
    }
    return undefined;
  }
}
