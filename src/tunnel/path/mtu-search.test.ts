/** The search for a path's MTU, against lines that swallow what is too long for them, and answer late or never. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BASE_SIZE, MtuSearch } from './mtu-search.ts';

const PATIENCE = 180_000;
const STEP = 10_000;

/** A line of this MTU, and a caller that probes and says what small packets came through. */
class Line {
  readonly search: MtuSearch;
  mtu: number;
  /** What the kernel takes. */
  interfaceMtu = Number.POSITIVE_INFINITY;
  now = 1_000_000;
  carriesSmall = true;
  probes = 0;
  readonly news: { before: number; after: number; cause: string }[] = [];
  #answerAt = Number.POSITIVE_INFINITY;

  constructor(mtu: number, most = 1500) {
    this.mtu = mtu;
    this.search = new MtuSearch(most);
  }

  run(millis: number): void {
    const until = this.now + millis * 1000;
    for (; this.now < until; this.now += STEP) {
      if (this.now >= this.#answerAt) this.search.answered(this.search.number, this.now);
      if (this.now >= this.#answerAt) this.#answerAt = Number.POSITIVE_INFINITY;
      this.#hear();
      this.#poll();
    }
  }

  #poll(): void {
    // Something small is sent at every step, and covered within it.
    const covered = this.carriesSmall ? this.now : 0;
    for (;;) {
      const size = this.search.poll(this.now, covered);
      this.#hear();
      if (size === 0) return;
      if (size <= this.interfaceMtu) {
        this.probes++;
        this.search.sent(this.now, PATIENCE);
        if (size <= this.mtu && this.carriesSmall) this.#answerAt = this.now + STEP;
        return;
      }
      this.search.refused(this.now);
    }
  }

  #hear(): void {
    const { search } = this;
    if (search.takeNews()) this.news.push({ before: search.before, after: search.size, cause: search.cause });
  }
}

function found(mtu: number, most = 1500): Line {
  const line = new Line(mtu, most);
  line.run(15_000);
  assert.equal(line.search.state, 'complete');
  return line;
}

describe('the search for what a path takes', () => {
  it('finds it, whatever it is, and never claims more', () => {
    const sizes = fc.tuple(fc.integer({ min: 1280, max: 9000 }), fc.integer({ min: 1200, max: 9100 }));
    fc.assert(
      fc.property(sizes, ([most, mtu]) => {
        const line = new Line(mtu, most);
        for (let step = 0; step < 4_000; step++) {
          line.run(10);
          assert.ok(line.search.size <= mtu || line.search.size === BASE_SIZE);
        }
        const least = Math.min(most, mtu);
        assert.equal(line.search.state, 'complete');
        assert.equal(line.search.size, least - (least % 4));
      }),
      { numRuns: 40 },
    );
  });

  it('needs one probe where the link takes what it should, and few for a usual MTU', () => {
    assert.equal(found(1500).probes, 1);
    // 1500 in vain, the base, then usual sizes up to the one that is right and the next step in vain.
    for (const mtu of [1280, 1400, 1420, 1480, 1492]) assert.ok(found(mtu).probes <= 22, `${mtu}`);
  });

  it('tells nothing of a first search', () => {
    assert.deepEqual(found(1400).news, []);
  });

  it('counts no try while nothing at all comes through', () => {
    const line = new Line(1500);
    line.carriesSmall = false;
    line.run(60_000);
    assert.deepEqual([line.search.state, line.search.size, line.probes], ['base', BASE_SIZE, 1]);
    line.carriesSmall = true;
    line.run(2_000);
    assert.equal(line.search.size, 1500);
  });

  it('asks for something small to be sent, once per probe, when that alone would tell', () => {
    const search = new MtuSearch(1500);
    assert.equal(search.poll(0, 0), 1500);
    search.sent(1_000, PATIENCE);
    assert.equal(search.takeWantsProof(1_000 + PATIENCE - 1, 0), false);
    assert.equal(search.takeWantsProof(1_000 + PATIENCE, 2_000), false, 'something came through');
    assert.equal(search.takeWantsProof(1_000 + PATIENCE, 1_000), true);
    assert.equal(search.takeWantsProof(1_000 + PATIENCE, 1_000), false);
  });

  it('takes the kernel at its word', () => {
    const line = new Line(1500);
    line.interfaceMtu = 1320;
    line.run(1_000);
    assert.deepEqual([line.search.state, line.search.size], ['complete', 1320]);
  });

  it('is content with little where not even the base size comes through, and tries again', () => {
    const line = new Line(1100);
    line.run(3_000);
    assert.deepEqual([line.search.state, line.search.size], ['error', 576]);
    line.mtu = 1400;
    line.run(12_000);
    assert.deepEqual([line.search.state, line.search.size], ['complete', 1400]);
  });

  it('ignores answers to probes that it has given up', () => {
    const search = new MtuSearch(1500);
    search.poll(0, 0);
    search.sent(0, PATIENCE);
    const { number } = search;
    search.poll(PATIENCE, PATIENCE);
    search.sent(PATIENCE, PATIENCE);
    search.answered(number, PATIENCE + 1);
    assert.deepEqual([search.state, search.size], ['base', BASE_SIZE]);
  });
});

describe('a size that was found', () => {
  it('is asked for about once a second, and only while large packets go', () => {
    const line = found(1500);
    line.run(20_000);
    assert.equal(line.probes, 1);
    for (let second = 0; second < 10; second++) {
      line.search.largeSent = true;
      line.run(1_000);
    }
    assert.ok(line.probes >= 9 && line.probes <= 12, `${line.probes}`);
  });

  it('falls to the base in a black hole, and the search begins anew', () => {
    const line = found(1500);
    line.mtu = 1300;
    line.search.largeSent = true;
    line.run(1_000);
    assert.equal(line.search.size, BASE_SIZE);
    line.run(10_000);
    assert.equal(line.search.size, 1300);
    assert.deepEqual(line.news, [
      { before: 1500, after: BASE_SIZE, cause: 'blackHole' },
      { before: BASE_SIZE, after: 1300, cause: 'search' },
    ]);
  });

  it('is back in a few probes where three were only lost', () => {
    const line = found(1500);
    line.mtu = 1300;
    line.search.largeSent = true;
    line.run(700);
    line.mtu = 1500;
    line.run(300);
    assert.equal(line.search.size, 1500);
  });

  it('is questioned at once when its path is', () => {
    const line = found(1500);
    line.search.largeSent = true;
    line.run(1_500);
    line.mtu = 1300;
    line.search.largeSent = true;
    line.search.suspect(line.now);
    line.run(600);
    assert.equal(line.search.size, BASE_SIZE);
  });

  it('stays while the path carries nothing', () => {
    const line = found(1500);
    line.search.largeSent = true;
    line.carriesSmall = false;
    line.run(20_000);
    line.search.pause();
    assert.equal(line.search.size, 1500);
    assert.deepEqual(line.news, []);
  });

  it('shrinks at once when the kernel refuses data', () => {
    const line = found(1500);
    line.interfaceMtu = 1400;
    assert.equal(line.search.tooBig(), true);
    assert.equal(line.search.size, BASE_SIZE);
    assert.equal(line.search.tooBig(), false, 'the base is the base');
    line.run(1_000);
    assert.deepEqual(line.news, [
      { before: 1500, after: BASE_SIZE, cause: 'refused' },
      { before: BASE_SIZE, after: 1400, cause: 'search' },
    ]);
  });

  it('grows after ten minutes, and never shrinks for trying', () => {
    const line = found(1400);
    line.run(300_000);
    line.mtu = 1480;
    line.run(200_000);
    assert.equal(line.search.size, 1400);
    line.run(120_000);
    assert.equal(line.search.size, 1480);
    assert.deepEqual(line.news, [{ before: 1400, after: 1480, cause: 'search' }]);
  });

  it('is looked for anew where the path leads elsewhere', () => {
    const line = found(1400);
    line.mtu = 1500;
    line.search.restart();
    assert.equal(line.search.size, BASE_SIZE);
    line.run(1_000);
    assert.deepEqual(line.news, [{ before: 1400, after: 1500, cause: 'search' }]);
  });
});
