/**
 * What a daemon can change of a machine's network, as text that can be compared.
 *
 * Contract: two texts are equal when nothing was changed in between: interfaces, addresses, routes of all tables, rules,
 * packet filters, and the settings of IP.
 */
import { run } from '../command.ts';
import type { Namespace } from '../namespace.ts';

const listings = {
  links: ['ip', '-json', '-details', 'link', 'show'],
  addresses: ['ip', '-json', 'address', 'show'],
  'IPv4 routes': ['ip', '-json', '-4', 'route', 'show', 'table', 'all'],
  'IPv6 routes': ['ip', '-json', '-6', 'route', 'show', 'table', 'all'],
  'IPv4 rules': ['ip', '-json', '-4', 'rule', 'show'],
  'IPv6 rules': ['ip', '-json', '-6', 'rule', 'show'],
  'packet filters': ['nft', 'list', 'ruleset'],
} as const;

const ipSettings =
  '^net\\.ipv[46]\\.(ip_forward|conf\\..*\\.(forwarding|accept_ra|accept_redirects|rp_filter|src_valid_mark|disable_ipv6))$';

export type MachineState = Readonly<Record<string, string>>;

export async function machineState({ name }: Namespace): Promise<MachineState> {
  const inside = async (words: readonly string[]) =>
    (await run('ip', ['netns', 'exec', name, ...words])).stdout;
  const parts = Object.entries(listings).map(async ([part, words]) => [part, spread(await inside(words))]);
  const settings = await inside(['sysctl', '-a', '--pattern', ipSettings]);
  return { ...Object.fromEntries(await Promise.all(parts)), settings };
}

/** One object a line, so that a difference can be read. */
function spread(text: string): string {
  if (!text.startsWith('[')) return text;
  return (JSON.parse(text) as unknown[]).map((one) => JSON.stringify(one)).join('\n');
}
