/**
 * The TUN devices of the tunnels: recognising ours, and the commands that make one what it should be.
 *
 * Contract: a device is ours when its alias (ip-link(8)) begins with `aliasPrefix`; a device without any alias and of kind `tun`
 * is taken over when a tunnel has its name. A device that belongs to somebody else is never touched.
 */
import type { DesiredTunnelDevice } from './desired-state.ts';
import { formatPrefix, type IpPrefix } from './ip-address.ts';
import type { NetworkInterface } from './network-snapshot.ts';

const aliasPrefix = 'backstay:';

export function tunnelAlias(tunnel: string): string {
  return aliasPrefix + tunnel;
}

export function isOwnDevice(device: NetworkInterface): boolean {
  return device.alias?.startsWith(aliasPrefix) === true;
}

export function mayTakeOver(device: NetworkInterface): boolean {
  return isOwnDevice(device) || (device.kind === 'tun' && device.alias === undefined);
}

/** A command and the one that takes it back; empty where nothing can or need be taken back. */
export type Step = { readonly text: string; readonly undo: string };

/** What to change on a device that is there, additions only. */
export function deviceSteps(present: NetworkInterface, desired: DesiredTunnelDevice): Step[] {
  const missing = desired.addresses.filter((prefix) => !hasAddress(present, prefix));
  return [
    ...attributeSteps(present, desired),
    ...missing.map((prefix) => ({
      text: formatAddressAdd(prefix, desired.name),
      undo: `addr del ${formatPrefix(prefix)} dev ${desired.name}`,
    })),
  ];
}

/** Switches a device off that nothing may pass. */
export function closingSteps(present: NetworkInterface, desired: DesiredTunnelDevice): Step[] {
  if (desired.closed !== true || !present.up) return [];
  const command = `link set dev ${desired.name}`;
  return [{ text: `${command} down`, undo: `${command} up` }];
}

/** Addresses that the device should not have. */
export function surplusAddressSteps(present: NetworkInterface, desired: DesiredTunnelDevice): Step[] {
  const wanted = new Set(desired.addresses.map(formatPrefix));
  const surplus = present.addresses.map(({ prefix }) => prefix).filter((it) => !wanted.has(formatPrefix(it)));
  return surplus.map((prefix) => ({
    text: `addr del ${formatPrefix(prefix)} dev ${desired.name}`,
    undo: formatAddressAdd(prefix, desired.name),
  }));
}

/**
 * One command for all that differs, so that the device is never seen half made. How link-local addresses are made comes
 * before it: the kernel carries out `up` first of what is in one command, and would have made one.
 */
function attributeSteps(present: NetworkInterface, desired: DesiredTunnelDevice): Step[] {
  const differing = attributes(present, desired).filter(
    ({ now, wanted }) => now !== undefined && now !== wanted,
  );
  const isFirst = ({ word }: Attribute) => word === 'addrgenmode';
  const first = differing.filter(isFirst);
  const others = differing.filter((it) => !isFirst(it));
  const switchOn = present.up || desired.closed === true ? [] : [{ word: 'up', wordBack: 'down' }];
  return [...setStep(desired.name, first, []), ...setStep(desired.name, others, switchOn)];
}

function setStep(
  name: string,
  attributes: readonly Attribute[],
  switches: readonly { readonly word: string; readonly wordBack: string }[],
): Step[] {
  if (attributes.length + switches.length === 0) return [];
  const command = `link set dev ${name}`;
  const change = [
    ...attributes.map(({ word, wanted }) => `${word} ${wanted}`),
    ...switches.map(({ word }) => word),
  ];
  const back = [
    ...attributes.filter(({ now }) => now !== '').map(({ word, now }) => `${word} ${now}`),
    ...switches.map(({ wordBack }) => wordBack),
  ];
  const undo = back.length === 0 ? '' : `${command} ${back.join(' ')}`;
  return [{ text: `${command} ${change.join(' ')}`, undo }];
}

type Attribute = {
  readonly word: string;
  readonly now: string | number | undefined;
  readonly wanted: string | number;
};

/** `now` is undefined where the kernel doesn't have the attribute. */
function attributes(present: NetworkInterface, desired: DesiredTunnelDevice): Attribute[] {
  return [
    { word: 'alias', now: present.alias ?? '', wanted: tunnelAlias(desired.tunnel) },
    { word: 'mtu', now: present.mtu, wanted: desired.mtu },
    { word: 'txqueuelen', now: present.queuePackets, wanted: desired.queuePackets },
    { word: 'gso_max_size', now: present.gsoMaxBytes, wanted: desired.gsoMaxBytes },
    // The peer speaks for its networks only: a link-local address would only send multicast noise through the tunnel.
    { word: 'addrgenmode', now: present.addressGeneration, wanted: 'none' },
  ];
}

function hasAddress(present: NetworkInterface, prefix: IpPrefix): boolean {
  return present.addresses.some((it) => formatPrefix(it.prefix) === formatPrefix(prefix));
}

function formatAddressAdd(prefix: IpPrefix, device: string): string {
  // Nobody else is on a tunnel, so nothing is learnt by looking for duplicates, and the address is usable at once.
  const nodad = prefix.address.family === 6 ? ' nodad' : '';
  return `addr add ${formatPrefix(prefix)} dev ${device}${nodad}`;
}
