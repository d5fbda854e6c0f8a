/**
 * Whether a link may be up at a moment of the week.
 *
 * Contract: pure; the wall clock's time comes in as milliseconds since 1970 and is looked at in the given time zone, so
 * that hours follow summer time.
 */
import type { DialHours } from '../../config/index.ts';

export class DialClock {
  readonly #hours: readonly DialHours[] | undefined;
  readonly #format: Intl.DateTimeFormat;

  /**
   * @param hours undefined: at any time
   * @param timeZone undefined: that of the machine
   */
  constructor(hours: readonly DialHours[] | undefined, timeZone: string | undefined) {
    this.#hours = hours;
    this.#format = new Intl.DateTimeFormat('en-GB', {
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
      ...(timeZone !== undefined && { timeZone }),
    });
  }

  isOpen(wallMillis: number): boolean {
    if (this.#hours === undefined) return true;
    const { day, minute } = this.#weekMinute(wallMillis);
    return this.#hours.some(({ days, begin, end }) => {
      const isToday = days.includes(day) && minute >= begin && minute < end;
      // What began yesterday and goes beyond midnight.
      const isSinceYesterday = days.includes((day + 6) % 7) && minute + DAY < end;
      return isToday || isSinceYesterday;
    });
  }

  #weekMinute(wallMillis: number): { day: number; minute: number } {
    const parts = new Map(this.#format.formatToParts(wallMillis).map(({ type, value }) => [type, value]));
    const day = dayNames.indexOf(parts.get('weekday') ?? '');
    return { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
  }
}

const DAY = 1440;
const dayNames = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
