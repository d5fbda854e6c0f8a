/**
 * The base of all fields that are written as text: one parser, one wording of what is allowed.
 *
 * Contract: the schema's `allowed` (in its metadata) is what mistakes and the reference show. A parser gives the value,
 * or what is wrong with the text beyond not being what is allowed.
 */

import { z } from 'zod';
import { wrongValue } from './wording.ts';

export type Parsed<Value> = { readonly value: Value } | { readonly wrong: string | undefined };

export function textField<Value>(allowed: string, parse: (text: string) => Parsed<Value>) {
  return z
    .string({ error: (issue) => wrongValue(issue.input, allowed, notText(issue.input)) })
    .transform((text, context): Value => {
      const parsed = parse(text);
      if ('value' in parsed) return parsed.value;
      context.addIssue({ code: 'custom', message: wrongValue(text, allowed, parsed.wrong) });
      return z.NEVER;
    })
    .meta({ allowed });
}

/** A field that is used as it is written when it fits the pattern. */
export function patternField(allowed: string, pattern: RegExp, why?: (text: string) => string | undefined) {
  return textField<string>(allowed, (text) =>
    pattern.test(text) ? { value: text } : { wrong: why?.(text) },
  );
}

/** A field that YAML may read as a number as well as as text: `443`, `8000-8100`. */
export function numeralField<Value>(allowed: string, parse: (text: string) => Parsed<Value>) {
  const error = (issue: { input?: unknown }) => wrongValue(issue.input, allowed);
  return z
    .union([z.string({ error }), z.number({ error })])
    .transform((written, context): Value => {
      const parsed = parse(String(written));
      if ('value' in parsed) return parsed.value;
      context.addIssue({ code: 'custom', message: wrongValue(written, allowed, parsed.wrong) });
      return z.NEVER;
    })
    .meta({ allowed });
}

/** One of a few words. */
export function choice<const Words extends readonly [string, string, ...string[]]>(...words: Words) {
  const allowed = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return z.enum(words, { error: (issue) => wrongValue(issue.input, allowed) }).meta({ allowed });
}

function notText(input: unknown): string | undefined {
  if (typeof input === 'number') return 'which YAML reads as a number, not as text';
  return typeof input === 'boolean' ? 'which YAML reads as a truth value, not as text' : undefined;
}
