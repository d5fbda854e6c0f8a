/**
 * Looks into a zod schema: what it holds beneath its defaults and preprocessing, and what may stand at a path.
 */

import type { z } from 'zod';
import type { SettingPath } from './mistake.ts';

type Schema = z.core.$ZodType;

/** One layer less (a default, an optional, a preprocessing, the general alternative of a union), if there is one. */
export function peel(schema: Schema): Schema | undefined {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return def.innerType;
    case 'pipe':
      // Preprocessing has the structure behind it, a parsed text before it.
      return typeOf(def.in) === 'transform' ? def.out : def.in;
    case 'union':
      return def.options.at(-1);
    default:
      return undefined;
  }
}

/** The innermost schema: an object, a record, an array or a scalar. */
export function coreOf(schema: Schema): z.core.$ZodTypes {
  const inner = peel(schema);
  return inner === undefined ? (schema as z.core.$ZodTypes) : coreOf(inner);
}

/** The schema of what stands under a key or index; undefined where there is no such place. */
export function childSchema(schema: Schema, step: string | number): Schema | undefined {
  const { def } = coreOf(schema)._zod;
  if (def.type === 'object') return Object.hasOwn(def.shape, step) ? def.shape[step] : undefined;
  if (def.type === 'record') return typeof step === 'string' ? def.valueType : undefined;
  if (def.type === 'array') return typeof step === 'number' ? def.element : undefined;
  return undefined;
}

export function schemaAt(schema: Schema, path: SettingPath): Schema | undefined {
  let place: Schema | undefined = schema;
  for (const step of path) place = place && childSchema(place, step);
  return place;
}

/** The keys that are known at a path. */
export function keysAt(schema: Schema, path: SettingPath): string[] {
  const place = schemaAt(schema, path);
  const def = place && coreOf(place)._zod.def;
  return def?.type === 'object' ? Object.keys(def.shape) : [];
}

function typeOf(schema: Schema): string {
  return (schema as z.core.$ZodTypes)._zod.def.type;
}
