/** UDP is left for TCP when it carries nothing and TCP does, and taken back when it is answered again (S4.7). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CarrierChoice, type CarrierVerdict } from './carrier.ts';
import type { PathState } from './path.ts';

const SECOND = 1_000_000;
const STEP = 20_000;

/** A path in virtual time: trials by a carrier that works are answered a step later. */
class Rehearsal {
  readonly choice: CarrierChoice;
  readonly works = { udp: true, tcp: true };
  state: PathState = 'up';
  since = 0;
  readonly returnTime = 300_000;
  now = SECOND;
  readonly trials: number[] = [];
  readonly turns: number[] = [];
  abandoned = 0;

  constructor(encapsulation: 'auto' | 'udp' | 'tcp' = 'auto') {
    this.choice = new CarrierChoice(encapsulation);
    this.choice.opened();
  }

  enter(state: PathState): void {
    this.state = state;
    this.since = this.now;
  }

  run(micros: number): void {
    for (const end = this.now + micros; this.now < end; this.now += STEP) this.#step();
  }

  #step(): void {
    const verdict: CarrierVerdict = this.choice.poll(this, this.now);
    if (verdict === 'abandon') this.abandoned++;
    if (verdict === 'turn') {
      this.turns.push(this.now);
      this.choice.turn(this.now);
      this.enter('up');
    }
    if (verdict !== 'try') return;
    this.trials.push(this.now);
    this.choice.trialSent(this.now);
    const other = this.choice.carrier === 'udp' ? 'tcp' : 'udp';
    if (this.works[other]) this.choice.trialAnswered(other, this.now + STEP);
  }
}

/** By TCP, as UDP died. */
function byTcp(): Rehearsal {
  const path = new Rehearsal();
  path.works.udp = false;
  path.enter('down');
  path.run(SECOND);
  assert.equal(path.choice.carrier, 'tcp');
  return path;
}

describe('a path that goes by UDP', () => {
  it('stays there, and tries nothing, while it carries', () => {
    const path = new Rehearsal();
    path.run(60 * SECOND);
    assert.deepEqual([path.trials, path.turns], [[], []]);
  });

  it('tries TCP while it is in question, and turns as soon as it is down', () => {
    const path = new Rehearsal();
    path.enter('suspect');
    path.run(0.4 * SECOND);
    assert.ok(path.trials.length > 0);
    assert.equal(path.choice.carrier, 'udp');
    path.enter('down');
    path.run(2 * STEP);
    assert.equal(path.choice.carrier, 'tcp');
  });

  it('does not turn when the line itself comes back, which answers by TCP first', () => {
    const path = new Rehearsal();
    path.works.tcp = false;
    path.enter('down');
    path.run(2 * SECOND);
    path.works.tcp = true;
    path.run(0.28 * SECOND);
    path.enter('up');
    path.run(SECOND);
    assert.deepEqual(path.turns, []);
  });

  it('forgets what was answered when it carries again', () => {
    const path = new Rehearsal();
    path.enter('suspect');
    path.run(SECOND / 4);
    path.enter('up');
    path.run(STEP);
    path.works.tcp = false;
    path.enter('down');
    path.run(SECOND);
    assert.equal(path.choice.carrier, 'udp');
  });

  it('has a second for its first answer when it is new', () => {
    const path = new Rehearsal();
    path.enter('probing');
    path.run(0.9 * SECOND);
    assert.deepEqual(path.trials, []);
    path.run(SECOND / 2);
    assert.equal(path.choice.carrier, 'tcp');
  });

  it('stays there when TCP is not answered either, and gives the connection up after three seconds', () => {
    const path = new Rehearsal();
    path.works.tcp = false;
    path.enter('down');
    path.run(2.9 * SECOND);
    assert.deepEqual([path.choice.carrier, path.abandoned], ['udp', 0]);
    path.run(SECOND);
    assert.ok(path.abandoned > 0);
  });

  it('stays there without a connection', () => {
    const path = new Rehearsal();
    path.choice.closed();
    path.enter('down');
    path.run(10 * SECOND);
    assert.deepEqual(path.trials, []);
  });

  it('follows the peer to TCP where it has a connection and may', () => {
    assert.equal(new Rehearsal().choice.follows('tcp'), true);
    assert.equal(new Rehearsal('udp').choice.follows('tcp'), false);
    assert.equal(new CarrierChoice('auto').follows('tcp'), false);
    assert.equal(new Rehearsal().choice.follows('udp'), false);
  });
});

describe('a path that goes by TCP', () => {
  it('tries UDP every two seconds', () => {
    const path = byTcp();
    const before = path.trials.length;
    path.run(20 * SECOND);
    const trials = path.trials.length - before;
    assert.ok(trials >= 9 && trials <= 10, `${trials}`);
  });

  it('goes back when five trials in a row are answered, within four seconds', () => {
    const path = byTcp();
    path.run(10 * SECOND);
    path.works.udp = true;
    path.run(4 * SECOND);
    assert.equal(path.choice.carrier, 'udp');
    assert.equal(path.turns.length, 2);
  });

  it('counts anew after one that was not answered', () => {
    const path = byTcp();
    for (let round = 0; round < 100; round++) {
      path.works.udp = path.choice.answers < 3;
      path.run(SECOND / 10);
    }
    assert.equal(path.choice.carrier, 'tcp');
  });

  it('goes back more and more reluctantly where UDP fails again soon, and within twenty seconds all the same', () => {
    const path = new Rehearsal();
    const stays: number[] = [];
    for (let round = 0; round < 6; round++) {
      path.works.udp = false;
      path.enter('down');
      path.run(SECOND);
      const turned = path.turns.at(-1) ?? 0;
      path.works.udp = true;
      path.run(20 * SECOND);
      assert.equal(path.choice.carrier, 'udp');
      stays.push((path.turns.at(-1) ?? 0) - turned);
    }
    assert.ok((stays[0] ?? 0) < 4 * SECOND && (stays[5] ?? 0) > 16 * SECOND, `${stays}`);
  });

  it('gives the connection up when it does not carry any more, and is back at UDP with its end', () => {
    const path = byTcp();
    path.enter('suspect');
    path.run(SECOND / 2);
    assert.equal(path.abandoned, 0);
    path.enter('down');
    path.run(2 * STEP);
    assert.ok(path.abandoned > 0);
    assert.equal(path.choice.closed(), true);
    assert.equal(path.choice.carrier, 'udp');
  });

  it('does not take an answer for a trial that was not sent, or that came by TCP', () => {
    const path = byTcp();
    for (let answer = 0; answer < 10; answer++) path.choice.trialAnswered('udp', path.now);
    assert.equal(path.choice.answers, 0);
    path.choice.trialSent(path.now);
    path.choice.trialAnswered('tcp', path.now);
    assert.equal(path.choice.answers, 0);
  });
});

describe('a path that may go by one carrier only', () => {
  it('goes by TCP from the beginning, tries nothing else, and waits for another connection', () => {
    const path = new Rehearsal('tcp');
    assert.equal(path.choice.carrier, 'tcp');
    path.enter('probing');
    path.run(60 * SECOND);
    assert.deepEqual([path.trials, path.turns, path.choice.closed()], [[], [], false]);
    assert.equal(path.choice.carrier, 'tcp');
  });

  it('goes by UDP, whatever becomes of it', () => {
    const path = new Rehearsal('udp');
    path.enter('down');
    path.run(60 * SECOND);
    assert.deepEqual([path.trials, path.choice.carrier, path.abandoned], [[], 'udp', 0]);
  });

  it('answers no trial by the other', () => {
    const allowed = (['auto', 'udp', 'tcp'] as const).map((setting) => {
      const choice = new CarrierChoice(setting);
      return [choice.allows('udp'), choice.allows('tcp')];
    });
    assert.deepEqual(allowed, [
      [true, true],
      [true, false],
      [false, true],
    ]);
  });
});
