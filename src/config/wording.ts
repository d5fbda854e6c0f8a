/**
 * How a wrong value is put into words: one form for all settings, `is VALUE[, REASON], must be ALLOWED`.
 */

import { shorten } from './mistake.ts';

/** `reason` is what is wrong with a value of the right type. */
export function wrongValue(input: unknown, allowed: string, reason?: string): string {
  const because = reason === undefined ? '' : `, ${reason}`;
  return `${statement(input)}${because}, must be ${allowed}`;
}

export function unknownName(name: string, what: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  const guess = near === undefined ? '' : ` (did you mean ${JSON.stringify(near)}?)`;
  const more = known.length > maximumNamesListed ? ', …' : '';
  const allowed =
    known.length === 0
      ? 'there are none'
      : `allowed: ${known.slice(0, maximumNamesListed).join(', ')}${more}`;
  return `${JSON.stringify(shorten(name, 40))} is not ${what}${guess}, ${allowed}`;
}

/** More is no help to a reader, and guessing among more takes long. */
const maximumNamesListed = 24;

/** The known name that a slip of the keyboard could have turned into this one. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length > 64 || known.length > maximumNamesListed) return undefined;
  const lower = name.toLowerCase();
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(lower, candidate.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance);
  const best = ranked[0];
  // A third of the letters: less misses "adress", more suggests unrelated words.
  const nearEnough =
    best !== undefined && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3));
  return nearEnough ? best.candidate : undefined;
}

function statement(input: unknown): string {
  if (input === undefined) return 'is missing';
  if (input === null) return 'is empty';
  if (Array.isArray(input)) return 'is a list';
  if (typeof input === 'object') return 'is a map';
  if (typeof input === 'string')
    return input === '' ? 'is empty text' : `is ${JSON.stringify(shorten(input, 60))}`;
  // As YAML writes it (10.2.1.4).
  if (Number.isNaN(input)) return 'is .nan';
  return `is ${String(input)}`;
}

/** Damerau-Levenshtein distance (adjacent letters swapped count as one slip). */
function editDistance(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row++) {
    const current = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      const swapped = row > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] ?? 0;
}
