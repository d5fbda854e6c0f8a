/**
 * The kernel as one end of an ESP tunnel in UDP: addresses, security associations, policies, counters.
 *
 * Contract: `kernelEndCommands` is pure and gives the lines for `ip -batch`, without the word `ip`; `openKernelEnd`
 * makes the end in a namespace whose outer interface exists. AES-256-GCM with a 16-octet tag, extended sequence
 * numbers, UDP port 4500 on both sides; one association per direction carries inner IPv4 and inner IPv6.
 */

import type { EspKeys } from '../../esp-reference.ts';
import type { Namespace } from '../../namespace.ts';
import { openEncapSocket } from './encap-socket.ts';

export const espPort = 4500;

export type Association = EspKeys & {
  /** The number of the last packet before the first one sent under it. */
  readonly lastSequence: bigint;
};

export type InnerEnd = { readonly ipv4: string; readonly ipv6: string };

export type KernelEnd = {
  readonly interface: string;
  /** Outer addresses, both of one family. */
  readonly local: string;
  readonly remote: string;
  /** Inner addresses of this end and of the other. */
  readonly inner: InnerEnd;
  readonly remoteInner: InnerEnd;
  readonly send: Association;
  readonly receive: Association;
};

/** The kernel's anti-replay window, in packets (4096 is the most that it has). */
const replayWindow = 4096;

export async function openKernelEnd(namespace: Namespace, end: KernelEnd): Promise<void> {
  await namespace.ip(...kernelEndCommands(end));
  openEncapSocket(namespace.name, family(end.local), espPort);
}

export function kernelEndCommands(end: KernelEnd): string[] {
  return [
    state(end.local, end.remote, end.send),
    state(end.remote, end.local, end.receive),
    ...(['ipv4', 'ipv6'] as const).flatMap((version) => innerCommands(end, version)),
  ];
}

/** Lines that make the end send on after another number, under the same keys: the kernel cannot change it in place. */
export function renumber(end: KernelEnd, lastSequence: bigint): string[] {
  const identity = `src ${end.local} dst ${end.remote} proto esp spi ${end.send.spi}`;
  return [`xfrm state delete ${identity}`, state(end.local, end.remote, { ...end.send, lastSequence })];
}

/**
 * `af-unspec`: without it the kernel gives the association a selector of the outer family, and the other inner
 * family is dropped. The last argument of `encap` is the original address of RFC 3948, which nothing uses.
 */
function state(source: string, destination: string, association: Association): string {
  const { spi, key, salt, lastSequence } = association;
  const low = lastSequence & 0xffff_ffffn;
  const high = lastSequence >> 32n;
  const any = family(source) === 4 ? '0.0.0.0' : '::';
  return [
    `xfrm state add src ${source} dst ${destination} proto esp spi ${spi} reqid 1 mode tunnel`,
    `replay-window ${replayWindow} replay-oseq ${low} replay-oseq-hi ${high} replay-seq ${low} replay-seq-hi ${high}`,
    `flag af-unspec flag esn aead rfc4106(gcm(aes)) 0x${key.toString('hex')}${salt.toString('hex')} 128`,
    `encap espinudp ${espPort} ${espPort} ${any}`,
  ].join(' ');
}

function innerCommands(end: KernelEnd, version: keyof InnerEnd): string[] {
  const [local, remote] = [end.inner[version], end.remoteInner[version]];
  const out = `tmpl src ${end.local} dst ${end.remote} proto esp reqid 1 mode tunnel`;
  const back = `tmpl src ${end.remote} dst ${end.local} proto esp reqid 1 mode tunnel`;
  return [
    `address add ${local} dev lo`,
    `route add ${remote} dev ${end.interface} src ${local}`,
    `xfrm policy add src ${local} dst ${remote} dir out ${out}`,
    `xfrm policy add src ${remote} dst ${local} dir in ${back}`,
  ];
}

/** The namespace's counters of refused packets that are not 0 (Linux, Documentation/networking/xfrm_proc.rst). */
export async function refusals(namespace: Namespace): Promise<Record<string, number>> {
  const { stdout } = await namespace.run('cat', ['/proc/net/xfrm_stat']);
  const counters = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const counted = counters.map(([name, value]) => [name ?? '', Number(value)] as const);
  return Object.fromEntries(counted.filter(([, value]) => value > 0));
}

/** Packets refused by all associations of the namespace: outside the window, seen before, and with a wrong tag. */
export async function associationRefusals(namespace: Namespace): Promise<AssociationRefusals> {
  const { stdout } = await namespace.run('ip', ['-s', 'xfrm', 'state']);
  const sums = { outsideWindow: 0, replayed: 0, wrongTag: 0 };
  for (const [, outside, replayed, failed] of stdout.matchAll(
    /replay-window (\d+) replay (\d+) failed (\d+)/g,
  )) {
    sums.outsideWindow += Number(outside);
    sums.replayed += Number(replayed);
    sums.wrongTag += Number(failed);
  }
  return sums;
}

export type AssociationRefusals = {
  readonly outsideWindow: number;
  readonly replayed: number;
  readonly wrongTag: number;
};

export const noRefusals: AssociationRefusals = { outsideWindow: 0, replayed: 0, wrongTag: 0 };

function family(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}
