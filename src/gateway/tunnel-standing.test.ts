import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventDetail } from '../journal/event.ts';
import { TunnelStanding } from './tunnel-standing.ts';

const evidence = {
  remote: '192.0.2.1',
  fingerprint: 'SHA256:x',
  interface: 'bs-head',
  mtu: 1418,
  generation: 1,
};

function open(role: 'initiator' | 'responder') {
  const events: EventDetail[] = [];
  return { standing: new TunnelStanding('head-office', role, (event) => events.push(event)), events };
}

describe('the standing of a tunnel', () => {
  it('begins with connecting, or with waiting for the peer', () => {
    const { state, reason } = open('initiator').standing;
    assert.deepEqual([state, reason], ['connecting', undefined]);
    const waiting = open('responder').standing;
    assert.deepEqual([waiting.state, waiting.reason], ['down', 'The peer has not called yet.']);
  });

  it('is journalled when it changes, not when it is told again', () => {
    const { standing, events } = open('responder');
    standing.up(evidence);
    standing.up(evidence);
    standing.down('No path carries.');
    standing.down('The peer shut down.');
    standing.up(evidence);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['tunnelUp', 'tunnelDown', 'tunnelUp'],
    );
    const down = events[1];
    assert.ok(down?.kind === 'tunnelDown' && (down.evidence.upMillis ?? -1) >= 0);
    assert.equal(down.evidence.reason, 'No path carries.');
    assert.equal(standing.reason, undefined);
  });

  it('of a tunnel that never was up ends without an entry', () => {
    const { standing, events } = open('initiator');
    standing.down('The peer shut down.');
    assert.deepEqual([standing.state, standing.reason, events], ['down', 'The peer shut down.', []]);
  });
});
