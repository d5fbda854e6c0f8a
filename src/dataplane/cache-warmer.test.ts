import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { AssociationPair, Workbench } from '../../test/fixtures/association-pair.ts';
import { writeFd } from '../linux/file-descriptor.ts';
import { nextHeader } from '../tunnel/esp/format.ts';
import { opened } from './association.ts';
import { CacheWarmer } from './cache-warmer.ts';
import { ONE_BURST, rehearsalPackets } from './rehearsal-packets.ts';
import { keyCommands, openStage } from './rehearsal-stage.ts';

describe('the cache warmer', () => {
  it('opens what it sealed, as often as it is asked', () => {
    const { memory } = new Workbench();
    const warmer = new CacheWarmer(memory);
    for (let round = 0; round < 1_000; round++) assert.equal(warmer.warm(), true);
    warmer.close();
    assert.equal(warmer.warm(), false, 'closed');
  });

  it('says so when its packet does not come out', () => {
    const { memory } = new Workbench();
    const warmer = new CacheWarmer(memory);
    mock.method(memory.opener, 'isAuthentic', () => false);
    assert.equal(warmer.warm(), false);
    assert.equal(memory.opener.count, 0, 'and leaves the row empty');
    warmer.close();
  });

  it('leaves the packets of tunnels and their numbers alone', () => {
    const bench = new Workbench();
    const pair = new AssociationPair(1, bench);
    const warmer = new CacheWarmer(bench.memory);
    for (let number = 1; number <= 100; number++) {
      const packet = pair.seal(Buffer.from(`packet ${number}`), nextHeader.ipv4);
      assert.equal(warmer.warm(), true);
      assert.equal(pair.open(packet), opened);
      assert.equal(warmer.warm(), true);
      assert.deepEqual([pair.outbound.sequence, pair.inbound.sequence], [number, number]);
    }
    warmer.close();
    pair.close();
  });
});

const options = { skip: process.getuid?.() !== 0 && 'binding to an interface needs root' };

/** An idle moment comes as soon as what the packet caused is done. */
const MOST_NAPS = 1_000;

describe('a worker that is woken from a nap for nothing', options, () => {
  it('keeps its caches warm', () => {
    const warm = mock.method(CacheWarmer.prototype, 'warm');
    const stage = openStage({ links: 1, schedule: 'arrival', classes: [], declared: true });
    try {
      for (const end of stage.ends) stage.carryOut(...keyCommands(end, 0));
      const [packet] = rehearsalPackets(ONE_BURST) as [Uint8Array];
      stage.files.bytes.set(packet);
      writeFd(stage.entry, stage.files.address, packet.length);
      for (let nap = 0; nap < MOST_NAPS && warm.mock.callCount() === 0; nap++) stage.worker.nap();
      assert.deepEqual(
        warm.mock.calls.map(({ result }) => result),
        [true],
      );
    } finally {
      stage.close();
      warm.mock.restore();
    }
  });
});
