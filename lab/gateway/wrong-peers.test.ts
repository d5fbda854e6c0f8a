/** Peers that do not fit each other: both sides are told what to do, nothing comes up, and nobody is hammered. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalEntry } from '../../src/journal/journal.ts';
import { readIdentity } from '../../src/linux/identity.ts';
import type { Side } from '../addressing.ts';
import { gatewayConfig } from '../gateway-configs.ts';
import type { GatewayDaemon } from '../gateways.ts';
import { JournalWatch } from './journal-watch.ts';
import { openSitePair, type SitePair } from './site-pair.ts';

const stranger = `SHA256:${'S'.repeat(42)}A`;
/** In so long a caller without a pause would have tried some hundred times. */
const WATCH_MILLIS = 1_500;

const countedCalls = `
table inet laboratory_calls {
  chain in {
    type filter hook input priority 0;
    tcp dport 4500 tcp flags & (syn | ack) == syn counter
  }
}`;

describe('two gateways that do not know each other', () => {
  let pair: SitePair;
  let keys: Record<Side, string>;
  before(async () => {
    pair = await openSitePair('strangers', { families: 'v4' });
    keys = {
      a: readIdentity(pair.a.files.identity).fingerprint,
      b: readIdentity(pair.b.files.identity).fingerprint,
    };
  });
  after(() => pair?.close());

  /** Starts a daemon anew that takes these keys for its own and the peer's. */
  async function restart(
    daemon: GatewayDaemon,
    fingerprints: Record<Side, string>,
    tunnel: object = {},
  ): Promise<void> {
    const overrides = { tunnel };
    const text = gatewayConfig(pair.sites.links, daemon.side, daemon.files, {
      fingerprints,
      families: 'v4',
      overrides,
    });
    await daemon.child.stop();
    writeFileSync(daemon.files.config, text);
    await daemon.start();
  }

  async function assertStaysDown(): Promise<void> {
    for (const daemon of [pair.a, pair.b]) {
      const { state, paths } = await daemon.tunnel();
      assert.notEqual(state, 'up');
      assert.deepEqual(paths, []);
    }
  }

  it('tell both operators when the responder does not know the caller', async () => {
    const watches = [await JournalWatch.start(pair.a), await JournalWatch.start(pair.b)] as const;
    await pair.a.child.stop();
    await restart(pair.b, { ...keys, a: stranger });
    await pair.b.namespace.nft(countedCalls);
    await restart(pair.a, keys);
    const refused = await watches[1].waitFor('peerRefused');
    assert.equal(refused.evidence.fingerprint, keys.a);
    assert.match(refused.evidence.reason, /no tunnel has its key.*`peer\.fingerprint`/);
    const error = await watches[0].waitFor(
      'controlError',
      ({ evidence }) => evidence.code === 'BS_PEER_REFUSED',
    );
    assert.ok(error.evidence.message.includes(`peer.fingerprint: ${keys.a}`), error.evidence.message);
    await sleep(WATCH_MILLIS);
    const { stdout } = await pair.b.namespace.run('nft', ['list', 'table', 'inet', 'laboratory_calls']);
    const calls = Number(stdout.match(/packets (\d+)/)?.[1]);
    assert.ok(calls > 0 && calls <= 8, `called ${calls} times`);
    await assertStaysDown();
  });

  it('tell both operators when the caller does not know who answers', async () => {
    const watches = [await JournalWatch.start(pair.a), await JournalWatch.start(pair.b)] as const;
    await pair.a.child.stop();
    await restart(pair.b, keys);
    await restart(pair.a, { ...keys, b: stranger });
    const error = await watches[0].waitFor(
      'controlError',
      ({ evidence }) => evidence.code === 'BS_PEER_WRONG_KEY',
    );
    const { message } = error.evidence;
    assert.ok(
      message.includes(stranger) && message.includes(keys.b) && message.includes('`peer.fingerprint`'),
      message,
    );
    // It depends on who is faster whether the caller leaves in the handshake or right after it.
    const advice = `peer.fingerprint: ${keys.b}`;
    await Promise.any([
      watches[1].waitFor('peerRefused', ({ evidence }) => evidence.reason.includes(advice)),
      watches[1].waitFor('controlError', ({ evidence }) => evidence.message.includes(advice)),
    ]);
    await sleep(WATCH_MILLIS);
    const errors = countOf(await watches[0].of('controlError'));
    assert.ok(errors <= 3, `${errors} entries`);
    await assertStaysDown();
  });

  it('tell both operators when both call', async () => {
    const addresses = pair.sites.links.map(({ plan }) => plan.a.address.v4);
    const watches = [await JournalWatch.start(pair.a), await JournalWatch.start(pair.b)];
    await pair.a.child.stop();
    await restart(pair.b, keys, { peer: { fingerprint: keys.a, addresses } });
    await restart(pair.a, keys);
    for (const watch of watches) {
      const error = await watch.waitFor('controlError', ({ evidence }) =>
        /wait for us/.test(evidence.message),
      );
      assert.equal(error.evidence.code, 'ECONNREFUSED');
      assert.match(error.evidence.message, /no `peer\.addresses`/);
    }
    await assertStaysDown();
  });
});

function countOf(entries: readonly JournalEntry[]): number {
  return entries.reduce((sum, { count }) => sum + count, 0);
}
