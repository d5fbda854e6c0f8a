import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DialClock } from './dial-hours.ts';

const workdays = [0, 1, 2, 3, 4];
const everyDay = [...workdays, 5, 6];
const minutes = (hours: number) => hours * 60;

function isOpen(time: string, begin: number, end: number, days = everyDay, zone = 'UTC'): boolean {
  return new DialClock([{ days, begin: minutes(begin), end: minutes(end) }], zone).isOpen(Date.parse(time));
}

test('hours hold on their days, from the first minute up to the last', () => {
  // 2026-11-20 is a Friday.
  assert.equal(isOpen('2026-11-20T06:59:59Z', 7, 19, workdays), false);
  assert.equal(isOpen('2026-11-20T07:00:00Z', 7, 19, workdays), true);
  assert.equal(isOpen('2026-11-20T18:59:59Z', 7, 19, workdays), true);
  assert.equal(isOpen('2026-11-20T19:00:00Z', 7, 19, workdays), false);
  assert.equal(isOpen('2026-11-21T12:00:00Z', 7, 19, workdays), false);
});

test('hours beyond midnight belong to the day on which they begin', () => {
  const friday = [4];
  assert.equal(isOpen('2026-11-20T03:00:00Z', 22, 30, friday), false);
  assert.equal(isOpen('2026-11-20T23:00:00Z', 22, 30, friday), true);
  assert.equal(isOpen('2026-11-21T05:59:00Z', 22, 30, friday), true);
  assert.equal(isOpen('2026-11-21T06:00:00Z', 22, 30, friday), false);
  const sunday = [6];
  assert.equal(isOpen('2026-11-23T01:00:00Z', 22, 30, sunday), true, 'over the end of the week');
});

test('hours are those of the time zone, in summer and in winter', () => {
  assert.equal(isOpen('2026-11-20T06:30:00Z', 7, 19, everyDay, 'Europe/Paris'), true);
  assert.equal(isOpen('2026-11-20T18:30:00Z', 7, 19, everyDay, 'Europe/Paris'), false);
  assert.equal(isOpen('2026-07-17T05:30:00Z', 7, 19, everyDay, 'Europe/Paris'), true);
});

test('without hours it is always open; with several any of them will do', () => {
  assert.equal(new DialClock(undefined, undefined).isOpen(0), true);
  const clock = new DialClock(
    [
      { days: everyDay, begin: 0, end: minutes(1) },
      { days: everyDay, begin: minutes(12), end: minutes(13) },
    ],
    'UTC',
  );
  assert.equal(clock.isOpen(Date.parse('2026-11-20T12:30:00Z')), true);
  assert.equal(clock.isOpen(Date.parse('2026-11-20T11:30:00Z')), false);
});
