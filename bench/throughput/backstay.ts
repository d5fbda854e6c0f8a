/** Backstay as an operator runs it, over one link or over all. IPv4 outside, as with the peers. */
import { openGateways } from '../../lab/gateways.ts';
import { version } from '../../src/version.ts';
import type { Contender } from './contender.ts';

export function backstay(links: 1 | 2): Contender {
  return {
    id: `backstay-${links}`,
    title: `Backstay ${version}, ${links === 1 ? 'one link' : 'two links'}, AES-256-GCM`,
    async open(lab, sites) {
      const some = { ...sites, links: sites.links.slice(0, links) };
      const gateways = await openGateways(lab, some, { families: 'v4' });
      return {
        async close() {
          await Promise.all([gateways.a.stop(), gateways.b.stop()]);
        },
      };
    },
  };
}
