import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LookPace } from './look-pace.ts';

/** Looks as soon as the pace allows while news never end. @returns the times of the looks */
function looks(pace: LookPace, untilMillis: number, found: boolean): number[] {
  const times: number[] = [];
  for (let now = 0; now < untilMillis; ) {
    now += pace.wait(now);
    times.push(now);
    pace.looked(now, found);
  }
  return times;
}

it('looks soon after the first news', () => {
  assert.equal(new LookPace().wait(1_000_000), 50);
});

it('looks about once a second while the news concern us not and never end', () => {
  const times = looks(new LookPace(), 20_000, false);
  assert.ok(times.length <= 25, `${times.length} looks`);
});

it('looks soon as long as there is something to do', () => {
  assert.equal(looks(new LookPace(), 1_000, true).length, 20);
});

it('looks soon again after a while of quiet', () => {
  const pace = new LookPace();
  const last = looks(pace, 20_000, false).at(-1)!;
  assert.equal(pace.wait(last + 1_400), 1_000);
  assert.equal(pace.wait(last + 1_600), 50);
});
