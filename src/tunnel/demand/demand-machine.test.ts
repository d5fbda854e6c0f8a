import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DemandRig, noon, SECOND } from '../../../test/fixtures/demand-rig.ts';

const busy = { usedBps: 9e6 };
const quiet = { usedBps: 1e6 };

describe('a link on demand', () => {
  it('is dialled when use stays above the threshold for its time, with the figures', () => {
    const rig = new DemandRig().run(10, busy);
    assert.deepEqual(rig.words, []);
    rig.run(1, busy);
    assert.deepEqual(rig.of('dial')[0]?.effect.cause, {
      reason: 'load',
      tunnel: 'office',
      forMillis: 10 * SECOND,
      usedBps: 9e6,
      capacityBps: 10e6,
      threshold: 0.8,
    });
  });

  it('is not dialled when use falls below the threshold in between', () => {
    const rig = new DemandRig();
    for (let round = 0; round < 20; round++) rig.run(10, busy).run(1, { usedBps: 7.9e6 });
    assert.deepEqual(rig.words, []);
  });

  it('is hung up when the others would be used little without it for long enough, and not before hold', () => {
    const rig = new DemandRig().run(20, busy).run(300, quiet);
    assert.deepEqual(rig.words, ['dial lte load', 'hangUp lte spare']);
    const [hangUp] = rig.of('hangUp');
    assert.equal(hangUp?.effect.upMillis, 60 * SECOND);
    assert.ok(hangUp?.effect.cause.reason === 'spare');
    assert.equal(hangUp.effect.cause.capacityBps, 10e6, 'of what remains');
    assert.equal(rig.phase('lte'), 'idle');
  });

  it('stays up while the others would be full without it', () => {
    // 5 of 20 Mbit/s are a quarter of what is there, and half of what would be left.
    const rig = new DemandRig().run(20, busy).run(1000, { usedBps: 5e6 });
    assert.deepEqual(rig.words, ['dial lte load']);
    assert.equal(rig.phase('lte'), 'up');
  });

  it('is dialled when the queues of all lines are long, whatever their capacity', () => {
    const options = { capacityBps: undefined, demand: { above: undefined, queueMillis: 5 } };
    const rig = new DemandRig(options).run(60, { ...busy, queueMillis: 4 });
    assert.deepEqual(rig.words, []);
    rig.run(11, { ...busy, queueMillis: 9 });
    const cause = rig.of('dial')[0]?.effect.cause;
    assert.ok(cause?.reason === 'queue');
    assert.equal(cause.queueMillis, 9);
    assert.equal(cause.queueLimitMillis, 5);
    rig.run(120, { ...busy, queueMillis: 0 });
    assert.deepEqual(rig.words.at(-1), 'hangUp lte spare', 'lines that were never seen full have room');
  });

  it('is dialled when nothing carries, and hung up when something does again', () => {
    const rig = new DemandRig({ demand: { above: undefined } }).run(5, { usedBps: 0, isCut: true });
    assert.deepEqual(rig.words, []);
    rig.run(100, { usedBps: 9e6, isCut: true });
    assert.deepEqual(rig.words, ['dial lte noLink']);
    rig.run(30, { usedBps: 9e6 });
    assert.deepEqual(rig.words, ['dial lte noLink']);
    rig.run(1, { usedBps: 9e6 });
    assert.deepEqual(rig.words, ['dial lte noLink', 'hangUp lte spare']);
  });

  it('stays up while nothing carries over it either', () => {
    const rig = new DemandRig().run(300, { usedBps: 0, isDead: true });
    assert.deepEqual(rig.words, ['dial lte noLink']);
  });

  it('that came up begins with the first pause when it fails again', () => {
    // Asked for at each dial and each hang-up.
    const upFails = [true, false, true, false, false, false, true];
    const rig = new DemandRig({ fate: () => ({ upFails: upFails.shift() ?? false }) });
    rig.run(150, busy).run(120, quiet).run(20, busy);
    assert.deepEqual(
      rig.of('failed').map(({ effect }) => effect.retryMillis / SECOND),
      [20, 40, 20],
    );
  });

  it('gives way to the next one when it cannot be dialled, and is tried again later and later', () => {
    const links = { lte: { cost: 1 }, isdn: { cost: 2 } };
    const rig = new DemandRig({ links, fate: (link) => ({ upFails: link === 'lte' }) }).run(15, busy);
    assert.deepEqual(rig.words.slice(0, 4), [
      'dial lte load',
      'failed lte BS_DIAL_FAILED',
      'hangUp lte failed',
      'dial isdn load',
    ]);
    rig.run(2000, { usedBps: 30e6 });
    const pauses = rig.of('failed').map(({ effect }) => effect.retryMillis / SECOND);
    assert.deepEqual(pauses.slice(0, 7), [20, 40, 80, 160, 320, 320, 320]);
  });

  it('whose interface does not come up in time has failed, and is cleared away', () => {
    const rig = new DemandRig({ fate: () => ({ comesUp: false }) }).run(25, busy);
    assert.deepEqual(rig.words, ['dial lte load', 'failed lte BS_DIAL_NO_LINK', 'hangUp lte failed']);
    assert.equal(rig.phase('lte'), 'failed');
  });

  it('that is lost may come back in time; otherwise it is hung up and dialled anew', () => {
    const rig = new DemandRig().run(30, busy);
    rig.usable.delete('lte');
    rig.run(9, busy);
    rig.usable.add('lte');
    rig.run(20, busy);
    assert.deepEqual(rig.words, ['dial lte load']);
    rig.usable.delete('lte');
    rig.run(60, busy);
    assert.deepEqual(rig.words.slice(1), ['failed lte BS_LINK_LOST', 'hangUp lte failed', 'dial lte load']);
  });

  it('whose line is said to be gone has failed at once, and is dialled anew', () => {
    const rig = new DemandRig().run(30, busy);
    const failure = { code: 'BS_PPP_DROPPED', message: 'Modem hangup' } as const;
    const lose = () => rig.machine.handle({ type: 'lost', link: 'lte', failure }, rig.now);
    const effects = lose();
    assert.deepEqual(
      effects.map(({ type }) => type),
      ['failed', 'hangUp'],
    );
    assert.deepEqual(lose(), [], 'told once');
    assert.equal(rig.phase('lte'), 'hangingUp');
    assert.deepEqual(new DemandRig().machine.handle({ type: 'lost', link: 'lte', failure }, 0), []);
  });

  it('that is said to be gone before it is said to be dialled has failed', () => {
    const rig = new DemandRig().run(11, busy);
    const failure = { code: 'BS_PPP_DROPPED', message: 'Modem hangup' } as const;
    assert.deepEqual(rig.machine.handle({ type: 'lost', link: 'lte', failure }, rig.now), []);
    const [failed] = rig.machine.handle({ type: 'dialled', link: 'lte', failure: undefined }, rig.now);
    assert.ok(failed?.type === 'failed' && failed.failure.code === 'BS_PPP_DROPPED');
  });

  it('that would be harmed by another attempt gets the longest pause at once', () => {
    const rig = new DemandRig().run(11, busy);
    const failure = { code: 'BS_PPP_REFUSED', message: 'Access denied', lasting: true } as const;
    assert.equal(rig.phase('lte'), 'dialling');
    const [failed] = rig.machine.handle({ type: 'dialled', link: 'lte', failure }, rig.now);
    assert.ok(failed?.type === 'failed');
    assert.equal(failed.retryMillis, 320 * SECOND);
  });

  it('that cannot be hung up is tried again until it can, and not dialled meanwhile', () => {
    let stuck = true;
    const rig = new DemandRig({ fate: () => ({ downFails: stuck }) }).run(20, busy).run(60, quiet);
    rig.run(60, busy);
    assert.equal(rig.phase('lte'), 'hangingUp');
    assert.equal(rig.of('dial').length, 1);
    assert.equal(rig.of('failed')[0]?.effect.failure.code, 'BS_HANG_UP_FAILED');
    stuck = false;
    rig.run(40, quiet);
    assert.equal(rig.phase('lte'), 'idle');
  });

  it('that an earlier run left up is hung up as any other, after hold', () => {
    const rig = new DemandRig();
    rig.machine.adopt('lte', rig.now);
    rig.usable.add('lte');
    rig.run(59, quiet);
    assert.deepEqual(rig.words, []);
    rig.run(1, quiet);
    assert.deepEqual(rig.words, ['hangUp lte spare']);
  });
});

describe('traffic that counts', () => {
  it('is all that dials a link and keeps it up, whatever else flows', () => {
    const rig = new DemandRig().run(60, { ...busy, chosenBps: 1e6 });
    assert.deepEqual(rig.words, []);
    rig.run(11, { ...busy, chosenBps: 9e6 });
    assert.deepEqual(rig.words, ['dial lte load']);
    rig.run(70, { usedBps: 15e6, chosenBps: 1e6 });
    assert.deepEqual(rig.words, ['dial lte load', 'hangUp lte spare']);
  });

  it('must flow for queues to count', () => {
    const rig = new DemandRig({ demand: { above: undefined, queueMillis: 5 } });
    rig.run(60, { ...busy, queueMillis: 9, chosenBps: 0 });
    assert.deepEqual(rig.words, []);
    rig.run(11, { ...busy, queueMillis: 9, chosenBps: 1 });
    assert.deepEqual(rig.words, ['dial lte queue']);
  });
});

describe('links on demand', () => {
  const links = { dear: { cost: 9 }, cheap: { cost: 1 }, alike: { cost: 1 } };

  it('are dialled by cost, then by their order, and hung up the other way round', () => {
    const rig = new DemandRig({ links }).run(120, { usedBps: 60e6 });
    assert.deepEqual(rig.words, ['dial cheap load', 'dial alike load', 'dial dear load']);
    rig.run(300, quiet);
    assert.deepEqual(rig.words.slice(3), ['hangUp dear spare', 'hangUp alike spare', 'hangUp cheap spare']);
  });

  it('go one at a time: each has its time to be missed before the next one goes', () => {
    const rig = new DemandRig({ links }).run(200, { usedBps: 60e6 }).run(200, quiet);
    const times = rig.of('hangUp').map(({ at }) => at);
    assert.equal(times.length, 3);
    for (const [index, at] of times.slice(1).entries()) assert.ok(at - times[index]! >= 30 * SECOND);
  });

  const pressures = {
    load: { moment: { usedBps: 60e6 }, pause: 10 },
    queue: { moment: { usedBps: 1, queueMillis: 9 }, pause: 10 },
    noLink: { moment: { usedBps: 0, isDead: true }, pause: 5 },
  };
  for (const [reason, { moment, pause }] of Object.entries(pressures)) {
    it(`come one at a time (${reason}): each has its time to help before the next one is dialled`, () => {
      const rig = new DemandRig({ links, demand: { queueMillis: 5 } }).run(60, moment);
      const dials = rig.of('dial');
      assert.deepEqual(
        dials.map(({ effect }) => effect.cause.reason),
        [reason, reason, reason],
      );
      // The command takes two seconds.
      for (const [index, { at }] of dials.slice(1).entries())
        assert.ok(at - dials[index]!.at >= (pause + 2) * SECOND);
    });
  }
});

describe('the hours of a link', () => {
  const links = { lte: { hours: [{ days: [4], begin: 12 * 60, end: 13 * 60 }] } };
  const at = (minutes: number) => ({ wallMillis: noon + minutes * 60 * SECOND });

  it('forbid a dial, and end the use of a link at once', () => {
    const rig = new DemandRig({ links }).run(60, { ...busy, ...at(-1) });
    assert.deepEqual(rig.words, []);
    assert.equal(rig.phase('lte'), 'forbidden');
    rig.run(5, { ...busy, ...at(0) });
    assert.deepEqual(rig.words, ['dial lte load']);
    rig.run(1, { ...busy, ...at(60) });
    assert.deepEqual(rig.words, ['dial lte load', 'hangUp lte hours'], 'hold or not');
    rig.run(60, { ...busy, ...at(61) });
    assert.equal(rig.words.length, 2);
    assert.equal(rig.phase('lte'), 'forbidden');
  });

  it('that end while the up-command runs let it end, and hang the link up then', () => {
    const rig = new DemandRig({ links, fate: () => ({ upMillis: 5 * SECOND }) }).run(11, {
      ...busy,
      ...at(59),
    });
    rig.run(3, { ...busy, ...at(60) });
    assert.deepEqual(rig.words, ['dial lte load']);
    rig.run(3, { ...busy, ...at(60) });
    assert.deepEqual(rig.words, ['dial lte load', 'hangUp lte hours']);
  });
});
