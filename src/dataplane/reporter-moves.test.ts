/** A peer's address may change (NAT, DHCP): its path follows the newest authentic report, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from '../linux/arena.ts';
import { readSocketAddress, SOCKET_ADDRESS_LENGTH, writeSocketAddress } from '../linux/socket-address.ts';
import { REPORT_LONGEST, type ReportHeader, writeReportHeader } from '../tunnel/path/report.ts';
import { openCounters, pathCounters, tunnelCounters, tunnelSlot } from './counters.ts';
import type { Outbound } from './outbound.ts';
import type { RemoteAddress } from './protocol.ts';
import { Reporter } from './reporter.ts';
import { NameMemory, TunnelPlane } from './tunnel-plane.ts';

const HOME = Uint8Array.of(192, 0, 2, 1);
const AWAY = Uint8Array.of(198, 51, 100, 9);
const AWAY_6 = Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
const SPI = 0x1000;

class Bench {
  readonly arena = new Arena(16 * 1024);
  readonly moves: RemoteAddress[] = [];
  readonly sockets = [
    { id: 0, fd: 1 },
    { id: 1, fd: 2 },
  ];
  readonly plane = new TunnelPlane({
    kind: 'addTunnel',
    schedule: 'arrival',
    tunnel: 0,
    tunFd: -1,
    udpOffload: false,
    innerSources: [],
    counters: openCounters(tunnelCounters),
  });
  readonly reporter = new Reporter(this.arena, { sendOwn: () => 0 } as unknown as Outbound, {
    pathChanged: () => {},
    pathMoved: (_, __, remote) => this.moves.push(remote),
    carrierChanged: () => {},
    streamSilent: () => {},
    mtuChanged: () => {},
  });
  readonly #report = this.arena.reserve(REPORT_LONGEST);
  readonly #sender = this.arena.reserve(SOCKET_ADDRESS_LENGTH);
  now = 1_000_000;

  constructor(remote: RemoteAddress | undefined = { address: HOME, port: 4500 }) {
    const command = {
      kind: 'addPath' as const,
      tunnel: 0,
      path: 4,
      socket: 0,
      remote,
      keepaliveMillis: 250,
      weight: 1,
      counters: openCounters(pathCounters),
    };
    this.plane.addPath(
      command,
      this.sockets[0] as (typeof this.sockets)[0],
      this.arena,
      new NameMemory(this.arena),
      0,
    );
  }

  get path() {
    return this.plane.paths[0] as TunnelPlane['paths'][0];
  }

  get remote(): RemoteAddress {
    return readSocketAddress(this.arena, this.path.name);
  }

  arrive(
    header: Partial<ReportHeader>,
    from: { address: Uint8Array; port?: number; spi?: number; socket?: number } = { address: HOME },
  ): void {
    const nothing = { answerAtOnce: false, trial: false, size: false, echo: 0, held: 0 };
    const whole = { ...nothing, path: 4, number: 1, stamp: 1, ...header };
    writeReportHeader(this.arena.data, this.#report, whole, 0);
    writeSocketAddress(this.arena, this.#sender, from.address, from.port ?? 4500);
    const socket = this.sockets[from.socket ?? 0] as (typeof this.sockets)[0];
    const packet = { spi: from.spi ?? SPI, sequence: 1, length: 64 };
    const arrival = { stream: undefined, socket, sender: this.#sender, ...packet };
    this.now += 1000;
    this.reporter.arrived(this.plane, arrival, this.#report, 24, this.now);
  }

  refused(): number {
    return this.plane.counters[tunnelSlot.reportsRefused] as number;
  }

  arriveBytes(bytes: Uint8Array): void {
    this.arena.bytes.set(bytes, this.#report);
    const packet = { spi: SPI, sequence: 1, length: 64 };
    const arrival = { stream: undefined, socket: this.path.socket, sender: this.#sender, ...packet };
    this.reporter.arrived(this.plane, arrival, this.#report, bytes.length, this.now);
  }
}

describe('a path', () => {
  it('stays where it is while reports come from there', () => {
    const bench = new Bench();
    for (let number = 1; number < 5; number++) bench.arrive({ number });
    assert.deepEqual(bench.moves, []);
    assert.equal(bench.path.path.lastHeardAt, bench.now);
  });

  for (const [what, from, after] of [
    ['another port', { address: HOME, port: 61_000 }, { address: HOME, port: 61_000 }],
    ['another address', { address: AWAY }, { address: AWAY, port: 4500 }],
    ['another family', { address: AWAY_6 }, { address: AWAY_6, port: 4500 }],
    ['another socket of ours', { address: HOME, socket: 1 }, { address: HOME, port: 4500 }],
  ] as const) {
    it(`follows a report from ${what}, and starts anew there`, () => {
      const bench = new Bench();
      bench.arrive({ number: 1 });
      bench.path.path.state = 'up';
      bench.path.path.rtt = 5000;
      bench.arrive({ number: 2 }, from);
      assert.deepEqual(bench.moves, [after]);
      assert.deepEqual(bench.remote, after);
      assert.equal(bench.path.nameLength, after.address.length === 16 ? 28 : 16);
      assert.equal(bench.path.socket, bench.sockets['socket' in from ? from.socket : 0]);
      assert.deepEqual([bench.path.path.state, bench.path.path.rtt], ['probing', 0]);
      assert.equal(bench.path.segmented, true);
    });
  }

  it('whose peer was not known yet takes the address of its first report, and is not restarted for it', () => {
    const bench = new Bench({ address: HOME, port: 4500 });
    bench.path.nameLength = 0;
    bench.arrive({ number: 1 }, { address: AWAY });
    assert.deepEqual(bench.remote, { address: AWAY, port: 4500 });
    assert.equal(bench.path.receivedPackets, 1, 'the packet that told counts on this path');
  });

  it('does not follow an old report: a lower or equal number, or keys of before', () => {
    const bench = new Bench();
    bench.arrive({ number: 5 });
    bench.arrive({ number: 5 }, { address: AWAY });
    bench.arrive({ number: 4 }, { address: AWAY });
    assert.deepEqual(bench.moves, []);
    bench.arrive({ number: 1 }, { address: HOME, spi: SPI + 1 });
    bench.arrive({ number: 6 }, { address: AWAY, spi: SPI });
    bench.arrive({ number: 1 }, { address: AWAY, spi: SPI + 1 });
    assert.deepEqual(bench.moves, []);
    bench.arrive({ number: 2 }, { address: AWAY, spi: SPI + 1 });
    assert.equal(bench.moves.length, 1);
  });

  it('measures its round trip without the time that its report was held, and nothing absurd', () => {
    const bench = new Bench();
    bench.arrive({ number: 1, echo: bench.now - 30_000 + 1000, held: 12_000 });
    assert.equal(bench.path.path.rtt, 18_000);
    bench.arrive({ number: 2, echo: bench.now + 5_000_000, held: 0 });
    assert.equal(bench.path.path.rtt, 18_000);
    bench.arrive({ number: 2, echo: bench.now - 90_000, held: 0 });
    assert.equal(bench.path.path.rtt, 18_000, 'an old report says nothing of now');
  });
});

describe('a report', () => {
  it('that cannot be read, or of a path that is not there, changes nothing', () => {
    const bench = new Bench();
    bench.arrive({ path: 5 }, { address: AWAY });
    assert.deepEqual(bench.moves, []);
    assert.equal(bench.refused(), 0);
    for (const bytes of [new Uint8Array(0), new Uint8Array(23).fill(1), new Uint8Array(24).fill(2)]) {
      bench.arriveBytes(bytes);
    }
    assert.equal(bench.refused(), 3);
    assert.ok(bench.path.path.lastHeardAt === 0);
  });
});
