/** Backstay as an operator runs it, over one link, over all, or where nothing but TCP comes through. IPv4 outside, as with the peers. */
import { openGateways } from '../../lab/gateways.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Sites } from '../../lab/sites.ts';
import { version } from '../../src/version.ts';
import type { Contender } from './contender.ts';

export function backstay(links: 1 | 2): Contender {
  return {
    id: `backstay-${links}`,
    title: `Backstay ${version}, ${links === 1 ? 'one link' : 'two links'}, AES-256-GCM`,
    open: (lab, sites) => openOver(lab, sites, links, 'auto'),
  };
}

/** Each packet in the path's own TCP connection, as behind a firewall that lets no UDP pass. */
export const backstayByTcp: Contender = {
  id: 'backstay-tcp',
  title: `Backstay ${version}, one link, in TCP, AES-256-GCM`,
  open: (lab, sites) => openOver(lab, sites, 1, 'tcp'),
};

async function openOver(lab: Lab, sites: Sites, links: number, encapsulation: 'auto' | 'tcp') {
  const some = { ...sites, links: sites.links.slice(0, links) };
  const overrides = { link: { encapsulation } };
  const gateways = await openGateways(lab, some, { families: 'v4', overrides, isWarmedUp: true });
  return {
    async close() {
      await Promise.all([gateways.a.stop(), gateways.b.stop()]);
    },
  };
}
