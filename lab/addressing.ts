/**
 * Names and addresses of the standard topology (sites.ts), in one place so that nobody writes them twice.
 *
 * Contract: pure. Links are counted from 0 and the interface of link i is `wan<i>` on both gateways. Outside there
 * are documentation and benchmark addresses (RFC 2544, RFC 3849) only, inside private ones.
 */

/** One address per family, as CIDR text or bare text. */
export type DualStack = { readonly v4: string; readonly v6: string };

export type Side = 'a' | 'b';

/** How gateway A reaches the links: directly, from behind a masquerading router, or all over one interface. */
export type Shape = 'direct' | 'nat' | 'shared-interface';

/** One gateway's end of one link. */
export type LinkEnd = {
  readonly interfaceName: string;
  /** Bare addresses of this end. */
  readonly address: DualStack;
  /** The router to use; absent when the far end is on the same subnet. */
  readonly nextHop?: DualStack;
};

export type LinkPlan = { readonly a: LinkEnd; readonly b: LinkEnd };

export const OUTSIDE_PREFIX_LENGTH = { v4: 24, v6: 64 } as const;

export const privateNetworks: Readonly<Record<Side, DualStack>> = {
  a: { v4: '10.1.0.0/24', v6: 'fd00:1::/64' },
  b: { v4: '10.2.0.0/24', v6: 'fd00:2::/64' },
};

/** Bare addresses in the private network of a side. */
export function gatewayInside(side: Side): DualStack {
  return side === 'a' ? { v4: '10.1.0.1', v6: 'fd00:1::1' } : { v4: '10.2.0.1', v6: 'fd00:2::1' };
}

export function hostInside(side: Side): DualStack {
  return side === 'a' ? { v4: '10.1.0.2', v6: 'fd00:1::2' } : { v4: '10.2.0.2', v6: 'fd00:2::2' };
}

export function planLink(shape: Shape, index: number): LinkPlan {
  const wan = `wan${index}`;
  const a = outside(index, 1);
  const b = outside(index, 2);
  switch (shape) {
    case 'direct':
      return { a: { interfaceName: wan, address: a }, b: { interfaceName: wan, address: b } };
    case 'nat':
      return {
        a: { interfaceName: wan, address: behindRouter(index, 2), nextHop: behindRouter(index, 1) },
        b: { interfaceName: wan, address: b }, // Sees only the router's outside address, which is on-link.
      };
    case 'shared-interface':
      return {
        a: { interfaceName: 'wan0', address: behindRouter(index, 2), nextHop: behindRouter(index, 1) },
        b: { interfaceName: wan, address: b, nextHop: a },
      };
  }
}

/** The subnet of link `index` between A (or the router before it; host 1) and B (host 2). */
export function outside(index: number, host: number): DualStack {
  return { v4: `198.18.${index}.${host}`, v6: `2001:db8:${100 + index}::${host}` };
}

/** The subnet between gateway A (host 2) and the router before it (host 1). */
export function behindRouter(index: number, host: number): DualStack {
  return { v4: `192.168.${100 + index}.${host}`, v6: `fd00:${100 + index}::${host}` };
}

/** CIDR texts of a dual-stack address on an outside subnet. */
export function onOutsideSubnet(address: DualStack): string[] {
  return [`${address.v4}/${OUTSIDE_PREFIX_LENGTH.v4}`, `${address.v6}/${OUTSIDE_PREFIX_LENGTH.v6}`];
}
