/**
 * What the schema finds wrong, as findings: unions are resolved to their general alternative, unknown keys are told one
 * by one with what was probably meant.
 */

import { z } from 'zod';
import type { Finding, SettingPath } from './mistake.ts';
import { configSchema } from './schema.ts';
import { keysAt, schemaAt } from './schema-shape.ts';
import { nearestName } from './wording.ts';

/** `missing`: the value was not written at all, which a text that ends early also brings about. */
export type SchemaFinding = Finding & { readonly missing: boolean };

export function schemaFindings(issues: readonly z.core.$ZodIssue[], input: unknown): SchemaFinding[] {
  return issues.flatMap((issue) => findingsOf(issue, issue.path as SettingPath, input));
}

function findingsOf(issue: z.core.$ZodIssue, path: SettingPath, input: unknown): SchemaFinding[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path));
    case 'invalid_key':
      return wrongName(issue, path, input);
    case 'invalid_union': {
      const general = issue.errors.at(-1) ?? [];
      return general.flatMap((inner) => findingsOf(inner, [...path, ...(inner.path as SettingPath)], input));
    }
    default:
      return [{ path, message: issue.message, missing: valueAt(input, path) === undefined }];
  }
}

/** The schema does not look at the value behind a wrong name, so that is done here. */
function wrongName(issue: z.core.$ZodIssueInvalidKey, path: SettingPath, input: unknown): SchemaFinding[] {
  const message = `the name ${issue.issues[0]?.message ?? issue.message}`;
  const schema = schemaAt(configSchema, path);
  const inside = schema === undefined ? undefined : z.safeParse(schema, valueAt(input, path)).error;
  const behind = (inside?.issues ?? []).flatMap((inner) =>
    findingsOf(inner, [...path, ...(inner.path as SettingPath)], input),
  );
  return [{ path, message, atKey: true, missing: false }, ...behind];
}

function unknownKey(key: string, path: SettingPath): SchemaFinding {
  const known = keysAt(configSchema, path);
  const near = nearestName(key, known);
  const guess = near === undefined ? '' : ` (did you mean ${near}?)`;
  const message = `is not a setting${guess}, allowed here: ${known.join(', ')}`;
  return { path: [...path, key], message, atKey: true, missing: false };
}

function valueAt(input: unknown, path: SettingPath): unknown {
  let value = input;
  for (const step of path) {
    // A scalar that stands for a list of one.
    if (typeof value !== 'object' || value === null) return value;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
