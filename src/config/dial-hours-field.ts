/**
 * Fields of the schema that say when: hours of the week and the time zone in which they are meant.
 *
 * Contract: hours are written `mon-fri 07:00-19:00`, `sat 9:00-12:00` or `22:00-06:00` (every day); the value has the
 * days on which they begin, and minutes of the day. An end that is not after the begin is on the following day.
 */
import { patternField, textField } from './text-field.ts';

export type DialHours = {
  /** 0 is Monday. */
  readonly days: readonly number[];
  /** Minutes since midnight. */
  readonly begin: number;
  /** Minutes since the midnight before `begin`: beyond 1440 it is the following day. */
  readonly end: number;
};

export function dialHours() {
  const allowed = 'hours such as "mon-fri 07:00-19:00", "sat 09:00-12:00" or "22:00-06:00" for every day';
  return textField<DialHours>(allowed, (text) => {
    const parts = pattern.exec(text)?.groups;
    if (parts === undefined) return { wrong: undefined };
    const begin = minuteOf(parts['begin'] ?? '');
    const end = minuteOf(parts['end'] ?? '');
    if (begin === undefined || begin === DAY || end === undefined)
      return { wrong: 'which is no time of a day' };
    if (begin === end) return { wrong: 'which begins and ends at the same time' };
    const days = daysOf(parts['first'] ?? 'mon', parts['last'] ?? parts['first'] ?? 'sun');
    return { value: { days, begin, end: end > begin ? end : end + DAY } };
  });
}

export function timeZone() {
  const allowed = 'a time zone of the IANA database, such as Europe/Paris';
  return patternField(allowed, /^[A-Za-z][A-Za-z0-9_+/-]{1,63}$/).refine(isTimeZone, {
    error: (issue) => `is ${JSON.stringify(issue.input)}, which is not known here, must be ${allowed}`,
  });
}

const DAY = 1440;
const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const day = dayNames.join('|');
const pattern = new RegExp(
  `^(?:(?<first>${day})(?:-(?<last>${day}))? +)?(?<begin>\\d?\\d:\\d\\d)-(?<end>\\d?\\d:\\d\\d)$`,
);

/** `fri-mon` goes over the week's end. */
function daysOf(first: string, last: string): number[] {
  const [from, to] = [dayNames.indexOf(first), dayNames.indexOf(last)];
  const count = ((to - from + 7) % 7) + 1;
  return Array.from({ length: count }, (_, index) => (from + index) % 7);
}

/** 24:00 is the end of a day. */
function minuteOf(text: string): number | undefined {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  const minute = hours * 60 + minutes;
  return minutes < 60 && minute <= DAY ? minute : undefined;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}
