/**
 * The links between the two gateways, in each of the shapes (addressing.ts), as cables, addresses and routes.
 *
 * Contract: plain links are bare veth pairs; the others end in the `wan` namespace, where the emulator joins them.
 * Where there is a router it forwards; in the shape `nat` it masquerades what gateway A sends, in both families.
 */
import {
  behindRouter,
  type DualStack,
  onOutsideSubnet,
  outside,
  planLink,
  type Shape,
} from './addressing.ts';
import type { Lab } from './lab.ts';
import { connect, type InterfaceEnd, Namespace } from './namespace.ts';
import type { LinkProfile } from './profiles.ts';
import { EmulatedSiteLink, PlainSiteLink, type SiteLink } from './site-link.ts';
import { unimpaired } from './wan/impairments.ts';
import { Wan } from './wan/wan.ts';

type Access = {
  readonly gatewayA: Namespace;
  readonly gatewayB: Namespace;
  readonly linkProfiles: readonly LinkProfile[];
  readonly shape: Shape;
  readonly mtu: number;
};

export async function buildAccess(
  lab: Lab,
  access: Access,
): Promise<{ links: SiteLink[]; router: Namespace | undefined }> {
  const router = access.shape === 'direct' ? undefined : await Namespace.create(lab, 'router-a');
  const nearEnd = router ?? access.gatewayA;
  const wan = access.linkProfiles.every((profile) => profile === 'plain') ? undefined : await Wan.open(lab);
  const links: SiteLink[] = [];
  for (const [index, profile] of access.linkProfiles.entries()) {
    links.push(await buildLink(access, { index, profile, nearEnd, wan }));
  }
  if (router !== undefined) await buildRouter(access, router);
  return { links, router };
}

async function buildLink(
  { shape, mtu, gatewayA, gatewayB }: Access,
  {
    index,
    profile,
    nearEnd,
    wan,
  }: { index: number; profile: LinkProfile; nearEnd: Namespace; wan: Wan | undefined },
): Promise<SiteLink> {
  const plan = planLink(shape, index);
  const near = { namespace: nearEnd, name: `wan${index}` };
  const far = { namespace: gatewayB, name: `wan${index}` };
  const dress = async () => {
    await near.namespace.addAddresses(near.name, ...onOutsideSubnet(outside(index, 1)));
    await far.namespace.addAddresses(far.name, ...onOutsideSubnet(plan.b.address));
    if (near.namespace !== gatewayA) await routeOwnTable(near, index);
    if (plan.b.nextHop !== undefined) await routeSubnetBack(far, index, plan.b.nextHop);
  };
  const parts = { index, plan, profile, dress };
  if (profile === 'plain' || wan === undefined) {
    await connect(near, far, mtu);
    await dress();
    return new PlainSiteLink(parts, { near, far }, mtu);
  }
  const link = await wan.join(`link${index}`, near, far, { ...unimpaired, ...profile }, mtu);
  await dress();
  return new EmulatedSiteLink(parts, link);
}

/** B's way to the addresses that gateway A has behind its router. */
async function routeSubnetBack(far: InterfaceEnd, index: number, nextHop: DualStack): Promise<void> {
  const subnet = behindRouter(index, 0);
  await far.namespace.addRoute(`${subnet.v4}/24`, nextHop.v4, `dev ${far.name}`);
  await far.namespace.addRoute(`${subnet.v6}/64`, nextHop.v6, `dev ${far.name}`);
}

/** Gateway A's side of the router: one cable per link, or one cable with an address per link. */
async function buildRouter({ gatewayA, linkProfiles, shape, mtu }: Access, router: Namespace): Promise<void> {
  await router.enableForwarding();
  const cabled = new Set<string>();
  for (const index of linkProfiles.keys()) {
    const { interfaceName } = planLink(shape, index).a;
    const inside = interfaceName.replace('wan', 'in');
    if (!cabled.has(inside)) {
      await connect({ namespace: gatewayA, name: interfaceName }, { namespace: router, name: inside }, mtu);
      cabled.add(inside);
    }
    await gatewayA.addAddresses(interfaceName, ...onOutsideSubnet(behindRouter(index, 2)));
    await router.addAddresses(inside, ...onOutsideSubnet(behindRouter(index, 1)));
    await addDefaultRoutes(gatewayA, interfaceName, index);
    await routeBySource(router, index);
  }
  if (shape === 'nat') await router.nft(masquerading);
}

/** The lower link is preferred, as an operator's distribution would set it up. */
async function addDefaultRoutes(gatewayA: Namespace, interfaceName: string, index: number): Promise<void> {
  const nextHop = behindRouter(index, 1);
  for (const via of [nextHop.v4, nextHop.v6]) {
    await gatewayA.addRoute('default', via, `dev ${interfaceName} metric ${100 + index}`);
  }
}

/** What comes from subnet i leaves by link i: each subnet is one provider's. */
async function routeBySource(router: Namespace, index: number): Promise<void> {
  const subnet = behindRouter(index, 0);
  for (const [family, prefix] of [
    ['-4', `${subnet.v4}/24`],
    ['-6', `${subnet.v6}/64`],
  ] as const) {
    await router.run('ip', [family, 'rule', 'add', 'from', prefix, 'lookup', `${tableOf(index)}`]);
  }
}

async function routeOwnTable({ namespace, name }: InterfaceEnd, index: number): Promise<void> {
  const far = outside(index, 2);
  for (const via of [far.v4, far.v6]) {
    await namespace.addRoute('default', via, `dev ${name} table ${tableOf(index)}`);
  }
}

function tableOf(index: number): number {
  return 100 + index;
}

const masquerading = `
table inet laboratory {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan*" masquerade
  }
}`;
