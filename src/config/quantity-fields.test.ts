import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { duration, readDuration, readRate } from './quantity-fields.ts';

test('a duration is read in whole milliseconds', () => {
  const table: [text: string, millis: number | undefined][] = [
    ['250ms', 250],
    ['0ms', 0],
    ['90s', 90_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['1.5s', 1500],
    ['0.29s', 290],
    ['0.5ms', undefined],
    ['1', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1S', undefined],
    ['1e3s', undefined],
    ['.5s', undefined],
    ['1.s', undefined],
    ['1h30m', undefined],
    ['9999999999s', undefined],
  ];
  for (const [text, millis] of table) assert.equal(readDuration(text), millis, text);
});

test('a rate is read in whole bits per second, units are decimal', () => {
  const table: [text: string, bps: number | undefined][] = [
    ['100mbit', 100_000_000],
    ['512kbit', 512_000],
    ['1gbit', 1_000_000_000],
    ['9600bit', 9600],
    ['1.5mbit', 1_500_000],
    ['2.3gbit', 2_300_000_000],
    ['0.5bit', undefined],
    ['100', undefined],
    ['100Mbit', undefined],
    ['100mbps', undefined],
    ['1tbit', undefined],
  ];
  for (const [text, bps] of table) assert.equal(readRate(text), bps, text);
});

test('a decimal fraction is as exact as its digits', () => {
  fc.assert(
    fc.property(fc.nat(999_999), fc.nat(999), (seconds, millis) => {
      const text = `${seconds}.${String(millis).padStart(3, '0')}s`;
      assert.equal(readDuration(text), seconds * 1000 + millis);
    }),
  );
});

test('both ends of the range are allowed, beyond them nothing is', () => {
  const field = duration('50ms', '60s');
  for (const text of ['50ms', '60s', '1m', '60000ms']) assert.ok(field.safeParse(text).success, text);
  for (const text of ['49ms', '60001ms', '61s']) assert.ok(!field.safeParse(text).success, text);
});
