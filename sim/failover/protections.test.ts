/** Each protection is taken out once: what it keeps from harm is found to be harmed, in one of some histories. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needsRoot, seedsFrom } from '../expect-histories.ts';
import { endNames } from '../inner-packets.ts';
import { type Ends, TunnelEnd } from '../tunnel-end.ts';
import { SharedWires } from '../wires.ts';
import { type FailoverHistory, failoverHistoryOf } from './failover-history.ts';
import { playFailover } from './failover-simulation.ts';
import type { Protection } from './protections.ts';

/** Ten minutes are enough to be harmed. */
const HEALED_AT = 600_000_000;
const SEEDS = seedsFrom(1, 30);

const harm: Readonly<Record<Exclude<Protection, 'secondPath'>, RegExp>> = {
  hold: /after the last change, hold is|good for .* hold is/,
  damping: /came up after .* to be held for/,
  detection: /plain traffic is on .*, dead for/,
  ownProbe: /plain traffic is on .*, (known to be )?dead for/,
  cut: /a connection is stuck on/,
  cutAfterRules: /a connection is stuck on/,
  cutOnlyDead: /which is (good|degraded|unknown|held), were cut off/,
  cutStale: /is stuck to/,
  retry: /is on .*dead for|is stuck on|after the healing plain traffic is on/,
  fallback: /after the healing plain traffic is on lte/,
};

/** What goes wrong first in the first history in which anything does. */
async function firstWrong(without: Protection, ends?: Ends): Promise<string | undefined> {
  for (const seed of SEEDS) {
    const history = failoverHistoryOf(seed, HEALED_AT);
    const { wrong } = await playFailover({ ...history, ...favouring(without, history) }, { without, ends });
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** What makes the protection matter at once. */
function favouring(without: Protection, { settings, troubles }: FailoverHistory): Partial<FailoverHistory> {
  switch (without) {
    // Only a kernel that refuses lets a repetition be missed.
    case 'retry':
      return { refusalPercent: 20 };
    // A share that returns first without the hold is found to be on a dead link before it is found to be early.
    case 'hold':
      return { settings: { ...settings, canary: undefined } };
    // One of them has to try just between the cut and the new rules.
    case 'cutAfterRules':
      return { clients: 40 };
    // What has gone to another link is cut off with the dead one. Where there is none the same link carries on, from another address.
    case 'cutStale':
      return { troubles: troubles.map((it) => ({ ...it, trouble: { kind: 'noAddress', another: true } })) };
    default:
      return {};
  }
}

describe('without one of the protections something goes wrong', () => {
  for (const [protection, expected] of Object.entries(harm)) {
    it(protection, async () => {
      assert.match((await firstWrong(protection as Protection)) ?? 'nothing', expected);
    });
  }

  it('secondPath', needsRoot, async () => {
    const shared = new SharedWires();
    const ends = { a: new TunnelEnd('a', shared), b: new TunnelEnd('b', shared) };
    try {
      assert.match((await firstWrong('secondPath', ends)) ?? 'nothing', /inside the tunnel stalls/);
    } finally {
      for (const name of endNames) ends[name].close();
    }
  });
});
