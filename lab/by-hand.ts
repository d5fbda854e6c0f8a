/**
 * Two sites to try things out by hand: builds the topology, says where everything is, obeys lines on standard input.
 *
 * Contract: `node lab/by-hand.ts [profile] [shape] [--plain]`; see docs/laboratory.md. Everything is removed at the
 * end of input, on `quit` and on Ctrl-C. A line that is not understood is answered, never fatal.
 */
import { createInterface } from 'node:readline';
import type { Shape } from './addressing.ts';
import { Lab } from './lab.ts';
import { type ProfileName, profiles } from './profiles.ts';
import { openSites, routePlainly, type Sites } from './sites.ts';
import type { Impairments } from './wan/impairments.ts';
import type { Direction } from './wan/wan.ts';

const shapes: readonly Shape[] = ['direct', 'nat', 'shared-interface'];

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const profile = oneOf(words[0] ?? 'equal', Object.keys(profiles) as ProfileName[]);
const shape = oneOf(words[1] ?? 'direct', shapes);

await using lab = await Lab.open('by-hand');
const sites = await openSites(lab, { profile, shape });
if (process.argv.includes('--plain')) await routePlainly(sites);
console.log(describeSites(sites));

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === 'quit') break;
  if (line.trim() !== '') await obey(line).then(console.log, (error: Error) => console.log(error.message));
}

/** `<link> [aToB|bToA] <name>=<value> …`, `<link> statistics`, `<link> repair` */
async function obey(line: string): Promise<unknown> {
  const [index, ...rest] = line.trim().split(/\s+/);
  const link = sites.link(Number(index));
  if (rest[0] === 'statistics') return link.statistics();
  if (rest[0] === 'repair') return link.repair().then(() => 'repaired');
  const direction = rest[0] === 'aToB' || rest[0] === 'bToA' ? (rest.shift() as Direction) : undefined;
  const change = readChange(rest);
  await link.set(change, direction);
  return `link ${index} ${direction ?? 'both ways'}: ${JSON.stringify(change)}`;
}

function readChange(settings: readonly string[]): Partial<Impairments> {
  if (settings.length === 0)
    throw new Error('expected: <link> [aToB|bToA] <name>=<value> … | <link> statistics');
  return Object.fromEntries(
    settings.map((setting) => {
      const [name, value] = setting.split('=');
      if (name === undefined || value === undefined)
        throw new Error(`expected <name>=<value>, got ${setting}`);
      return [name, name === 'blocked' ? value.split(',').filter(Boolean) : JSON.parse(value)];
    }),
  );
}

function describeSites({ hostA, gatewayA, gatewayB, hostB, router, links }: Sites): string {
  const inside = [hostA, gatewayA, ...(router ? [router] : []), gatewayB, hostB];
  return [
    'Enter one with: ip netns exec <name> bash',
    ...inside.map(({ name }) => `  ${name}`),
    ...links.map(({ index, plan: { a, b } }) => {
      const [near, far] = [a, b].map((end) => `${end.interfaceName} ${end.address.v4} ${end.address.v6}`);
      return `link ${index}: ${near}  <->  ${far}`;
    }),
    'Hosts: A 10.1.0.2 fd00:1::2, B 10.2.0.2 fd00:2::2. End with quit or Ctrl-C.',
  ].join('\n');
}

function oneOf<Word extends string>(word: string, known: readonly Word[]): Word {
  const found = known.find((candidate) => candidate === word);
  if (found === undefined) throw new Error(`"${word}" is none of ${known.join(', ')}`);
  return found;
}
