import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import type { WorkerCommand } from '../dataplane/protocol.ts';
import type { OpenedTunnel } from '../tunnel/control/session.ts';
import { Associations, SpiPool } from './associations.ts';
import type { GatewayContext } from './context.ts';

const PACKET_LIMIT = 1000;
const key = { key: new Uint8Array(32), salt: new Uint8Array(4) };

function opened(role: 'initiator' | 'responder', inboundSpi: number): OpenedTunnel {
  const agreed = { version: 1, capabilities: 0, innerMtu: 1400 };
  return {
    role,
    tunnelInstance: new Uint8Array(16),
    generation: 1,
    inboundSpi,
    outboundSpi: 1000,
    ...agreed,
  };
}

function open(keyLog?: (line: string) => void) {
  const commands: WorkerCommand[] = [];
  const context = { worker: { send: (command: WorkerCommand) => commands.push(command) }, keyLog };
  const spis = new SpiPool();
  const associations = new Associations(context as unknown as GatewayContext, spis, 3, 'sites');
  const install = (role: 'initiator' | 'responder', spi: number) =>
    associations.install(opened(role, spi), key, key, { finishChecksums: true, aggfrag: true }, PACKET_LIMIT);
  const removed = () =>
    commands.flatMap((command) => (command.kind === 'removeInbound' ? [command.spi] : []));
  return { commands, associations, install, removed };
}

describe('the keys of a tunnel', () => {
  it('are used at once by the initiator, by the responder when it hears the peer use them', () => {
    for (const [role, activate] of [
      ['initiator', 'now'],
      ['responder', { whenHeardOn: 300 }],
    ] as const) {
      const { commands, install } = open();
      install(role, 300);
      assert.deepEqual(
        commands.map(({ kind }) => kind),
        ['addInbound', 'addOutbound'],
        'ready to receive before the first packet is sent',
      );
      const outbound = commands[1];
      assert.ok(outbound?.kind === 'addOutbound');
      assert.deepEqual(
        [outbound.activate, outbound.packetLimit, outbound.tunnel],
        [activate, PACKET_LIMIT, 3],
      );
    }
  });

  it('stay for what is on its way, and no longer', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { install, removed } = open();
      install('initiator', 300);
      mock.timers.tick(60_000);
      assert.deepEqual(removed(), [], 'the newest stay for ever');
      install('initiator', 301);
      mock.timers.tick(14_999);
      assert.deepEqual(removed(), []);
      mock.timers.tick(1);
      assert.deepEqual(removed(), [300]);
    } finally {
      mock.timers.reset();
    }
  });

  it('are few, however often the peer wants others', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const { install, removed } = open();
      for (let spi = 300; spi < 310; spi++) install('responder', spi);
      assert.deepEqual(removed(), [300, 301, 302, 303, 304, 305]);
      mock.timers.tick(15_000);
      assert.deepEqual(removed(), [300, 301, 302, 303, 304, 305, 306, 307, 308]);
    } finally {
      mock.timers.reset();
    }
  });

  it('are all forgotten at once when the tunnel ends', () => {
    const { commands, associations, install, removed } = open();
    install('initiator', 300);
    install('initiator', 301);
    associations.clear();
    assert.deepEqual(removed(), [300, 301]);
    assert.ok(commands.some(({ kind }) => kind === 'removeOutbound'));
  });

  it('are written down only where a laboratory asks for it', () => {
    const lines: string[] = [];
    open((line) => lines.push(line)).install('initiator', 300);
    const [inbound, outbound] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(inbound, {
      tunnel: 'sites',
      direction: 'in',
      spi: 300,
      key: '00'.repeat(32),
      salt: '00000000',
    });
    assert.deepEqual([outbound.direction, outbound.spi], ['out', 1000]);
  });
});

describe('SPIs', () => {
  it('are never given twice, nor from the reserved ones', () => {
    const spis = new SpiPool();
    const taken = Array.from({ length: 1000 }, () => spis.take());
    assert.equal(new Set(taken).size, 1000);
    assert.ok(taken.every((spi) => spi >= 256 && spi < 2 ** 32));
  });
});
