/** No tunnel: the gateways route the private networks over the first link as they are. The limit of the machine. */
import { privateNetworks, type Side } from '../../lab/addressing.ts';
import type { Namespace } from '../../lab/namespace.ts';
import { routePlainly } from '../../lab/sites.ts';
import type { Contender } from './contender.ts';

export const plain: Contender = {
  id: 'plain',
  title: 'no tunnel: plain routing over the same cable',
  async open(_lab, sites) {
    await routePlainly(sites);
    return {
      async close() {
        await Promise.all([removeRoutes(sites.gatewayA, 'b'), removeRoutes(sites.gatewayB, 'a')]);
      },
    };
  },
};

async function removeRoutes(gateway: Namespace, farSide: Side): Promise<void> {
  const { v4, v6 } = privateNetworks[farSide];
  await gateway.ip(`route delete ${v4}`, `route delete ${v6}`);
}
