/**
 * Fields of the schema that hold several values: one value may stand for a list of one, `auto` for what the machine
 * finds out by itself.
 */

import { z } from 'zod';
import type { IpAddress } from '../network/ip-address.ts';
import { wrongValue } from './wording.ts';

/** `10.2.0.0/16` or `[10.2.0.0/16, fd00:2::/64]`. */
export function oneOrMore<Element extends z.ZodType>(element: Element, maximum: number) {
  const allowed = `one or a list of up to ${maximum}`;
  return z
    .preprocess(
      (input) => (input === undefined || Array.isArray(input) ? input : [input]),
      z
        .array(element, { error: (issue) => wrongValue(issue.input, allowed) })
        .min(1, { error: 'is an empty list, must have at least one entry, or the key is left out' })
        .max(maximum, {
          error: (issue) => `has ${lengthOf(issue.input)} entries, must have at most ${maximum}`,
        }),
    )
    .meta({ several: allowed });
}

/** `auto`, or at most one address of each family. */
export function autoOrPerFamily<Element extends z.ZodType<IpAddress, string>>(element: Element) {
  const list = oneOrMore(element, 2).superRefine((addresses, context) => {
    const [first, second] = addresses;
    if (first === undefined || first.family !== second?.family) return;
    const message = `is a second IPv${first.family} address, must be at most one of each family`;
    context.addIssue({ code: 'custom', message, path: [1] });
  });
  return z.union([z.literal('auto'), list]).meta({ several: 'one, or a list of one IPv4 and one IPv6' });
}

/** Refuses the second of two entries that mean the same. */
export function withoutRepetition<Element>(textOf: (element: Element) => string) {
  return (elements: readonly Element[], context: z.RefinementCtx<Element[]>): void => {
    const texts = elements.map(textOf);
    for (const [index, text] of texts.entries()) {
      if (texts.indexOf(text) === index) continue;
      context.addIssue({
        code: 'custom',
        message: `${text} is in the list already, allowed once`,
        path: [index],
      });
    }
  };
}

function lengthOf(input: unknown): number {
  return Array.isArray(input) ? input.length : 0;
}
