/**
 * Traffic from one tunnel into another is asked by both tunnels' filters. The filters are the product's; two cables stand for
 * the tunnels' devices, as only their names matter here.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkConfig, formatMistake } from '../../src/config/index.ts';
import { tunnelFilters } from '../../src/network/filter-rule.ts';
import { filterScript } from '../../src/network/filter-table.ts';
import { Lab } from '../lab.ts';
import { connect, Namespace } from '../namespace.ts';
import { knock, openPorts } from './knock.ts';

const port = { both: 8000, onlyFirst: 8001, onlySecond: 8002 };

const yaml = `
gateway: { name: centre, identity: /etc/backstay/identity.pem }
links: { fibre: { interface: eth1 } }
tunnels:
  first:
    peer: { fingerprint: "SHA256:${'A'.repeat(43)}" }
    interface: first
    networks: 10.1.0.0/24
    filters:
      - { action: accept, direction: in, protocol: tcp, ports: [${port.both}, ${port.onlyFirst}] }
    filter-default: drop
  second:
    peer: { fingerprint: "SHA256:${'E'.repeat(43)}" }
    interface: second
    networks: 10.2.0.0/24
    filters:
      - { action: accept, direction: out, protocol: tcp, ports: [${port.both}, ${port.onlySecond}] }
    filter-default: drop
`;

describe('traffic from one tunnel into another', () => {
  let lab: Lab;
  let near: Namespace;
  before(async () => {
    lab = await Lab.open('between');
    const [centre, far] = [await Namespace.create(lab, 'centre'), await Namespace.create(lab, 'far')];
    near = await Namespace.create(lab, 'near');
    await attach(near, centre, 'first', '10.1.0');
    await attach(far, centre, 'second', '10.2.0');
    await centre.enableForwarding();
    await openPorts(far, Object.values(port));
    await centre.nft(filterScript(configuredFilters()));
  });
  after(() => lab?.[Symbol.asyncDispose]());

  it('passes when both accept it, and is dropped when one of them does not', async () => {
    const results = await knock(near, 'tcp', '10.2.0.2', Object.values(port));
    assert.deepEqual(results, ['answered', 'silent', 'silent']);
  });
});

async function attach(host: Namespace, centre: Namespace, device: string, subnet: string): Promise<void> {
  await connect({ namespace: host, name: 'lan0' }, { namespace: centre, name: device });
  await host.addAddresses('lan0', `${subnet}.2/24`);
  await centre.addAddresses(device, `${subnet}.1/24`);
  await host.addRoute('default', `${subnet}.1`);
}

function configuredFilters() {
  const checked = checkConfig(yaml, 'centre.yaml');
  assert.ok(checked.ok, checked.ok ? '' : checked.mistakes.map(formatMistake).join('\n'));
  return tunnelFilters(checked.config.tunnels);
}
