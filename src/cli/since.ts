/** The `--since` of the events command: a sequence number, a time, or how long ago. */

import { BackstayError } from '../errors.ts';

const unitMillis = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What the API takes: `17`, or a time in ISO 8601. `10m` counts back from `nowMillis`. */
export function parseSince(text: string, nowMillis: number): string {
  if (/^\d{1,15}$/.test(text)) return text;
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null)
    return isoTime(nowMillis - Number(ago[1]) * unitMillis[ago[2] as keyof typeof unitMillis]);
  // A date alone is taken as UTC by the language, date and time as local; both are what a person means here.
  const time = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    ? Date.parse(text.replace(' ', 'T'))
    : Number.NaN;
  if (!Number.isNaN(time)) return isoTime(time);
  throw new BackstayError('BS_USAGE', `${JSON.stringify(text)} is not a beginning.`, {
    place: '--since',
    hint: 'Give a sequence number, a time such as 2026-11-20T12:00:00Z, or 30s, 10m, 2h, 1d for how long ago.',
  });
}

function isoTime(millis: number): string {
  // Before the year 0 the ISO form has a sign that nobody reads.
  return new Date(Math.max(0, millis)).toISOString();
}
