import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkConfig } from '../config/index.ts';
import { filterStatus } from './filter-status.ts';

const text = `
gateway:
  name: lyon
  identity: /x
  filters:
    - { action: drop, protocol: icmp }
links: { fibre: { interface: eth1 } }
tunnels:
  office:
    peer: { fingerprint: "SHA256:${'A'.repeat(43)}" }
    networks: 10.2.0.0/16
    filters:
      - { name: web, action: accept, direction: out, to: 10.2.0.9, protocol: [6, udp], ports: [80, 8000-8100], source-ports: 1024-65535 }
    filter-default: drop
`;
const checked = checkConfig(text, 'f.yaml');
const [office] = checked.ok ? checked.config.tunnels : [];

describe('the status of filters', () => {
  it('has each filter in the order in which they are asked, with what it counted', () => {
    const counts = new Map(
      ['established', 'gateway-rule-1', 'rule-1', 'default'].map((what, index) => [
        `${what}-of-office`,
        { packets: index, bytes: 100 * index, handle: 7 },
      ]),
    );
    assert.deepEqual(filterStatus(office!, counts), [
      { list: 'accepted', action: 'accept', direction: 'both', packets: 0, bytes: 0 },
      {
        list: 'gateway',
        position: 1,
        action: 'drop',
        direction: 'both',
        protocol: ['icmp'],
        packets: 1,
        bytes: 100,
      },
      {
        list: 'tunnel',
        position: 1,
        name: 'web',
        action: 'accept',
        direction: 'out',
        to: ['10.2.0.9/32'],
        protocol: ['tcp', 'udp'],
        ports: ['80', '8000-8100'],
        sourcePorts: ['1024-65535'],
        packets: 2,
        bytes: 200,
      },
      { list: 'default', action: 'drop', direction: 'both', packets: 3, bytes: 300 },
    ]);
  });

  it('says nothing about figures that are not known', () => {
    for (const one of filterStatus(office!, new Map())) assert.ok(!('packets' in one) && !('bytes' in one));
  });

  it('is empty where everything may pass', () => {
    assert.deepEqual(filterStatus({ name: 'office', filter: undefined }, new Map()), []);
  });
});
