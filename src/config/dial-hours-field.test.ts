import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DialHours, dialHours, timeZone } from './dial-hours-field.ts';

function read(text: string): DialHours | undefined {
  return dialHours().safeParse(text).data;
}

test('hours have their days and minutes; what ends before it begins goes on after midnight', () => {
  const table: [text: string, hours: DialHours][] = [
    ['mon-fri 07:00-19:00', { days: [0, 1, 2, 3, 4], begin: 420, end: 1140 }],
    ['sat 9:00-12:30', { days: [5], begin: 540, end: 750 }],
    ['fri-mon 00:00-24:00', { days: [4, 5, 6, 0], begin: 0, end: 1440 }],
    ['22:00-06:00', { days: [0, 1, 2, 3, 4, 5, 6], begin: 1320, end: 1800 }],
  ];
  for (const [text, hours] of table) assert.deepEqual(read(text), hours, text);
});

test('what is not hours is refused', () => {
  const wrong = [
    '',
    'mon',
    '7-9',
    'mon 7:00',
    '24:00-07:00',
    '07:60-08:00',
    '07:00-24:01',
    '07:00-07:00',
    'Mon 07:00-08:00',
  ];
  for (const text of wrong) assert.equal(read(text), undefined, text);
});

test('a time zone is one that the machine knows', () => {
  assert.equal(timeZone().safeParse('Europe/Paris').success, true);
  assert.equal(timeZone().safeParse('Europe/Lyon').success, false);
  assert.equal(timeZone().safeParse('../etc/passwd').success, false);
});
