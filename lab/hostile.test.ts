/**
 * Datagrams and connections of strangers at a running gateway: nothing of it comes out, all else goes on.
 *
 * The same attack as in the benchmark, a few hundred of each kind and at a leisurely pace: it is about function here.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from './addressing.ts';
import { openSitePair, type SitePair } from './gateway/site-pair.ts';
import { openAttack } from './hostile/attack.ts';
import { type HostileKind, hostileKinds } from './hostile/hostile-datagrams.ts';
import { Intruder } from './hostile/intruder.ts';
import { captureRealDatagrams } from './hostile/real-datagrams.ts';
import { receptionOf, refusedSince } from './hostile/reception.ts';
import { ping } from './ping.ts';

const PACKETS_PER_SECOND = 2_000;
const SECONDS = 0.4;
const ECHOES = 10;

/** Reasons that a datagram of each kind may be refused for; where all are the tunnel's to count, they add up. */
const reasons: Readonly<Record<HostileKind, { readonly by: readonly string[]; readonly addUp: boolean }>> = {
  random: { by: [], addUp: false },
  truncated: { by: ['replayed', 'authFailed'], addUp: false },
  replayed: { by: ['replayed'], addUp: true },
  flipped: { by: ['replayed', 'authFailed'], addUp: true },
  forged: { by: ['replayed', 'authFailed'], addUp: true },
};

describe('a gateway under attack', () => {
  let pair: SitePair;
  let directory: string;
  let real: readonly Uint8Array[];

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'bs-hostile-test-'));
    pair = await openSitePair('hostile-test', { profile: ['plain'], families: 'v4' });
    real = await captureRealDatagrams(pair.sites, join(directory, 'real.pcap'));
  });
  after(async () => {
    await pair?.close();
    rmSync(directory, { recursive: true });
  });

  for (const kind of hostileKinds) {
    it(`accepts nothing ${kind}, and carries on meanwhile`, async () => {
      const source = await openAttack(pair.sites, { kinds: [kind], real, file: join(directory, kind) });
      const earlier = await figures();
      const [{ sent }, { received }] = await Promise.all([
        source.run(PACKETS_PER_SECOND, SECONDS),
        ping(pair.sites.hostA, ECHOES, { address: hostInside('b').v4, intervalMillis: 30 }),
      ]);
      await sleep(100);
      await source.close();
      const later = await figures();
      assert.ok(sent > 100, `only ${sent} were sent`);
      assert.equal(received, ECHOES);
      assert.equal(later.b.innerIn - earlier.b.innerIn, later.a.innerOut - earlier.a.innerOut);
      const refused = refusedSince(earlier.b, later.b);
      const { by, addUp } = reasons[kind];
      const total = by.reduce((sum, reason) => sum + (refused[reason] ?? 0), 0);
      if (addUp) assert.equal(total, sent, JSON.stringify(refused));
    });
  }

  it('lets nobody in at the TCP port, and stays where it is', async () => {
    const before = await pair.b.tunnel();
    const intruder = await Intruder.start(pair.sites, directory);
    await sleep(4_000);
    const { garbage, slow, strangeKeys, answered } = await intruder.stop();
    assert.ok(garbage > 10 && slow >= 10 && strangeKeys > 2);
    assert.equal(answered, 0);
    const after = await pair.b.tunnel();
    assert.equal(after.state, 'up');
    assert.equal(after.generation, before.generation);
    assert.deepEqual(
      after.paths.map(({ remote }) => remote),
      before.paths.map(({ remote }) => remote),
    );
    const refusals = (await pair.b.events()).filter(({ kind }) => kind === 'peerRefused');
    assert.ok(refusals.length > 0);
    assert.equal((await ping(pair.sites.hostA, ECHOES, { address: hostInside('b').v4 })).received, ECHOES);
  });

  async function figures() {
    return { a: receptionOf(await pair.a.status()), b: receptionOf(await pair.b.status()) };
  }
});
