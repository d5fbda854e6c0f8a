import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeConfig } from '../../test/fixtures/probe-rig.ts';
import type { Config, LinkConfig } from '../config/index.ts';
import type { EventDetail } from '../journal/event.ts';
import { parseIpAddress } from '../network/ip-address.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import { explainLink, tryLink } from './link-explanation.ts';
import { LinkProbes } from './link-probes.ts';

const root = process.getuid?.() === 0;

function open(links: readonly Partial<LinkConfig>[], isInUse = () => true) {
  const events: EventDetail[] = [];
  const config = { links, tunnels: [] } as unknown as Config;
  const probes = new LinkProbes(
    { config, record: (event) => events.push(event) },
    { status: () => [], isInUse },
  );
  return { probes, events };
}

const fibre = { name: 'fibre', interface: 'eth1', rateBps: undefined, probe: probeConfig };
const lte = { name: 'lte', interface: 'wwan0', rateBps: undefined, probe: undefined };
const status = (name: string) =>
  ({ name, interface: 'eth1', state: 'down', addresses: [], nextHops: [] }) as const;

describe('links that are probed', () => {
  it('have a verdict in their status, others have none', () => {
    const [one, other] = open([fibre, lte]).probes.complete([status('fibre'), status('lte')]);
    assert.equal(one?.probe?.verdict, 'unknown');
    assert.deepEqual(one?.probe?.targets, []);
    assert.deepEqual(other, status('lte'));
  });

  it('are explained, also before the first round, and links without a probe as well', () => {
    const { probes } = open([fibre, lte]);
    const links = [status('fibre'), status('lte')];
    const { probe } = explainLink('fibre', links, probes.get('fibre'));
    assert.deepEqual(probe?.settings.targets, ['icmp 192.0.2.1', 'icmp 192.0.2.2', 'icmp 192.0.2.3']);
    assert.deepEqual([probe?.settings.delayAboveMillis, probe?.recorded], [200, { rounds: 0 }]);
    assert.equal(explainLink('lte', links, undefined).probe, undefined);
  });

  it('are tried only where they are known and probed, and with settings that there are', () => {
    const { probes } = open([fibre]);
    const links = [status('fibre'), status('lte')];
    const attempt = (name: string, words: Record<string, string>) => () =>
      tryLink(name, words, links, probes.get(name));
    assert.throws(attempt('nothing', {}), { code: 'BS_LINK_UNKNOWN' });
    assert.throws(attempt('lte', {}), { code: 'BS_LINK_NOT_PROBED' });
    assert.throws(attempt('fibre', { retries: 'many' }), { code: 'BS_API_BAD_REQUEST', place: 'retries' });
    assert.throws(attempt('fibre', { count: '9' }), { code: 'BS_API_BAD_REQUEST', place: 'count' });
    assert.equal(attempt('fibre', { retries: '9' })().settings.retries, 9);
  });

  it('that have no way out are not probed, and that is no failure', () => {
    const { probes, events } = open([fibre]);
    assert.deepEqual(probes.adjust([]), []);
    assert.equal(probes.get('fibre')?.isProbing, false);
    assert.deepEqual(events, []);
  });

  it('with a target that is this machine are told, whoever has given it the address', () => {
    const { probes } = open([fibre, lte]);
    const address = probeConfig.targets[1]?.kind === 'icmp' ? probeConfig.targets[1].address : assert.fail();
    const interfaces = [{ name: 'eth1', addresses: [{ prefix: { address, length: 24 } }] }];
    const network = { interfaces } as unknown as NetworkSnapshot;
    assert.deepEqual(
      probes.ownTargets(network).map(({ part, error }) => [part, error.code, error.place, error.message]),
      [
        [
          'probe of link fibre',
          'BS_PROBE_TARGET_OWN',
          'icmp 192.0.2.2',
          'It is an address of this machine (eth1).',
        ],
      ],
    );
    assert.deepEqual(probes.ownTargets({ interfaces: [] }), []);
  });

  it('that are gone have failed, and those that were hung up have not', { skip: !root }, async () => {
    const address = parseIpAddress('127.0.0.1') ?? assert.fail();
    const probe = {
      ...probeConfig,
      targets: [{ kind: 'icmp', address } as const],
      everyMillis: 50,
      intervalMillis: 50,
    };
    const place = { link: 'lo', linkIndex: 0, interface: 'lo', interfaceIndex: 1, port: 4500 };
    let isInUse = true;
    const { probes } = open([{ ...fibre, name: 'lo', interface: 'lo', probe }], () => isInUse);
    const standing = () => probes.get('lo')?.standing;
    const comesUp = async () => {
      assert.deepEqual(probes.adjust([{ ...place, family: 4, address, gateway: undefined }]), []);
      for (let wait = 0; wait < 10_000 && standing()?.verdict !== 'up'; wait += 20) await sleep(20);
      assert.equal(standing()?.verdict, 'up');
    };
    try {
      await comesUp();
      isInUse = false;
      probes.adjust([]);
      assert.deepEqual([standing()?.verdict, standing()?.failures], ['unknown', 0]);
      isInUse = true;
      await comesUp();
      probes.adjust([]);
      assert.deepEqual(
        [standing()?.verdict, standing()?.cause, standing()?.failures],
        ['down', 'linkGone', 1],
      );
    } finally {
      probes.close();
    }
  });

  it('that cannot be probed are told, and tried again', () => {
    const { probes } = open([fibre]);
    const address = probeConfig.targets[0]?.kind === 'icmp' ? probeConfig.targets[0].address : assert.fail();
    const place = { link: 'fibre', linkIndex: 0, interface: 'no-such-one', interfaceIndex: 99, port: 4500 };
    const family = { ...place, family: 4, address, gateway: undefined } as const;
    for (let attempt = 0; attempt < 2; attempt++) {
      const [failure] = probes.adjust([family]);
      assert.equal(failure?.part, 'probe of link fibre');
    }
    probes.close();
  });
});
