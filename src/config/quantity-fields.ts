/**
 * Fields of the schema that are amounts: whole numbers, durations and rates.
 *
 * Contract: each takes what the operator writes and gives a number in the unit that the rest of the program uses
 * (milliseconds, bits per second). Durations and rates are never written without their unit.
 */

import { z } from 'zod';
import { textField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** `otherwise`: what the field around it takes as well. */
export function wholeNumber(minimum: number, maximum: number, otherwise = '') {
  const allowed = `${otherwise}a whole number from ${minimum} to ${maximum}`;
  const error = (issue: { input?: unknown }) => wrongValue(issue.input, allowed);
  return z.int({ error }).min(minimum, { error }).max(maximum, { error }).meta({ allowed });
}

export function trueOrFalse() {
  const allowed = 'true or false';
  return z.boolean({ error: (issue) => wrongValue(issue.input, allowed) }).meta({ allowed });
}

const millisPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration such as `250ms`; the value is in milliseconds. */
export function duration(minimum: string, maximum: string) {
  const [least = 0, most = 0] = [readDuration(minimum), readDuration(maximum)];
  return textField(
    `a duration from ${minimum} to ${maximum} (ms, s, m, h or d), such as ${minimum}`,
    (text) => {
      const millis = readDuration(text);
      if (millis === undefined) return { wrong: undefined };
      return millis >= least && millis <= most ? { value: millis } : { wrong: undefined };
    },
  );
}

/** Whole milliseconds of `1h`, `1.5s`. */
export function readDuration(text: string): number | undefined {
  const parts = /^(?<amount>\d{1,9}(?:\.\d{1,3})?)(?<unit>ms|s|m|h|d)$/.exec(text)?.groups;
  if (parts === undefined) return undefined;
  return wholeAmount(parts['amount'] ?? '', millisPerUnit[parts['unit'] as keyof typeof millisPerUnit]);
}

const bitsPerUnit = { bit: 1, kbit: 1000, mbit: 1_000_000, gbit: 1_000_000_000 } as const;
const leastRateBps = 1000;
const mostRateBps = 400_000_000_000;

/** A rate such as `100mbit`; the value is in bits per second, units are decimal as everywhere in networks. */
export function rate() {
  return textField(
    'a rate from 1kbit to 400gbit (bit, kbit, mbit or gbit per second), such as 100mbit',
    (text) => {
      const bps = readRate(text);
      return bps !== undefined && bps >= leastRateBps && bps <= mostRateBps
        ? { value: bps }
        : { wrong: undefined };
    },
  );
}

/** Whole bits per second of `1.5mbit`. */
export function readRate(text: string): number | undefined {
  const parts = /^(?<amount>\d{1,12}(?:\.\d{1,9})?)(?<unit>[kmg]?bit)$/.exec(text)?.groups;
  if (parts === undefined) return undefined;
  return wholeAmount(parts['amount'] ?? '', bitsPerUnit[parts['unit'] as keyof typeof bitsPerUnit]);
}

/** A share such as `80%`; the value is between 0 and 1. */
export function share() {
  return textField('a share from 1% to 100%, such as 80%', (text) => {
    const percent = Number(/^(?<percent>\d{1,3})%$/.exec(text)?.groups?.['percent']);
    return percent >= 1 && percent <= 100 ? { value: percent / 100 } : { wrong: undefined };
  });
}

/** Digits are shifted as text: 0.29 * 100 would not be whole in binary. */
function wholeAmount(amount: string, factor: number): number | undefined {
  const [whole = '', fraction = ''] = amount.split('.');
  const scaled = (Number(whole + fraction) * factor) / 10 ** fraction.length;
  return Number.isSafeInteger(scaled) ? scaled : undefined;
}
