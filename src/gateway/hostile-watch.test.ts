import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCounters, tunnelCounters, tunnelSlot } from '../dataplane/counters.ts';
import type { EventDetail } from '../journal/event.ts';
import type { GatewayContext } from './context.ts';
import { HostileWatch } from './hostile-watch.ts';
import type { Tunnel } from './tunnel.ts';

test('what was refused since the last look is told once, and a handful is not', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const worker = { refusedMalformed: 0, refusedUnknownSpi: 0 };
  const counters = openCounters(tunnelCounters);
  const events: EventDetail[] = [];
  const context = {
    config: { gateway: { name: 'lyon' } },
    worker: { counters: () => worker },
    record: (event: EventDetail) => void events.push(event),
  } as unknown as GatewayContext;
  const watch = new HostileWatch(context, [{ counters } as Tunnel]);
  worker.refusedUnknownSpi = 20;
  t.mock.timers.tick(10_000);
  assert.equal(events.length, 0);
  worker.refusedUnknownSpi = 520;
  new Float64Array(counters)[tunnelSlot.refusedReplayed] = 30;
  t.mock.timers.tick(10_000);
  t.mock.timers.tick(10_000);
  watch.close();
  const evidences = events.map(({ evidence }) => evidence);
  assert.deepEqual(evidences, [{ counts: { unknownSpi: 500, replayed: 30 } }]);
});
