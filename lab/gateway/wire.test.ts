/** What two running daemons put on the wire, read with the keys that the laboratory's option writes down. */
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../capture.ts';
import { type DissectKeys, dissect } from '../dissect.ts';
import { assertHostsReach, openSitePair } from './site-pair.ts';

/** Two associations, and two after the rekey. */
const REKEY = { rekey: { after: '10s', packets: 1_000_000 } };

test('a capture of the tunnel is dissected without complaint, over a rekey as well', async () => {
  const pair = await openSitePair('wire', {
    overrides: { tunnel: REKEY },
    runArguments: ({ state }) => ['--test-key-log', join(state, 'keys')],
  });
  try {
    const file = join(pair.directory, 'wire.pcap');
    const capture = await Capture.start(pair.sites.gatewayB, { interfaceName: 'wan0', file, filter: 'udp' });
    const before = (await pair.b.tunnel()).generation;
    await assertHostsReach(pair.sites);
    await pair.b.waitForTunnel((tunnel) => tunnel.generation > before);
    await assertHostsReach(pair.sites);
    await sleep(200);
    await capture.stop();
    const { packets, complaints } = await dissect(file, keysOf(join(pair.b.files.state, 'keys')));
    assert.deepEqual(complaints, []);
    const layers = packets.map((packet) => packet.layers);
    assert.ok(
      layers.some((names) => names.includes('esp:ip:icmp')),
      'IPv4 inside',
    );
    assert.ok(
      layers.some((names) => names.includes('esp:ipv6:icmpv6')),
      'IPv6 inside',
    );
    assert.ok(new Set(packets.map(({ spi }) => spi)).size >= 4, 'two generations in two directions');
    for (const { opened, frame } of packets) assert.ok(opened.valid, `frame ${frame} has a right tag`);
    assert.equal(statSync(join(pair.b.files.state, 'keys')).mode & 0o777, 0o600);
  } finally {
    await pair.close();
  }
});

function keysOf(file: string): DissectKeys[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const { spi, key, salt } = JSON.parse(line) as { spi: number; key: string; salt: string };
      return { spi, key: Buffer.from(key, 'hex'), salt: Buffer.from(salt, 'hex') };
    });
}
