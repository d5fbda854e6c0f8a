/**
 * Who takes part, in the order of every round, and who had to stay away.
 *
 * Contract: Backstay and plain routing always; a peer only when its program is there.
 */
import { run } from '../../lab/command.ts';
import { backstay, backstayByTcp } from './backstay.ts';
import type { Contender } from './contender.ts';
import { programOfNewerDebian } from './newer-debian.ts';
import { openvpn } from './openvpn.ts';
import { plain } from './plain.ts';
import { wireguardGo } from './wireguard-go.ts';

export type Field = {
  readonly contenders: readonly Contender[];
  /** One line per absent peer, with the reason. */
  readonly leftOut: readonly string[];
};

type Entry = { readonly id: string; readonly find: () => Promise<Contender> };

const entries: readonly Entry[] = [
  { id: 'plain', find: async () => plain },
  { id: 'backstay-1', find: async () => backstay(1) },
  { id: 'backstay-2', find: async () => backstay(2) },
  { id: 'backstay-tcp', find: async () => backstayByTcp },
  {
    id: 'wireguard-go-offloads',
    find: async () => {
      const wanted = { release: 'trixie', packageName: 'wireguard-go', path: 'usr/bin/wireguard-go' };
      const { program, packageVersion } = await programOfNewerDebian(wanted);
      return wireguardGo('wireguard-go-offloads', program, `${packageVersion} (Debian 13)`);
    },
  },
  {
    id: 'wireguard-go',
    find: async () => {
      const { stdout } = await run('dpkg-query', ['--status', 'wireguard-go']);
      const version = stdout.match(/^Version: (.*)$/m)?.[1] ?? '';
      return wireguardGo('wireguard-go', '/usr/bin/wireguard-go', `${version} (as installed)`);
    },
  },
  { id: 'openvpn', find: () => openvpn('defaults') },
  { id: 'openvpn-fast-io', find: () => openvpn('fast-io') },
];

export const contenderIds: readonly string[] = entries.map(({ id }) => id);

/** @param wanted of `contenderIds` */
export async function findContenders(wanted: readonly string[]): Promise<Field> {
  const contenders: Contender[] = [];
  const leftOut: string[] = [];
  for (const { id, find } of entries) {
    if (!wanted.includes(id)) continue;
    try {
      contenders.push(await find());
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      leftOut.push(`${id} was left out: ${reason}`);
    }
  }
  return { contenders, leftOut };
}
