/** By what a path's packets go follows from the peer's reports and trials, and from the path's own connection (S4.7). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Encapsulation } from '../config/index.ts';
import { Arena } from '../linux/arena.ts';
import { SOCKET_ADDRESS_LENGTH, writeSocketAddress } from '../linux/socket-address.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import { REPORT_LONGEST, type ReportHeader, writeReportHeader } from '../tunnel/path/report.ts';
import { openCounters, pathCounters, tunnelCounters } from './counters.ts';
import type { Outbound } from './outbound.ts';
import type { PathStream } from './path-stream.ts';
import type { CarrierEvidence } from './protocol.ts';
import { Reporter } from './reporter.ts';
import { NameMemory, type PlanePath, TunnelPlane } from './tunnel-plane.ts';

const HOME = Uint8Array.of(192, 0, 2, 1);
const AWAY = Uint8Array.of(198, 51, 100, 9);
const stream = { id: 1, tunnel: 0, path: 4 } as PathStream;

class Bench {
  readonly arena = new Arena(16 * 1024);
  readonly trials: Carrier[] = [];
  readonly changes: CarrierEvidence['cause'][] = [];
  readonly plane = new TunnelPlane({
    kind: 'addTunnel',
    schedule: 'arrival',
    tunnel: 0,
    tunFd: -1,
    udpOffload: false,
    innerSources: [],
    counters: openCounters(tunnelCounters),
  });
  readonly reporter: Reporter;
  readonly path: PlanePath;
  readonly #report = this.arena.reserve(REPORT_LONGEST);
  readonly #sender = this.arena.reserve(SOCKET_ADDRESS_LENGTH);
  now = 1_000_000;
  #number = 0;

  constructor(encapsulation: Encapsulation = 'auto', initiates = false) {
    const outbound = {
      sendOwn: () => 0,
      sendTrial: (_: TunnelPlane, __: PlanePath, carrier: Carrier) => this.trials.push(carrier) > 0,
    };
    this.reporter = new Reporter(this.arena, outbound as unknown as Outbound, {
      pathChanged: () => {},
      pathMoved: () => {},
      carrierChanged: (_, __, { cause }) => this.changes.push(cause),
      streamSilent: () => {},
      mtuChanged: () => {},
    });
    const command = {
      kind: 'addPath' as const,
      tunnel: 0,
      path: 4,
      socket: 0,
      remote: { address: HOME, port: 4500 },
      keepaliveMillis: 250,
      weight: 1,
      counters: openCounters(pathCounters),
      encapsulation,
      initiates,
    };
    const socket = { id: 0, fd: 1 };
    this.path = this.plane.addPath(command, socket, this.arena, new NameMemory(this.arena), 0);
    this.path.stream = stream;
    this.reporter.streamOpened(this.plane, this.path, this.now);
  }

  arrive(carrier: Carrier, header: Partial<ReportHeader> = {}, address = HOME): void {
    const nothing = { answerAtOnce: false, trial: false, size: false, echo: 0, held: 0 };
    const whole = { ...nothing, path: 4, number: ++this.#number, stamp: 1, ...header };
    writeReportHeader(this.arena.data, this.#report, whole, 0);
    writeSocketAddress(this.arena, this.#sender, address, 4500);
    const packet = { spi: 0x1000, sequence: this.#number, length: 64 };
    const way = { stream: carrier === 'tcp' ? stream : undefined, socket: this.path.socket };
    this.now += 1_000;
    const arrival = { ...way, sender: this.#sender, ...packet };
    this.reporter.arrived(this.plane, arrival, this.#report, 24, this.now);
  }

  get remote(): Uint8Array {
    return this.arena.bytes.slice(this.path.name + 4, this.path.name + 8);
  }
}

describe('a path whose peer sends by TCP', () => {
  it('goes by TCP too, is up, and books what comes there', () => {
    const bench = new Bench();
    bench.arrive('udp');
    bench.arrive('tcp');
    assert.deepEqual([bench.path.carriers.carrier, bench.path.heardBy], ['tcp', 'tcp']);
    assert.deepEqual([bench.path.path.state, bench.path.receivedNewest], ['up', 2]);
    assert.deepEqual(bench.changes, ['peer']);
  });

  it('stays with UDP where the configuration says so', () => {
    const bench = new Bench('udp');
    bench.arrive('tcp');
    assert.deepEqual([bench.path.carriers.carrier, bench.path.heardBy], ['udp', 'tcp']);
  });

  it('does not follow a report that is older than one by UDP', () => {
    const bench = new Bench();
    bench.arrive('udp', { number: 9 });
    bench.arrive('tcp', { number: 8 });
    assert.deepEqual([bench.path.carriers.carrier, bench.path.heardBy], ['udp', 'udp']);
  });

  it('that has returned to UDP by its own trials is not called back by a peer that is late', () => {
    const bench = new Bench();
    bench.arrive('tcp');
    bench.path.carriers.turn(bench.now);
    bench.arrive('tcp');
    assert.equal(bench.path.carriers.carrier, 'udp');
    bench.arrive('udp');
    assert.deepEqual([bench.path.carriers.carrier, bench.path.heardBy], ['udp', 'udp']);
  });
});

describe('a trial', () => {
  it('is answered by the way on which it came, and changes nothing', () => {
    const bench = new Bench();
    bench.arrive('udp');
    const { reportNumber } = bench.path;
    bench.arrive('tcp', { trial: true, answerAtOnce: true });
    bench.arrive('udp', { trial: true, answerAtOnce: true });
    assert.deepEqual(bench.trials, ['tcp', 'udp']);
    assert.deepEqual([bench.path.carriers.carrier, bench.path.heardBy], ['udp', 'udp']);
    assert.equal(bench.path.reportNumber, reportNumber);
  });

  it('is not answered by a way that the configuration rules out, nor is an answer', () => {
    const bench = new Bench('udp');
    bench.arrive('tcp', { trial: true, answerAtOnce: true });
    const free = new Bench();
    free.arrive('tcp', { trial: true });
    assert.deepEqual([bench.trials, free.trials], [[], []]);
  });

  it('tells where UDP is answered while the peer sends by TCP, and only then', () => {
    const bench = new Bench();
    bench.arrive('udp', { trial: true, answerAtOnce: true }, AWAY);
    assert.deepEqual(bench.remote, HOME);
    bench.arrive('tcp');
    bench.arrive('udp', { trial: true, answerAtOnce: true }, AWAY);
    assert.deepEqual(bench.remote, AWAY);
    assert.equal(bench.path.carriers.carrier, 'tcp');
  });

  it('that is answered by TCP has UDP asked as well, before the path turns', () => {
    const bench = new Bench();
    bench.now += 2_000_000;
    bench.reporter.service(bench.plane, bench.now);
    assert.deepEqual(bench.trials, ['tcp']);
    assert.ok(bench.path.path.probeAt > bench.now + 100_000);
    bench.arrive('tcp', { trial: true });
    assert.deepEqual([bench.path.carriers.carrier, bench.path.path.probeAt], ['udp', bench.now]);
  });

  it('is the first word on a new connection, by the side that made it', () => {
    assert.deepEqual(new Bench('auto', true).trials, ['tcp']);
    assert.deepEqual(new Bench('auto', false).trials, []);
    assert.deepEqual(new Bench('udp', true).trials, []);
  });
});

describe('the end of a connection', () => {
  it('takes a path that went there back to UDP, and puts it in question', () => {
    const bench = new Bench();
    bench.arrive('tcp');
    bench.path.stream = undefined;
    bench.reporter.streamClosed(bench.plane, bench.path, bench.now);
    assert.deepEqual([bench.path.carriers.carrier, bench.path.path.state], ['udp', 'suspect']);
    assert.deepEqual(bench.changes, ['peer', 'lost']);
  });

  it('is nothing to a path that goes by UDP', () => {
    const bench = new Bench();
    bench.path.path.state = 'up';
    bench.reporter.streamClosed(bench.plane, bench.path, bench.now);
    assert.deepEqual([bench.path.path.state, bench.changes], ['up', []]);
  });
});
