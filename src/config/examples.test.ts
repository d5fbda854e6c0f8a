import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatEndpoint } from '../network/ip-address.ts';
import { type Config, checkConfig, formatMistake } from './index.ts';

const directory = new URL('../../examples/', import.meta.url);

function example(name: string): Config {
  const checked = checkConfig(readFileSync(new URL(name, directory), 'utf8'), name);
  return checked.ok ? checked.config : assert.fail(checked.mistakes.map(formatMistake).join('\n'));
}

function tunnel(config: Config, name: string) {
  return config.tunnels.find((candidate) => candidate.name === name) ?? assert.fail(name);
}

test('every example is a valid configuration', () => {
  const names = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
  assert.ok(names.length >= 5);
  for (const name of names) example(name);
});

test('the sites that name the head office reach it at its addresses and agree on the inner MTU', () => {
  const office = example('head-office.yaml');
  const outer = office.links.flatMap(({ address, port }) =>
    address === 'auto' ? [] : address.map((one) => formatEndpoint({ address: one, port })),
  );
  for (const [file, name] of [
    ['branch-fibre-lte.yaml', 'nantes'],
    ['ship-satellite-lte.yaml', 'ship-aurora'],
  ] as const) {
    const site = tunnel(example(file), 'head-office');
    for (const endpoint of site.peer.addresses) assert.ok(outer.includes(formatEndpoint(endpoint)));
    assert.deepEqual(tunnel(office, name).peer.addresses, []);
  }
  assert.equal(
    tunnel(example('ship-satellite-lte.yaml'), 'head-office').mtu,
    tunnel(office, 'ship-aurora').mtu,
  );
});

test('the examples show what defaults become', () => {
  const branch = example('branch-fibre-lte.yaml');
  assert.equal(branch.links[0]?.keepaliveMillis, 500);
  assert.equal(branch.links[0]?.rateBps, 300_000_000);
  // 1428 less 82 is 1346; with the trailer of 2 that is a whole number of 4.
  assert.equal(branch.tunnels[0]?.mtu, 1346);
  assert.equal(branch.tunnels[0]?.interface, 'bs-head-office');
  const onDemand = example('branch-on-demand.yaml');
  assert.deepEqual(
    onDemand.links.map((link) => link.onDemand?.holdMillis),
    [undefined, 300_000, 60_000],
  );
  // Saturday, from 8 to 13 o'clock.
  assert.deepEqual(onDemand.links[1]?.onDemand?.hours?.[1], { days: [5], begin: 480, end: 780 });
  assert.deepEqual(onDemand.tunnels[0]?.demand, {
    above: 0.8,
    forMillis: 30_000,
    below: 0.4,
    belowForMillis: 300_000,
    queueMillis: 5,
    outageMillis: 5_000,
    direction: 'both',
    traffic: undefined,
  });
  const modem = example('branch-fibre-modem.yaml').links[1]?.onDemand;
  assert.ok(modem?.way.kind === 'ppp');
  const { speed, answerMillis, negotiateMillis } = modem.way;
  assert.deepEqual([speed, answerMillis, negotiateMillis], [115_200, 60_000, 30_000]);
  // Three tries of two commands, calling and negotiating, two pauses, and 10 s to spare.
  assert.equal(modem.withinMillis, 3 * (2 * 5_000 + 60_000 + 30_000) + 2 * 5_000 + 10_000);
  assert.equal(branch.tunnels[0]?.demand.above, undefined);
  const plant = tunnel(example('two-providers-one-interface.yaml'), 'plant');
  assert.deepEqual(plant.links, ['dsl-north', 'dsl-south']);
  assert.equal(plant.mtu, 1410);
});
