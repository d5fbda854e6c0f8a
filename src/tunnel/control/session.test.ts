import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { anyMessage } from '../../../test/fixtures/control-messages.ts';
import { type Endpoint, formatEndpoint, parseEndpoint, parseIpAddress } from '../../network/ip-address.ts';
import { encodeBundle } from './bundle-header.ts';
import { Deframer } from './deframer.ts';
import { createInitiator, type InitiatorSettings } from './initiator.ts';
import { decodeMessage, encodeMessage } from './message-codec.ts';
import type { ControlMessage } from './messages.ts';
import type { ControlLink } from './path-mapping.ts';
import { PathNumbers } from './path-numbers.ts';
import { PeerRuns } from './peer-runs.ts';
import { createResponder, type ResponderSettings } from './responder.ts';
import { maxPaths, type SessionEffect, type SessionEnd, type SessionEvent } from './session.ts';
import type { SessionMachine } from './session-machine.ts';

function link(index: number, ...addresses: readonly string[]): ControlLink {
  return {
    name: `link${index}`,
    index,
    addresses: addresses.map((text) => parseIpAddress(text)!),
    port: 4500,
  };
}

function endpoint(text: string): Endpoint {
  return parseEndpoint(text, 4500)!;
}

function initiatorSettings(changes: Partial<InitiatorSettings> = {}): InitiatorSettings {
  return {
    tunnelInstance: new Uint8Array(16).fill(7),
    generation: 3,
    inboundSpi: 0x1001,
    capabilities: 0b11,
    innerMtu: 1400,
    links: [link(0, '192.0.2.1'), link(1, '192.0.2.2')],
    dialled: endpoint('203.0.113.1'),
    pathNumbers: new PathNumbers(),
    ...changes,
  };
}

function responderSettings(changes: Partial<ResponderSettings> = {}): ResponderSettings {
  return {
    verdict: 'ok',
    inboundSpi: 0x2002,
    capabilities: 0b01,
    innerMtu: 1380,
    links: [link(0, '203.0.113.1'), link(1, '203.0.113.2')],
    sessionLinkIndex: 0,
    ...changes,
  };
}

type Side = {
  readonly machine: SessionMachine;
  readonly effects: SessionEffect[];
  readonly toPeer: Uint8Array[];
};

/** Two machines and the wire between them, under virtual time. */
class Exchange {
  readonly initiator: Side;
  readonly responder: Side;
  nowMillis = 1000;

  constructor(initiator = initiatorSettings(), responder = responderSettings()) {
    this.initiator = { machine: createInitiator(initiator), effects: [], toPeer: [] };
    this.responder = { machine: createResponder(responder), effects: [], toPeer: [] };
  }

  give(side: Side, event: SessionEvent): SessionEffect[] {
    const effects = side.machine.handle(event, this.nowMillis);
    side.effects.push(...effects);
    for (const effect of effects) if (effect.type === 'send') side.toPeer.push(effect.bytes);
    return effects;
  }

  open(): this {
    this.give(this.initiator, { type: 'connected' });
    this.give(this.responder, { type: 'connected' });
    return this.deliver();
  }

  /** Carries everything over until both sides are silent. */
  deliver(): this {
    while (this.initiator.toPeer.length + this.responder.toPeer.length > 0) {
      for (const bytes of this.initiator.toPeer.splice(0))
        this.give(this.responder, { type: 'received', bytes });
      for (const bytes of this.responder.toPeer.splice(0))
        this.give(this.initiator, { type: 'received', bytes });
    }
    return this;
  }

  say(side: Side, message: ControlMessage, messageId = 1000): SessionEffect[] {
    return this.give(side, { type: 'received', bytes: encodeMessage(messageId, message) });
  }

  /** Ticks at the machine's own deadline. */
  waitFor(side: Side): SessionEffect[] {
    this.nowMillis = side.machine.nextDeadline() ?? assert.fail('no deadline');
    return this.give(side, { type: 'tick' });
  }
}

function of<Type extends SessionEffect['type']>(side: Side, type: Type) {
  return side.effects.filter(
    (effect): effect is Extract<SessionEffect, { type: Type }> => effect.type === type,
  );
}

function endOf(side: Side): SessionEnd | undefined {
  return of(side, 'close')[0]?.end;
}

function pathsOf(side: Side): string[] {
  return of(side, 'pathAdded').map(({ path }) =>
    path.role === 'initiator'
      ? `${path.pathId} ${path.localAddress.text}-${path.remote.address.text}`
      : `${path.pathId} ${path.claimedRemote.text}-${path.local.address.text}`,
  );
}

describe('a control session', () => {
  it('opens the tunnel with the same terms and matching keys on both sides', () => {
    const { initiator, responder } = new Exchange().open();
    const [one, other] = [of(initiator, 'tunnelOpened')[0]!.tunnel, of(responder, 'tunnelOpened')[0]!.tunnel];
    const terms = {
      version: 1,
      tunnelInstance: new Uint8Array(16).fill(7),
      generation: 3,
      capabilities: 1,
      innerMtu: 1380,
    };
    assert.deepEqual(one, { role: 'initiator', inboundSpi: 0x1001, outboundSpi: 0x2002, ...terms });
    assert.deepEqual(other, { role: 'responder', inboundSpi: 0x2002, outboundSpi: 0x1001, ...terms });
    const context = (side: Side, use: string) =>
      of(side, 'deriveKeys').find((effect) => effect.keys.use === use)!.keys.context;
    assert.deepEqual(context(initiator, 'seal'), context(responder, 'open'));
    assert.deepEqual(context(initiator, 'open'), context(responder, 'seal'));
    assert.notDeepEqual(context(initiator, 'open'), context(initiator, 'seal'));
  });

  it('has its keys before it answers, and its paths before it says so', () => {
    const { responder } = new Exchange().open();
    const order = responder.effects.map((effect) => effect.type);
    assert.deepEqual(order.slice(0, 6), [
      'deriveKeys',
      'deriveKeys',
      'tunnelOpened',
      'send',
      'pathAdded',
      'send',
    ]);
  });

  it('adds the same paths on both sides', () => {
    const { initiator, responder } = new Exchange().open();
    assert.deepEqual(pathsOf(initiator), ['0 192.0.2.1-203.0.113.1', '1 192.0.2.2-203.0.113.2']);
    assert.deepEqual(pathsOf(responder), pathsOf(initiator));
  });

  it('goes where it dialled when the responder knows its own address only from behind a NAT', () => {
    const links = [link(0, '10.0.0.5'), link(1, '203.0.113.2')];
    const { initiator } = new Exchange(initiatorSettings(), responderSettings({ links })).open();
    assert.deepEqual(pathsOf(initiator), ['0 192.0.2.1-203.0.113.1', '1 192.0.2.2-203.0.113.2']);
  });

  it('goes by UDP where the responder says, and by TCP where it dialled, when that port is of TCP alone', () => {
    const dialled = endpoint('203.0.113.1:443');
    const links = [link(0, '10.0.0.5'), link(1, '203.0.113.2')];
    const ways = (capabilities: number) => {
      const settings = responderSettings({ links, capabilities });
      const { initiator } = new Exchange(initiatorSettings({ dialled }), settings).open();
      return of(initiator, 'pathAdded').map(({ path }) => {
        assert.ok(path.role === 'initiator');
        return [formatEndpoint(path.remote), path.tcpPort];
      });
    };
    assert.deepEqual(ways(0b11), [
      ['203.0.113.1:4500', 443],
      ['203.0.113.2:4500', 443],
    ]);
    assert.deepEqual(ways(0b01), [
      ['203.0.113.1:443', undefined],
      ['203.0.113.2:4500', undefined],
    ]);
  });

  for (const verdict of ['unknownPeer', 'notResponder', 'busy'] as const) {
    it(`ends on both sides with the refusal ${verdict}`, () => {
      const { initiator, responder } = new Exchange(
        initiatorSettings(),
        responderSettings({ verdict }),
      ).open();
      assert.deepEqual(endOf(initiator), { kind: 'refusedByPeer', result: verdict });
      assert.deepEqual(endOf(responder), { kind: 'refusedHere', result: verdict });
      assert.equal(of(responder, 'deriveKeys').length, 0);
    });
  }

  it('settles on this version with a peer that also speaks newer ones, and with no version in common on none', () => {
    const request = {
      type: 'tunnelOpenRequest',
      tunnelInstance: new Uint8Array(16),
      initiatorSpi: 300,
      capabilities: 0,
      innerMtu: 1400,
      generation: 0,
    } as const;
    const answers = (versionMin: number, versionMax: number) => {
      const exchange = new Exchange();
      exchange.give(exchange.responder, { type: 'connected' });
      exchange.say(exchange.responder, { ...request, versionMin, versionMax });
      return of(exchange.responder, 'tunnelOpened')[0]?.tunnel.version ?? endOf(exchange.responder);
    };
    assert.equal(answers(1, 9), 1);
    assert.equal(answers(0, 1), 1);
    assert.deepEqual(answers(2, 9), { kind: 'refusedHere', result: 'versionUnsupported' });
    assert.deepEqual(answers(0, 0), { kind: 'refusedHere', result: 'versionUnsupported' });
  });
});

describe('links that come and go', () => {
  it('drop their paths on both sides and leave the others', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.initiator, { type: 'linksChanged', links: [link(0, '192.0.2.1')] });
    exchange.deliver();
    assert.deepEqual(
      of(exchange.initiator, 'pathDropped').map((effect) => [effect.pathId, effect.reason]),
      [[1, 'linkDown']],
    );
    assert.deepEqual(
      of(exchange.responder, 'pathDropped').map((effect) => effect.pathId),
      [1],
    );
    // The responder's second link is still to be used: by a path of its own number.
    assert.deepEqual(pathsOf(exchange.responder).slice(2), ['2 192.0.2.1-203.0.113.2']);
  });

  it('come back as the paths they were, and the stopgap goes only then', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.initiator, { type: 'linksChanged', links: [link(0, '192.0.2.1')] });
    exchange.deliver();
    const before = exchange.initiator.effects.length;
    exchange.give(exchange.initiator, { type: 'linksChanged', links: initiatorSettings().links });
    exchange.deliver();
    const later = exchange.initiator.effects.slice(before).filter((effect) => effect.type.startsWith('path'));
    assert.equal(later[0]?.type, 'pathAdded');
    assert.equal(later[1]?.type, 'pathDropped');
    assert.equal(later.length, 2);
  });

  it('change their address under the same path number', () => {
    const exchange = new Exchange().open();
    const links = [link(0, '192.0.2.1'), link(1, '198.51.100.9')];
    exchange.give(exchange.initiator, { type: 'linksChanged', links });
    exchange.deliver();
    assert.deepEqual(pathsOf(exchange.responder).slice(2), ['1 198.51.100.9-203.0.113.2']);
    assert.equal(of(exchange.initiator, 'pathDropped').length, 0);
  });

  it('twice before the responder answers count with the last address only', () => {
    const exchange = new Exchange().open();
    for (const address of ['198.51.100.8', '198.51.100.9']) {
      const links = [link(0, '192.0.2.1'), link(1, address)];
      exchange.give(exchange.initiator, { type: 'linksChanged', links });
    }
    exchange.deliver();
    assert.deepEqual(pathsOf(exchange.initiator).slice(2), ['1 198.51.100.9-203.0.113.2']);
  });

  it('of the responder are announced, and the paths follow', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.responder, { type: 'linksChanged', links: [link(0, '203.0.113.1')] });
    exchange.deliver();
    assert.deepEqual(
      of(exchange.responder, 'pathDropped').map((effect) => effect.pathId),
      [1],
    );
    assert.deepEqual(
      of(exchange.initiator, 'pathDropped').map((effect) => effect.pathId),
      [1],
    );
    assert.deepEqual(pathsOf(exchange.initiator).slice(2), ['2 192.0.2.2-203.0.113.1']);
    assert.equal(endOf(exchange.initiator) ?? endOf(exchange.responder), undefined);
  });

  it('that the responder lacks are refused without harm to the others', () => {
    const exchange = new Exchange().open();
    const request = { type: 'linkAddRequest', sourceAddress: parseIpAddress('192.0.2.9')! } as const;
    exchange.say(exchange.responder, { ...request, pathId: 9, wantedLinkIndex: 77 }, 1000);
    exchange.say(
      exchange.responder,
      { ...request, pathId: 9, wantedLinkIndex: 0, sourceAddress: parseIpAddress('2001:db8::1')! },
      1001,
    );
    assert.equal(of(exchange.responder, 'pathAdded').length, 2);
    assert.equal(endOf(exchange.responder), undefined);
  });

  it('are refused with the reason: no such link, no such family, no room', () => {
    const exchange = new Exchange().open();
    const [v4, v6] = [parseIpAddress('192.0.2.9')!, parseIpAddress('2001:db8::1')!];
    const requests: [number, number, typeof v4][] = [
      [9, 77, v4],
      [9, 0, v6],
      ...Array.from({ length: maxPaths - 1 }, (_, index): [number, number, typeof v4] => [10 + index, 0, v4]),
    ];
    const results = requests.map(([pathId, wantedLinkIndex, sourceAddress], index) => {
      const request = { type: 'linkAddRequest', pathId, wantedLinkIndex, sourceAddress } as const;
      const reply = exchange.say(exchange.responder, request, 1000 + index).at(-1);
      assert.ok(reply?.type === 'send');
      const [frame] = new Deframer().push(reply.bytes).frames;
      const decoded = decodeMessage(frame!);
      return decoded.ok && decoded.message.type === 'linkAddReply' ? decoded.message.result : 'none';
    });
    assert.deepEqual(results.slice(0, 3), ['unknownLink', 'wrongFamily', 'ok']);
    assert.equal(results.at(-1), 'noMoreLinks');
  });

  it('that cannot change as they should are gone on both sides', () => {
    const exchange = new Exchange().open();
    exchange.say(exchange.responder, {
      type: 'linkAddRequest',
      pathId: 1,
      wantedLinkIndex: 77,
      sourceAddress: parseIpAddress('192.0.2.2')!,
    });
    assert.deepEqual(
      of(exchange.responder, 'pathDropped').map((effect) => effect.pathId),
      [1],
    );
  });

  it('give a dropped path its number back with a new address, on both sides', () => {
    const exchange = new Exchange().open();
    const stays = link(0, '192.0.2.1');
    exchange.give(exchange.initiator, { type: 'linksChanged', links: [stays] });
    exchange.deliver();
    const links = [stays, link(1, '198.51.100.9')];
    exchange.give(exchange.initiator, { type: 'linksChanged', links });
    exchange.deliver();
    for (const side of [exchange.initiator, exchange.responder]) {
      assert.deepEqual(standing(side), ['0 192.0.2.1-203.0.113.1', '1 198.51.100.9-203.0.113.2']);
      const first = of(side, 'pathDropped')[0];
      assert.deepEqual([first?.pathId, first?.reason], [1, 'linkDown']);
    }
  });

  it('are bounded in number whatever the initiator asks for', () => {
    const exchange = new Exchange().open();
    for (let pathId = 100; pathId < 400; pathId++) {
      const sourceAddress = parseIpAddress('192.0.2.9')!;
      exchange.say(
        exchange.responder,
        { type: 'linkAddRequest', pathId, sourceAddress, wantedLinkIndex: 0 },
        1000 + pathId,
      );
    }
    assert.equal(of(exchange.responder, 'pathAdded').length, maxPaths);
  });
});

describe('a path whose ends do not prove themselves', () => {
  function refuted(): Exchange {
    const exchange = new Exchange().open();
    exchange.give(exchange.initiator, { type: 'pathRefuted', pathId: 1 });
    return exchange.deliver();
  }

  it('is dropped on both sides with the reason, and the others stay', () => {
    const exchange = refuted();
    for (const side of [exchange.initiator, exchange.responder]) {
      assert.deepEqual(
        of(side, 'pathDropped').map(({ pathId, reason }) => [pathId, reason]),
        [[1, 'notAuthentic']],
      );
      assert.deepEqual(standing(side), ['0 192.0.2.1-203.0.113.1']);
    }
  });

  it('is asked for again after half a minute, and not before, whatever the links do', () => {
    const exchange = refuted();
    const links = [...initiatorSettings().links, link(2, '192.0.2.3')];
    exchange.give(exchange.initiator, { type: 'linksChanged', links });
    exchange.deliver();
    const again = () => standing(exchange.responder).some((path) => path.startsWith('1 '));
    assert.ok(!again());
    const until = exchange.nowMillis + 30_000;
    while (exchange.nowMillis < until) {
      assert.ok(!again(), `${until - exchange.nowMillis} ms too early`);
      exchange.waitFor(exchange.initiator);
      exchange.give(exchange.responder, { type: 'tick' });
      exchange.deliver();
    }
    assert.ok(again());
    assert.equal(exchange.nowMillis, until);
    assert.equal(endOf(exchange.initiator) ?? endOf(exchange.responder), undefined);
  });

  it('and is not there any more is nothing to the session; a responder does not judge', () => {
    const exchange = new Exchange().open();
    assert.deepEqual(exchange.give(exchange.initiator, { type: 'pathRefuted', pathId: 77 }), []);
    assert.deepEqual(exchange.give(exchange.responder, { type: 'pathRefuted', pathId: 1 }), []);
  });
});

describe('a second gateway with the same key', () => {
  it('that comes back after it was replaced is refused', () => {
    const replaced = new Exchange(initiatorSettings(), responderSettings({ isReplaced: () => true })).open();
    assert.deepEqual(endOf(replaced.initiator), { kind: 'refusedByPeer', result: 'duplicate' });
    assert.deepEqual(endOf(replaced.responder), { kind: 'refusedHere', result: 'duplicate' });
    assert.equal(of(replaced.responder, 'deriveKeys').length, 0);
    const instances: string[] = [];
    const isReplaced = (instance: Uint8Array) => instances.push(instance.toHex()) === 0;
    assert.equal(
      endOf(new Exchange(initiatorSettings(), responderSettings({ isReplaced })).open().responder),
      undefined,
    );
    assert.deepEqual(instances, ['07'.repeat(16)]);
  });

  it('is told from one that starts anew: that one never has its old instance again', () => {
    const runs = new PeerRuns();
    const [one, other, third] = [1, 2, 3].map((byte) => new Uint8Array(16).fill(byte)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    assert.deepEqual([runs.meet(one), runs.meet(one), runs.isReplaced(one)], [false, false, false]);
    assert.deepEqual([runs.meet(other), runs.isReplaced(one), runs.isReplaced(other)], [true, true, false]);
    assert.deepEqual([runs.isReplaced(third), runs.meet(third)], [false, true]);
    // The other one has left, and the first one has the tunnel again.
    assert.deepEqual([runs.meet(one), runs.isReplaced(one), runs.isReplaced(third)], [true, false, true]);
    for (let byte = 10; byte < 100; byte++) runs.meet(new Uint8Array(16).fill(byte));
    assert.equal(runs.isReplaced(other), false);
  });
});

describe('silence', () => {
  it('of the responder ends the opening', () => {
    const exchange = new Exchange();
    exchange.give(exchange.initiator, { type: 'connected' });
    exchange.waitFor(exchange.initiator);
    assert.equal(exchange.nowMillis, 11_000);
    assert.deepEqual(endOf(exchange.initiator), { kind: 'noReply', to: 'tunnelOpenRequest' });
    assert.equal(exchange.initiator.machine.nextDeadline(), undefined);
  });

  it('of the initiator ends the waiting', () => {
    const exchange = new Exchange();
    exchange.give(exchange.responder, { type: 'connected' });
    exchange.waitFor(exchange.responder);
    assert.deepEqual(endOf(exchange.responder), { kind: 'noRequest' });
  });

  it('after a request for a path refuses the path, takes it back over there, and leaves the tunnel', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.initiator, {
      type: 'linksChanged',
      links: [...initiatorSettings().links, link(2, '192.0.2.3')],
    });
    const lost = exchange.initiator.toPeer.splice(0);
    assert.equal(lost.length, 1);
    exchange.nowMillis += 10_000;
    exchange.give(exchange.initiator, { type: 'tick' });
    assert.deepEqual(
      of(exchange.initiator, 'pathRefused').map((effect) => [effect.pathId, effect.reason]),
      [[2, 'noReply']],
    );
    assert.equal(endOf(exchange.initiator), undefined);
    for (const bytes of lost) exchange.give(exchange.responder, { type: 'received', bytes });
    exchange.deliver();
    assert.deepEqual(
      of(exchange.responder, 'pathDropped').map((effect) => effect.pathId),
      [2],
    );
    assert.deepEqual(
      of(exchange.initiator, 'journal').map((effect) => effect.note.kind),
      ['replyToNothing'],
    );
  });

  it('is broken by keepalives for as long as the peer lives', () => {
    const exchange = new Exchange().open();
    for (let round = 0; round < 5; round++) {
      exchange.waitFor(exchange.initiator);
      exchange.give(exchange.responder, { type: 'tick' });
      exchange.deliver();
    }
    assert.equal(endOf(exchange.initiator) ?? endOf(exchange.responder), undefined);
    assert.equal(exchange.nowMillis, 1000 + 5 * 10_000);
  });

  it('of an open session is noticed by both sides', () => {
    for (const role of ['initiator', 'responder'] as const) {
      const exchange = new Exchange().open();
      exchange.waitFor(exchange[role]);
      exchange.waitFor(exchange[role]);
      assert.deepEqual(endOf(exchange[role]), { kind: 'noReply', to: 'keepalive' });
      assert.equal(exchange.nowMillis, 21_000);
    }
  });
});

describe('a breach of the protocol', () => {
  const linkDrop = { type: 'linkDrop', pathId: 0, reason: 'linkDown' } as const;
  const openRefusal = { type: 'tunnelOpenReply', result: 'busy' } as const;

  function errorAfter(role: 'initiator' | 'responder', stage: 'connected' | 'open', ...bytes: Uint8Array[]) {
    const exchange = new Exchange();
    if (stage === 'open') exchange.open();
    else exchange.give(exchange[role], { type: 'connected' });
    for (const chunk of bytes) exchange.give(exchange[role], { type: 'received', bytes: chunk });
    const end = endOf(exchange[role]);
    if (end?.kind === 'protocolError') {
      const lastSent = of(exchange[role], 'send').at(-1)!.bytes;
      assert.equal(lastSent.toHex().slice(16, 24), '00000006', 'Tunnel_Close comes last');
      return end.error;
    }
    return end;
  }

  it('by a message before the tunnel is open ends the session', () => {
    const drop = encodeMessage(1, linkDrop);
    assert.deepEqual(errorAfter('responder', 'connected', drop), { kind: 'outOfOrder', message: 'linkDrop' });
    assert.deepEqual(errorAfter('initiator', 'connected', drop), { kind: 'outOfOrder', message: 'linkDrop' });
  });

  it('by a second opening, or by a message for the other role, ends the session', () => {
    const list = encodeMessage(1000, { type: 'linkList', links: [] });
    assert.deepEqual(errorAfter('responder', 'open', list), { kind: 'outOfOrder', message: 'linkList' });
    const add = encodeMessage(1000, {
      type: 'linkAddRequest',
      pathId: 1,
      sourceAddress: parseIpAddress('192.0.2.1')!,
      wantedLinkIndex: 0,
    });
    assert.deepEqual(errorAfter('initiator', 'open', add), { kind: 'outOfOrder', message: 'linkAddRequest' });
    const first = new Exchange();
    first.give(first.initiator, { type: 'connected' });
    const opening = first.initiator.toPeer[0]!.slice();
    opening[7] = 200;
    assert.deepEqual(errorAfter('responder', 'open', opening), {
      kind: 'outOfOrder',
      message: 'tunnelOpenRequest',
    });
  });

  it("by a message of a path's own connection ends the session", () => {
    const challenge = encodeMessage(1000, {
      type: 'linkAuthenticateChallenge',
      challenge: new Uint8Array(32),
    });
    for (const role of ['initiator', 'responder'] as const)
      assert.deepEqual(errorAfter(role, 'open', challenge), {
        kind: 'outOfOrder',
        message: 'linkAuthenticateChallenge',
      });
  });

  it('by an id that was used already ends the session', () => {
    const repeated = encodeMessage(1000, linkDrop);
    assert.deepEqual(errorAfter('responder', 'open', repeated, repeated), {
      kind: 'staleMessageId',
      messageId: 1000,
    });
  });

  it('by a reply of the wrong kind ends the session', () => {
    const reply = encodeMessage(1, { type: 'keepaliveReply' });
    assert.deepEqual(errorAfter('initiator', 'connected', reply), {
      kind: 'outOfOrder',
      message: 'keepaliveReply',
    });
  });

  it('by a reply to nothing is journalled only', () => {
    assert.equal(errorAfter('initiator', 'open', encodeMessage(999, openRefusal)), undefined);
    assert.equal(errorAfter('responder', 'open', encodeMessage(999, openRefusal)), undefined);
  });

  it('by an unknown message type is journalled a few times, then no more', () => {
    const exchange = new Exchange().open();
    for (let messageId = 100; messageId < 200; messageId++) {
      exchange.give(exchange.initiator, {
        type: 'received',
        bytes: encodeBundle(messageId, 77, Uint8Array.of(1)),
      });
    }
    const notes = of(exchange.initiator, 'journal').map((effect) => effect.note.kind);
    assert.equal(notes.length, 16);
    assert.deepEqual([notes[0], notes[15]], ['unknownMessage', 'furtherNotesLeftOut']);
    assert.equal(endOf(exchange.initiator), undefined);
  });

  it('by terms that were not offered ends the session without keys', () => {
    const good = {
      type: 'tunnelOpenReply',
      result: 'ok',
      version: 1,
      responderSpi: 300,
      capabilities: 1,
      innerMtu: 1400,
      sessionLinkIndex: 0,
      links: [],
    } as const;
    for (const [field, wrong] of [
      ['version', 2],
      ['version', 0],
      ['capabilities', 0x8000_0000],
      ['innerMtu', 1401],
    ] as const) {
      const reply = encodeMessage(1, { ...good, [field]: wrong });
      assert.deepEqual(errorAfter('initiator', 'connected', reply), { kind: 'badAgreement', field });
    }
    assert.equal(errorAfter('initiator', 'connected', encodeMessage(1, good)), undefined);
  });

  it('by a damaged opening is answered with the result malformed', () => {
    const exchange = new Exchange();
    exchange.give(exchange.initiator, { type: 'connected' });
    exchange.give(exchange.responder, { type: 'connected' });
    exchange.give(exchange.responder, {
      type: 'received',
      bytes: encodeBundle(1, 1, Uint8Array.of(0, 1, 0, 9)),
    });
    exchange.initiator.toPeer.length = 0;
    exchange.deliver();
    assert.deepEqual(endOf(exchange.initiator), { kind: 'refusedByPeer', result: 'malformed' });
    assert.equal(endOf(exchange.responder)?.kind, 'protocolError');
  });

  it('by bytes that are no bundle message ends the session', () => {
    const http = Uint8Array.from('GET / HTTP/1.1\r\n\r\n', (letter) => letter.charCodeAt(0));
    assert.deepEqual(errorAfter('responder', 'connected', http), {
      kind: 'badHeader',
      problem: 'wrongMarker',
    });
  });
});

describe('the end of a session', () => {
  it('is told to the peer with its reason, and nothing follows it', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.initiator, { type: 'close', reason: 'rekeyed' });
    exchange.deliver();
    assert.deepEqual(endOf(exchange.initiator), { kind: 'closedHere', reason: 'rekeyed' });
    assert.deepEqual(endOf(exchange.responder), { kind: 'closedByPeer', reason: 'rekeyed' });
    assert.deepEqual(exchange.say(exchange.responder, { type: 'keepalive' }), []);
    assert.deepEqual(exchange.give(exchange.initiator, { type: 'closed' }), []);
  });

  it('comes with the connection’s', () => {
    const exchange = new Exchange().open();
    exchange.give(exchange.responder, { type: 'closed' });
    assert.deepEqual(endOf(exchange.responder), { kind: 'connectionLost' });
  });

  it('comes before the beginning too', () => {
    const exchange = new Exchange();
    exchange.give(exchange.initiator, { type: 'received', bytes: new Uint8Array(100) });
    exchange.give(exchange.initiator, { type: 'tick' });
    assert.deepEqual(exchange.give(exchange.initiator, { type: 'close', reason: 'shutdown' }), [
      { type: 'close', end: { kind: 'closedHere', reason: 'shutdown' } },
    ]);
  });
});

/** One step of a hostile or broken world: which side, and what happens to it. */
const step = fc.record({
  role: fc.constantFrom('initiator' as const, 'responder' as const),
  action: fc.oneof(
    { weight: 8, arbitrary: fc.constant({ kind: 'deliver' as const }) },
    { weight: 1, arbitrary: fc.constantFrom({ kind: 'drop' as const }, { kind: 'twice' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('alter' as const), place: fc.nat(), change: fc.nat(255) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('garbage' as const), bytes: fc.uint8Array() }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('message' as const), message: anyMessage, id: fc.nat(2000) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), millis: fc.nat(15_000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('links' as const), count: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('refuted' as const), pathId: fc.nat(3) }) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function take(exchange: Exchange, { role, action }: Step): void {
  const side = exchange[role];
  const wire = exchange[role === 'initiator' ? 'responder' : 'initiator'].toPeer;
  const give = (bytes: Uint8Array | undefined) => {
    if (bytes !== undefined) exchange.give(side, { type: 'received', bytes });
  };
  switch (action.kind) {
    case 'deliver':
      return give(wire.shift());
    case 'drop':
      return void wire.shift();
    case 'twice':
      give(wire[0]);
      return give(wire.shift());
    case 'alter': {
      const bytes = wire.shift()?.slice();
      if (bytes !== undefined) bytes[action.place % bytes.length]! ^= action.change;
      return give(bytes);
    }
    case 'garbage':
      return give(action.bytes);
    case 'message':
      return give(encodeMessage(action.id, action.message));
    case 'wait':
      exchange.nowMillis += action.millis;
      return void exchange.give(side, { type: 'tick' });
    case 'refuted':
      return void exchange.give(side, { type: 'pathRefuted', pathId: action.pathId });
    case 'links': {
      const links = Array.from({ length: action.count }, (_, index) => link(index, `192.0.2.${index + 1}`));
      return void exchange.give(side, { type: 'linksChanged', links });
    }
  }
}

describe('any two machines', () => {
  it('whatever is lost, repeated, altered or made up, neither throw nor speak after their end', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const exchange = new Exchange();
        exchange.give(exchange.initiator, { type: 'connected' });
        exchange.give(exchange.responder, { type: 'connected' });
        for (const one of steps) take(exchange, one);
        for (const side of [exchange.initiator, exchange.responder]) {
          const closes = side.effects.filter((effect) => effect.type === 'close');
          assert.ok(closes.length <= 1);
          if (closes.length === 1) assert.equal(side.effects.at(-1)?.type, 'close');
          else assert.ok(side.machine.nextDeadline()! > 0);
          assert.ok(of(side, 'tunnelOpened').length <= 1);
          assert.ok(of(side, 'deriveKeys').length <= 2);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('have the same paths after any changes of links', () => {
    const links = fc.array(
      fc.record({ initiator: fc.boolean(), present: fc.array(fc.boolean(), { maxLength: 5 }) }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(links, (changes) => {
        const exchange = new Exchange().open();
        for (const { initiator, present } of changes) {
          const network = initiator ? '192.0.2.' : '203.0.113.';
          const left = present.flatMap((is, index) => (is ? [link(index, `${network}${index + 1}`)] : []));
          exchange.give(initiator ? exchange.initiator : exchange.responder, {
            type: 'linksChanged',
            links: left,
          });
          exchange.deliver();
        }
        assert.equal(endOf(exchange.initiator) ?? endOf(exchange.responder), undefined);
        assert.deepEqual(standing(exchange.initiator), standing(exchange.responder));
      }),
    );
  });
});

function standing(side: Side): string[] {
  const paths = new Map<number, string>();
  for (const effect of side.effects) {
    if (effect.type === 'pathAdded')
      paths.set(effect.path.pathId, pathsOf({ ...side, effects: [effect] })[0]!);
    if (effect.type === 'pathDropped' || effect.type === 'pathRefused') paths.delete(effect.pathId);
  }
  return [...paths.values()].toSorted();
}
