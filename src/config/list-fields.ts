/**
 * Fields of the schema that hold several values: one value may stand for a list of one, `auto` for what the machine
 * finds out by itself.
 */

import { z } from 'zod';
import type { IpAddress } from '../network/ip-address.ts';
import { wrongValue } from './wording.ts';

/** A list of maps. */
export function listOf<Element extends z.ZodType>(element: Element, maximum: number) {
  return limitedList(element, maximum, `a list of up to ${maximum} maps`);
}

/** `10.2.0.0/16` or `[10.2.0.0/16, fd00:2::/64]`. */
export function oneOrMore<Element extends z.ZodType>(element: Element, maximum: number) {
  const allowed = `one or a list of up to ${maximum}`;
  return z
    .preprocess(
      (input) => (input === undefined || Array.isArray(input) ? input : [input]),
      limitedList(element, maximum, allowed),
    )
    .meta({ several: allowed });
}

/** `auto`, one address, or two. That they are of different families is a cross-check. */
export function autoOrPerFamily<Element extends z.ZodType<IpAddress, string>>(element: Element) {
  return z
    .union([z.literal('auto'), oneOrMore(element, 2)])
    .meta({ several: 'one, or a list of one IPv4 and one IPv6' });
}

function limitedList<Element extends z.ZodType>(element: Element, maximum: number, allowed: string) {
  return z
    .array(element, { error: (issue) => wrongValue(issue.input, allowed) })
    .min(1, { error: 'is an empty list, must have at least one entry, or the key is left out' })
    .max(maximum, { error: (issue) => `has ${lengthOf(issue.input)} entries, must have at most ${maximum}` })
    .meta({ several: allowed });
}

function lengthOf(input: unknown): number {
  return Array.isArray(input) ? input.length : 0;
}
