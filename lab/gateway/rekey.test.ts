/** New keys under way, by count and by time: no packet is lost for them, and none is due to the peer's good will. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside, type Side } from '../addressing.ts';
import { RunningPing } from '../ping.ts';
import { JournalWatch } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream } from './tcp-stream.ts';

/** The fewest and the shortest that a configuration may have. */
const REKEY = { packets: 65_536, after: '10s' };
/** Some 40,000 packets a second: a generation lasts a second and a half. */
const BYTES_PER_SECOND = 55_000_000;

const closedControlPort = `
table inet laboratory_control {
  chain in {
    type filter hook input priority 0;
    tcp dport 4500 drop
  }
}`;

describe('a tunnel that gets new keys', () => {
  let pair: SitePair;
  before(async () => {
    pair = await openSitePair('rekey', { families: 'v4', overrides: { tunnel: { rekey: REKEY } } });
  });
  after(() => pair?.close());

  for (const [sender, towards] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const satisfies readonly (readonly [Side, Side])[]) {
    it(`after so many packets from side ${sender} loses none of them`, async () => {
      const { generation } = await pair.a.tunnel();
      const watch = await JournalWatch.start(pair[sender]);
      const echoes = await RunningPing.start(pair.sites.hostA, {
        address: hostInside('b').v4,
        intervalMillis: 5,
      });
      const stream = await TcpStream.start(pair.sites, { towards, bytesPerSecond: BYTES_PER_SECOND });
      for (const side of ['a', 'b'] as const) {
        await pair[side].waitForTunnel((tunnel) => tunnel.generation >= generation + 2, 9_000);
      }
      await watch.waitFor('tunnelRekeyed');
      await stream.finish();
      const { sent, received } = await echoes.finish();
      assert.equal(received, sent, 'every echo is answered');
      assert.ok(sent > 200);
      assert.deepEqual(await watch.of('tunnelDown'), []);
      assert.deepEqual(await watch.of('pathDown'), []);
    });
  }

  it('goes on with the old ones while the control port is closed, says so, and gets new ones afterwards', async () => {
    const watch = await JournalWatch.start(pair.a);
    const echoes = await RunningPing.start(pair.sites.hostA, {
      address: hostInside('b').v4,
      intervalMillis: 20,
    });
    const { generation, lastRekey = '', nextRekey = '' } = await pair.a.tunnel();
    assert.ok(Math.abs(Date.parse(nextRekey) - Date.parse(lastRekey) - 10_000) < 50);
    await pair.sites.gatewayB.nft(closedControlPort);
    const stream = await TcpStream.start(pair.sites, { bytesPerSecond: BYTES_PER_SECOND });
    const failed = await watch.waitFor('rekeyFailed', undefined, 12_000);
    await stream.finish();
    assert.equal(failed.evidence.generation, generation + 1);
    assert.match(failed.evidence.reason, /did not answer in time/);
    const during = await pair.a.tunnel();
    assert.deepEqual([during.state, during.generation], ['up', generation]);
    await pair.sites.gatewayB.nft('delete table inet laboratory_control');
    await pair.a.waitForTunnel((tunnel) => tunnel.generation > generation, 15_000);
    await pair.b.waitForTunnel((tunnel) => tunnel.generation > generation);
    await sleep(200);
    const { sent, received } = await echoes.finish();
    assert.equal(received, sent, 'every echo is answered');
    assert.deepEqual(await watch.of('tunnelDown'), []);
  });
});
