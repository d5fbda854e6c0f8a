/** Two ends that report to each other, in virtual time: what becomes of their paths whatever the lines do. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Direction, VirtualTunnel } from '../../test/fixtures/virtual-tunnel.ts';
import { MAX_PATHS } from '../tunnel/path/report.ts';

const KEEPALIVE_MILLIS = 500;
/** Longer than this no path may be called up over a line that carries nothing, unless answers took long before. */
const BLIND_MICROS = 1_200_000;
/** A quarter of a keepalive more than one passes before the side that was asked asks itself. */
const ASKING_MICROS = 1.25 * KEEPALIVE_MILLIS * 1000;
const HEALING_MILLIS = 2000;

function tunnelThatIsUp(
  options: Partial<ConstructorParameters<typeof VirtualTunnel>[0]> = {},
): VirtualTunnel {
  const tunnel = new VirtualTunnel({ paths: 2, ...options });
  tunnel.run(2000);
  assert.ok(tunnel.states().every((state) => state === 'up'));
  tunnel.changes.length = 0;
  return tunnel;
}

/** The changes so far, the first few of them: a path that flaps fills pages. */
function text(tunnel: VirtualTunnel): string {
  return tunnel.changes
    .slice(0, 6)
    .map(({ at, end, path, to }) => `${at / 1000} ms: ${end}'s path ${path} ${to}`)
    .join('; ');
}

describe('two ends', () => {
  it('find all their paths up within a round trip or two', () => {
    const tunnel = new VirtualTunnel({ paths: 3, delayMillis: 50 });
    tunnel.run(220);
    assert.deepEqual(new Set(tunnel.states()), new Set(['up']));
    for (const { path } of [...tunnel.a.plane.paths, ...tunnel.b.plane.paths]) {
      assert.ok(Math.abs(path.rtt - 100_000) < 2000, `${path.rtt} µs`);
    }
  });

  it('that have nothing to send keep their paths up, each with at most a probe and an answer per keepalive', () => {
    const tunnel = tunnelThatIsUp({ paths: 2, keepaliveMillis: 500 });
    const before = tunnel.a.reportsSent + tunnel.b.reportsSent;
    tunnel.run(20_000);
    assert.equal(text(tunnel), '');
    const reports = tunnel.a.reportsSent + tunnel.b.reportsSent - before;
    assert.ok(reports <= 2 * 2 * 2 * 41, `${reports} reports in 40 keepalives of two paths`);
    for (const { path } of [...tunnel.a.plane.paths, ...tunnel.b.plane.paths]) {
      assert.ok(Math.abs(path.rtt - 20_000) < 1000, `${path.rtt} µs`);
    }
  });

  for (const [what, fromA, fromB] of [
    ['one way', 1000, 0],
    ['one way and slowly', 3, 0],
    ['both ways', 1000, 1000],
    ['both ways, unevenly', 2000, 7],
  ] as const) {
    it(`that send ${what} have no path in question`, () => {
      for (const keepaliveMillis of [50, 250, 2000]) {
        const tunnel = tunnelThatIsUp({ keepaliveMillis });
        tunnel.setTraffic(tunnel.a, fromA);
        tunnel.setTraffic(tunnel.b, fromB);
        tunnel.run(10_000);
        assert.equal(text(tunnel), '', `keepalive ${keepaliveMillis} ms`);
      }
    });
  }

  it('send no data over a path in question while another is up', () => {
    const tunnel = tunnelThatIsUp();
    tunnel.setTraffic(tunnel.a, 1000);
    tunnel.setTraffic(tunnel.b, 1000);
    tunnel.run(2000);
    for (const direction of Object.values(tunnel.lines[0] as object)) direction.blackHole = true;
    tunnel.run(200);
    const before = [...tunnel.a.dataSentOver];
    tunnel.run(5000);
    assert.equal((tunnel.a.dataSentOver[0] as number) - (before[0] as number), 0);
    assert.ok((tunnel.a.dataSentOver[1] as number) - (before[1] as number) >= 4990);
  });

  it('judge each direction by itself', () => {
    const tunnel = tunnelThatIsUp();
    tunnel.setTraffic(tunnel.a, 500);
    tunnel.setTraffic(tunnel.b, 500);
    (tunnel.lines[0] as { toB: Direction }).toB.blackHole = true;
    tunnel.run(5000);
    assert.equal(tunnel.a.path(0).path.state, 'down');
    assert.equal(tunnel.b.path(0).path.state, 'up');
    assert.deepEqual([tunnel.a.path(1).path.state, tunnel.b.path(1).path.state], ['up', 'up']);
  });

  it('come back while data never stops, over the only path there is', () => {
    for (const delayMillis of [0, 1, 20, 100]) {
      const tunnel = tunnelThatIsUp({ paths: 1, delayMillis, keepaliveMillis: 250 });
      tunnel.setTraffic(tunnel.a, 300);
      tunnel.setTraffic(tunnel.b, 50);
      const [line] = tunnel.lines as [{ toA: Direction; toB: Direction }];
      for (const direction of [line.toA, line.toB]) direction.blackHole = true;
      tunnel.run(3000);
      assert.deepEqual(new Set(tunnel.states()), new Set(['down']));
      for (const direction of [line.toA, line.toB]) direction.blackHole = false;
      tunnel.run(HEALING_MILLIS);
      assert.deepEqual(new Set(tunnel.states()), new Set(['up']), `${delayMillis} ms`);
    }
  });

  it('notice on the side that only answers that its answers get lost', () => {
    const tunnel = tunnelThatIsUp({ paths: 1, keepaliveMillis: KEEPALIVE_MILLIS });
    (tunnel.lines[0] as { toA: Direction }).toA.blackHole = true;
    tunnel.run(BLIND_MICROS / 1000);
    assert.notEqual(tunnel.b.path(0).path.state, 'up');
  });

  it('use a path again that comes back', () => {
    const tunnel = tunnelThatIsUp();
    tunnel.setTraffic(tunnel.a, 1000);
    type Line = { toA: Direction; toB: Direction };
    const [line, other] = tunnel.lines as [Line, Line];
    for (const direction of [line.toA, line.toB]) direction.blackHole = true;
    tunnel.run(5000);
    for (const direction of [line.toA, line.toB]) direction.blackHole = false;
    tunnel.run(2000);
    const [before] = tunnel.a.dataSentOver as [number, number];
    for (const direction of [other.toA, other.toB]) direction.blackHole = true;
    tunnel.run(1000);
    const [first] = tunnel.a.dataSentOver as [number, number];
    assert.ok(first - before > 800, `${first - before} packets over the one that came back`);
  });

  it('measure and judge on when one of them started anew', () => {
    const tunnel = tunnelThatIsUp();
    tunnel.setTraffic(tunnel.a, 100);
    tunnel.run(60_000);
    tunnel.restartB();
    for (const { toA, toB } of tunnel.lines) toA.delayMicros = toB.delayMicros = 40_000;
    tunnel.run(10_000);
    assert.deepEqual(new Set(tunnel.states()), new Set(['up']));
    for (const { path } of [...tunnel.a.plane.paths, ...tunnel.b.plane.paths]) {
      assert.ok(Math.abs(path.rtt - 80_000) < 4000, `${path.rtt} µs`);
    }
  });

  it('measure and judge on across new keys', () => {
    const tunnel = tunnelThatIsUp();
    tunnel.setTraffic(tunnel.a, 500);
    tunnel.setTraffic(tunnel.b, 500);
    for (let generation = 0; generation < 20; generation++) {
      tunnel.a.rekey();
      tunnel.b.rekey();
      tunnel.run(300);
    }
    assert.equal(text(tunnel), '');
  });
});

describe('a tunnel', () => {
  it('of as many paths as there may be reports on all of them, and takes no more', () => {
    const tunnel = tunnelThatIsUp({ paths: MAX_PATHS });
    assert.equal(tunnel.states().length, 2 * MAX_PATHS);
    assert.throws(() => new VirtualTunnel({ paths: MAX_PATHS + 1 }), RangeError);
  });
});

describe('whatever the lines did', () => {
  type Phase = {
    millis: number;
    traffic: readonly [number, number];
    lines: readonly (Weather | undefined)[];
  };
  type Weather = { toB: Partial<Direction>; toA: Partial<Direction> };

  const weather = fc.record({
    lossPercent: fc.constantFrom(0, 0, 10, 40, 90),
    jitterMicros: fc.constantFrom(0, 0, 30_000, 200_000),
    blackHole: fc.boolean(),
  });
  const dead = { blackHole: true };
  const line = fc.oneof(
    fc.constant(undefined),
    fc.constant({ toB: dead, toA: dead }),
    fc.record({ toB: weather, toA: weather }),
  );
  const phase = (paths: number): fc.Arbitrary<Phase> =>
    fc.record({
      millis: fc.integer({ min: 20, max: 3000 }),
      traffic: fc.constantFrom([0, 0], [200, 0], [0, 1000], [300, 300], [1, 1]),
      lines: fc.array(line, { minLength: paths, maxLength: paths }),
    });
  const scenario = fc.integer({ min: 1, max: 3 }).chain((paths) =>
    fc.record({
      paths: fc.constant(paths),
      seed: fc.integer(),
      delays: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: paths, maxLength: paths }),
      phases: fc.array(phase(paths), { minLength: 1, maxLength: 6 }),
    }),
  );

  function open({ paths, seed, delays }: { paths: number; seed: number; delays: number[] }): VirtualTunnel {
    const tunnel = new VirtualTunnel({ paths, seed, keepaliveMillis: KEEPALIVE_MILLIS });
    for (const [path, { toA, toB }] of tunnel.lines.entries()) {
      toA.delayMicros = toB.delayMicros = (delays[path] as number) * 1000;
    }
    tunnel.run(2000);
    return tunnel;
  }

  function apply(tunnel: VirtualTunnel, { traffic, lines }: Omit<Phase, 'millis'>): void {
    const fair = { lossPercent: 0, jitterMicros: 0, blackHole: false };
    tunnel.setTraffic(tunnel.a, traffic[0]);
    tunnel.setTraffic(tunnel.b, traffic[1]);
    for (const [path, { toA, toB }] of tunnel.lines.entries()) {
      Object.assign(toA, fair, lines[path]?.toA);
      Object.assign(toB, fair, lines[path]?.toB);
    }
  }

  it('all paths are up again soon after they heal', () => {
    const property = fc.property(scenario, ({ phases, ...rest }) => {
      const tunnel = open(rest);
      for (const step of phases) {
        apply(tunnel, step);
        tunnel.run(step.millis);
      }
      apply(tunnel, { traffic: (phases[0] as Phase).traffic, lines: [] });
      tunnel.run(HEALING_MILLIS);
      assert.deepEqual(new Set(tunnel.states()), new Set(['up']));
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('no path is called up long after its line stopped carrying', () => {
    const property = fc.property(scenario, ({ phases, ...rest }) => {
      const tunnel = open(rest);
      const deadSince = tunnel.lines.map(() => Number.POSITIVE_INFINITY);
      tunnel.watch = () => {
        for (const end of [tunnel.a, tunnel.b]) {
          for (const { path } of end.plane.paths) {
            const blind = tunnel.now - (deadSince[path.id] as number);
            // The last report may come a deadline late, and so long the next probe is given.
            const limit = Math.max(BLIND_MICROS, ASKING_MICROS + 2 * path.deadline + 10_000);
            assert.ok(path.state !== 'up' || blind <= limit, `${end.name}'s path ${path.id}: ${blind} µs`);
          }
        }
      };
      for (const step of phases) {
        apply(tunnel, step);
        for (const [path, { toA, toB }] of tunnel.lines.entries()) {
          const isDead = toA.blackHole && toB.blackHole;
          const before = deadSince[path] as number;
          // What is under way may still arrive and be reported.
          deadSince[path] = isDead ? Math.min(before, tunnel.quietAt) : Number.POSITIVE_INFINITY;
        }
        tunnel.run(step.millis);
      }
    });
    fc.assert(property, { numRuns: 150 });
  });
});
