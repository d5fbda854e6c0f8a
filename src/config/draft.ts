/**
 * The valid parts of a configuration that has mistakes, so that what fits together can be checked among them.
 *
 * Contract: a draft has the shape of the parsed configuration; what was wrong or could not be read is undefined, in
 * lists too, so that indices stay what they are in the file. A key that is not there was not written (and has no default
 * of its own); one that is there with undefined was written wrong, or is no setting. Without mistakes the draft is the whole.
 */

import { z } from 'zod';
import type { PortRange } from '../network/filter-rule.ts';
import type { Endpoint, IpAddress, IpPrefix } from '../network/ip-address.ts';
import type { ParsedFilter } from './filter-section.ts';
import type { HttpPlace } from './probe-section.ts';
import { configSchema, type ParsedConfig } from './schema.ts';
import { childSchema, coreOf, peel } from './schema-shape.ts';

type Leaf = string | number | boolean | undefined | IpAddress | IpPrefix | Endpoint | PortRange | HttpPlace;

export type Draft<Parsed> = Parsed extends Leaf
  ? Parsed | undefined
  : Parsed extends readonly (infer Element)[]
    ? Draft<Element>[] | undefined
    : { readonly [Key in keyof Parsed]?: Draft<Parsed[Key]> | undefined } | undefined;

export type ConfigDraft = NonNullable<Draft<ParsedConfig>>;
export type LinkDraft = Draft<ParsedConfig['links'][string]>;
export type FilterDraft = Draft<ParsedFilter>;
export type TunnelDraft = Draft<ParsedConfig['tunnels'][string]>;

export function draftConfig(input: unknown): ConfigDraft {
  return (draftOf(configSchema, input) ?? {}) as ConfigDraft;
}

function draftOf(schema: z.core.$ZodType, input: unknown): unknown {
  const whole = z.safeParse(schema, input);
  if (whole.success) return whole.data;
  const value = preprocessed(schema, input);
  if (Array.isArray(value) && value.length > 0) {
    const element = childSchema(schema, 0);
    return element && value.map((entry) => draftOf(element, entry));
  }
  if (typeof value !== 'object' || value === null) return undefined;
  return draftOfMap(schema, value as Record<string, unknown>);
}

function draftOfMap(schema: z.core.$ZodType, value: Record<string, unknown>): unknown {
  const { def } = coreOf(schema)._zod;
  if (def.type !== 'object' && def.type !== 'record') return undefined;
  const known = def.type === 'object' ? Object.keys(def.shape) : [];
  const keys = [...new Set([...known, ...Object.keys(value)])];
  const entries = keys.flatMap((key): [string, unknown][] => {
    const child = childSchema(schema, key);
    const written = Object.hasOwn(value, key);
    const draft = child && draftOf(child, written ? value[key] : undefined);
    return written || draft !== undefined ? [[key, draft]] : [];
  });
  return Object.fromEntries(entries);
}

/** What the schema's preprocessing makes of the input. */
function preprocessed(schema: z.core.$ZodType, input: unknown): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const inner = peel(schema);
  if (inner === undefined) return input;
  const front = def.type === 'pipe' ? (def.in as z.core.$ZodTypes)._zod.def : undefined;
  const value = front?.type === 'transform' ? front.transform(input, { value: input, issues: [] }) : input;
  return preprocessed(inner, value);
}
