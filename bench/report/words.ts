/**
 * The command line of a benchmark: options with a value or without, numbers and names checked.
 *
 * Contract: wrong words print the usage and end the process with status 2; an option that every benchmark has is added.
 */
import { parseArgs } from 'node:util';

type OptionKind =
  | 'text'
  | 'number'
  | 'flag'
  | { readonly oneOf: readonly string[] }
  /** Separated by commas. */
  | { readonly someOf: readonly string[] };
type Value<Kind> = Kind extends 'number'
  ? number
  : Kind extends 'flag'
    ? boolean
    : Kind extends { readonly oneOf: readonly (infer Name)[] }
      ? Name
      : Kind extends { readonly someOf: readonly (infer Name)[] }
        ? readonly Name[]
        : string;
type Values<Options extends Record<string, OptionKind>> = { [Name in keyof Options]?: Value<Options[Name]> };

const common = { json: 'text', save: 'flag', help: 'flag' } as const;
const commonUsage = `
  --json FILE      write the result as JSON
  --save           write JSON and table to bench/results/
`;

export function readWords<const Options extends Record<string, OptionKind>>(
  usage: string,
  options: Options,
): Values<Options & typeof common> {
  const all: Record<string, OptionKind> = { ...options, ...common };
  try {
    const { values } = parseArgs({
      options: Object.fromEntries(
        Object.entries(all).map(([name, kind]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }]),
      ),
    });
    const read = Object.entries(values).map(([name, value]) => [name, readValue(name, all[name], value)]);
    if (values['help'] === true) throw new Error('');
    return Object.fromEntries(read) as Values<Options & typeof common>;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage.trimEnd()}${commonUsage}`.trimStart());
    process.exit(2);
  }
}

function readValue(name: string, kind: OptionKind | undefined, value: unknown): unknown {
  if (kind === 'number') {
    const number = Number(value);
    if (!(number > 0) || number > 1e9) throw new Error(`--${name} wants a number above 0`);
    return number;
  }
  if (typeof kind !== 'object') return value;
  if ('oneOf' in kind) return readName(name, kind.oneOf, String(value));
  return String(value)
    .split(',')
    .map((text) => readName(name, kind.someOf, text));
}

function readName(option: string, names: readonly string[], text: string): string {
  if (names.includes(text)) return text;
  throw new Error(`--${option} knows no '${text}'; it takes ${names.join(', ')}`);
}
