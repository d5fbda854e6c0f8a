import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinkConfig, OnDemandConfig } from '../config/index.ts';
import type { EventDetail } from '../journal/event.ts';
import { parseInterfaceAddress, parseIpAddress, parsePrefix } from '../network/ip-address.ts';
import type { MainRoute, NetworkInterface, NetworkSnapshot } from '../network/network-snapshot.ts';
import { Links } from './links.ts';

const config: LinkConfig = {
  name: 'fibre',
  interface: 'eth1',
  address: 'auto',
  gateway: 'auto',
  port: 4500,
  rateBps: undefined,
  keepaliveMillis: 500,
  mtu: 1500,
} as LinkConfig;

function eth1(...addresses: string[]): NetworkInterface {
  return {
    index: 3,
    name: 'eth1',
    kind: undefined,
    alias: undefined,
    up: true,
    carrier: true,
    mtu: 1500,
    queuePackets: 1000,
    gsoMaxBytes: 65_536,
    addressGeneration: 'eui64',
    addresses: addresses.map((text) => {
      return { prefix: parseInterfaceAddress(text)!, scope: 'global', ready: true, avoided: false };
    }),
  };
}

function defaultRoute(gateway: string): MainRoute {
  return {
    family: 4,
    type: 'unicast',
    destination: parsePrefix('0.0.0.0/0')!,
    gateway: parseIpAddress(gateway)!,
    device: 'eth1',
    metric: 0,
    protocol: 4,
  };
}

function network(device: NetworkInterface | undefined, gateway = '192.0.2.254'): NetworkSnapshot {
  const interfaces = device === undefined ? [] : [device];
  return {
    interfaces,
    mainRoutes: [defaultRoute(gateway)],
    rules: [],
    ownRoutes: [],
    ownRules: [],
    ownFirewall: undefined,
    ownFilters: undefined,
  };
}

function open() {
  const events: EventDetail[] = [];
  return { links: new Links([config], (event) => events.push(event)), events };
}

const noTroubles = new Map<string, string>();

describe('a link on demand', () => {
  const present = network(eth1('192.0.2.1/24'));

  it('is not used before it was brought up, nor after it was hung up', () => {
    const links = new Links([{ ...config, onDemand: {} as OnDemandConfig }], () => {});
    links.resolve(present);
    assert.deepEqual([links.desired(), links.families(), links.controlLinks(['fibre'])], [[], [], []]);
    assert.equal(links.status(noTroubles)[0]?.state, 'down');
    links.use('fibre', true);
    links.resolve(present);
    assert.equal(links.families()[0]?.address.text, '192.0.2.1');
    links.use('fibre', false);
    links.resolve(present);
    assert.deepEqual(links.families(), []);
  });

  it('says what it is lacking when it was brought up and is not there', () => {
    const links = new Links([{ ...config, onDemand: {} as OnDemandConfig }], () => {});
    links.resolve(network(undefined));
    assert.equal(links.explain('fibre'), undefined);
    links.use('fibre', true);
    links.resolve(network(undefined));
    assert.equal(links.explain('fibre'), 'There is no interface eth1.');
    links.resolve(present);
    assert.equal(links.explain('fibre'), undefined);
  });

  it('is missed only after it was up', () => {
    const events: EventDetail[] = [];
    const links = new Links([{ ...config, onDemand: {} as OnDemandConfig }], (event) => events.push(event));
    const looks = [network(undefined), present, network(undefined)];
    for (const look of looks) links.resolve(look);
    assert.deepEqual(events, [], 'at rest');
    links.use('fibre', true);
    for (const look of looks) links.resolve(look);
    links.use('fibre', false);
    links.resolve(network(undefined));
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['linkUp', 'linkDown'],
    );
  });
});

describe('the journal of a link', () => {
  it('tells when it comes, changes and goes, each once', () => {
    const { links, events } = open();
    const looks = [
      network(undefined),
      network(undefined),
      network(eth1('192.0.2.1/24')),
      network(eth1('192.0.2.1/24')),
      network(eth1('192.0.2.2/24')),
      network(eth1('192.0.2.2/24'), '192.0.2.253'),
      network({ ...eth1('192.0.2.2/24'), up: false }),
      network({ ...eth1('192.0.2.2/24'), up: false }),
    ];
    for (const look of looks) links.resolve(look);
    assert.deepEqual(
      events.map(({ kind, evidence }) => [kind, evidence]),
      [
        ['linkDown', { interface: 'eth1', reason: 'There is no interface eth1.' }],
        ['linkUp', { interface: 'eth1', addresses: ['192.0.2.1'], nextHops: ['192.0.2.254'] }],
        ['linkChanged', { what: 'addresses', before: ['192.0.2.1'], after: ['192.0.2.2'] }],
        ['linkChanged', { what: 'nextHops', before: ['192.0.2.254'], after: ['192.0.2.253'] }],
        ['linkDown', { interface: 'eth1', reason: 'The interface eth1 is switched off.' }],
      ],
    );
  });
});

describe('a link', () => {
  it('gives each of its families a place to send from', () => {
    const { links } = open();
    links.resolve(network(eth1('192.0.2.1/24', '2001:db8::1/64')));
    const places = links.families().map(({ family, address, gateway, interfaceIndex, port }) => {
      return [family, address.text, gateway?.text, interfaceIndex, port];
    });
    assert.deepEqual(places, [
      [4, '192.0.2.1', '192.0.2.254', 3, 4500],
      [6, '2001:db8::1', undefined, 3, 4500],
    ]);
  });

  it('that is not usable is neither a place to send from nor known to the peer', () => {
    const { links } = open();
    links.resolve(network(undefined));
    assert.deepEqual([links.families(), links.controlLinks(['fibre']), links.desired()], [[], [], []]);
  });

  it('is known to the peer by its number and addresses, for the tunnels that may use it', () => {
    const { links } = open();
    links.resolve(network(eth1('192.0.2.1/24')));
    assert.deepEqual(links.controlLinks(['lte']), []);
    const [known] = links.controlLinks(['fibre']);
    assert.deepEqual([known?.index, known?.addresses.map(({ text }) => text)], [0, ['192.0.2.1']]);
  });

  it('has a status with what it uses, or with the reason why not', () => {
    const { links } = open();
    const base = { name: 'fibre', interface: 'eth1' };
    const down = { ...base, state: 'down', addresses: [], nextHops: [] };
    assert.deepEqual(links.status(noTroubles), [{ ...down, reason: 'It was not looked at yet.' }]);
    links.resolve(network(undefined));
    assert.deepEqual(links.status(noTroubles), [{ ...down, reason: 'There is no interface eth1.' }]);
    links.resolve(network(eth1('192.0.2.1/24')));
    const up = { ...base, state: 'up', addresses: ['192.0.2.1'], nextHops: ['192.0.2.254'] };
    assert.deepEqual(links.status(noTroubles), [up]);
    assert.deepEqual(links.status(new Map([['fibre', 'BS_ADDRESS_IN_USE …']])), [
      { ...down, reason: 'BS_ADDRESS_IN_USE …' },
    ]);
  });
});
