/**
 * docs/configuration.md, written from the schema: what the program checks is what the document says.
 *
 * Contract: pure; a field without description or allowed values throws, so that none is forgotten.
 */

import type { z } from 'zod';
import { crossChecks } from '../src/config/cross-checks.ts';
import { configSchema } from '../src/config/schema.ts';
import { coreOf, peel } from '../src/config/schema-shape.ts';

export function configurationReference(): string {
  return [introduction, ...sections(configSchema, []), rules(), ''].join('\n');
}

/** The smallest configuration that connects two sites; a test checks it. */
export const smallestExample = `gateway:
  name: nantes
  identity: /etc/backstay/identity.pem
links:
  fibre: { interface: eth1 }
  lte: { interface: wwan0 }
tunnels:
  head-office:
    peer:
      fingerprint: SHA256:mB9xT2yWq7LsK4dRfN0cGzJ6hVuP1eXaO8iQ3wDtYkE
      addresses: [198.51.100.1, 203.0.113.9]
    networks: [10.1.0.0/16]
`;

const introduction = `# Configuration

<!-- Written by scripts/write-reference.ts from src/config; change it there. -->

A gateway has one configuration file, in YAML 1.2 and UTF-8. \`backstay check FILE\` checks it without touching
anything and without special rights, and tells every mistake at once with its line and column.

\`\`\`yaml
${smallestExample}\`\`\`

Complete files for real sites are in [examples/](../examples).

- **Durations** have a unit: \`250ms\`, \`90s\`, \`2m\`, \`1h\`, \`1d\`. **Rates** are in bits per second with a unit:
  \`512kbit\`, \`100mbit\`, \`1gbit\` (decimal: 1 kbit is 1000 bits).
- **IPv6 addresses** that begin or end with a colon, or that stand in brackets, must be put in quotes:
  \`"[2001:db8::1]:4501"\`.
- Where several values are allowed, one may be written without the list.
- Anchors, aliases and merge keys (\`<<: *name\`) of YAML can be used.
- A file has at most 1 MiB.
`;

type Schema = z.core.$ZodType;
type Path = readonly string[];

/** A map's own table first, then the maps within it. */
function sections(schema: Schema, path: Path): string[] {
  const { def } = coreOf(schema)._zod;
  if (def.type === 'record') return [heading(schema, path), ...sections(def.valueType, [...path, 'NAME'])];
  if (def.type === 'array') return sections(def.element, path);
  if (def.type !== 'object') return [];
  const fields = Object.entries(def.shape);
  const inner = fields.flatMap(([key, field]) => sections(field, [...path, key]));
  if (path.length === 0) return inner;
  const rows = fields.map(([key, field]) => row(key, field, path));
  const own = path.at(-1) === 'NAME' ? [] : [heading(schema, path)];
  return [
    ...own,
    ['| setting | meaning | allowed | default |', '| --- | --- | --- | --- |', ...rows, ''].join('\n'),
    ...inner,
  ];
}

function heading(schema: Schema, path: Path): string {
  const names = isRecord(schema) ? [...path, 'NAME'] : path;
  return `${'#'.repeat(Math.min(path.length, 2) + 1)} \`${names.join('.')}\`\n\n${text(schema, 'description', path)}\n`;
}

function row(key: string, field: Schema, path: Path): string {
  const here = [...path, key];
  const cells = [
    `\`${key}\``,
    text(field, 'description', here),
    allowedText(field, here),
    defaultText(field, here),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function allowedText(field: Schema, path: Path): string {
  const { def } = coreOf(field)._zod;
  if (def.type === 'object') return 'a map, see below';
  if (def.type !== 'array') return text(field, 'allowed', path);
  return `${text(def.element, 'allowed', path)}; ${text(field, 'several', path)}`;
}

function defaultText(field: Schema, path: Path): string {
  const shown = metadata(field, 'shownDefault');
  if (shown !== undefined) return shown;
  for (let layer: Schema | undefined = field; layer !== undefined; layer = peel(layer)) {
    const { def } = (layer as z.core.$ZodTypes)._zod;
    if (def.type === 'optional') return 'none';
    if (def.type === 'default' || def.type === 'prefault') return valueText(def.defaultValue, path);
  }
  return '**required**';
}

function valueText(value: unknown, path: Path): string {
  if (Array.isArray(value) && value.length === 0) return 'none';
  if (typeof value === 'object') return 'see below';
  if (['string', 'number', 'boolean'].includes(typeof value)) return `\`${value}\``;
  throw new TypeError(`the default of ${path.join('.')} has no text`);
}

function text(schema: Schema, key: string, path: Path): string {
  const found = metadata(schema, key);
  if (found === undefined) throw new TypeError(`${path.join('.')} has no ${key} in the schema`);
  return found;
}

/** The outermost layer that says it. */
function metadata(schema: Schema, key: string): string | undefined {
  for (let layer: Schema | undefined = schema; layer !== undefined; layer = peel(layer)) {
    const value = (layer as z.ZodType).meta()?.[key];
    if (typeof value === 'string') return value;
  }
  return undefined;
}

function isRecord(schema: Schema): boolean {
  return coreOf(schema)._zod.def.type === 'record';
}

function rules(): string {
  const lines = crossChecks.map(({ rule }) => `- ${rule}`);
  return `## What must fit together\n\nBeyond each setting for itself these rules are checked:\n\n${lines.join('\n')}`;
}
