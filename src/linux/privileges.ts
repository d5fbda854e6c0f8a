/**
 * The capabilities that the daemon needs, as the kernel has them for this process (capabilities(7)).
 *
 * CAP_NET_ADMIN: TUN devices, addresses, routes, rules, nftables, socket marks. CAP_NET_RAW: binding to an interface.
 */
import { readFileSync } from 'node:fs';
import { BackstayError } from '../errors.ts';

const needed = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const;

/** @returns the names of those that are missing */
export function missingCapabilities(): string[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return Object.entries(needed)
    .filter(([, bit]) => (effective & (1n << BigInt(bit))) === 0n)
    .map(([name]) => name);
}

/** @throws BackstayError BS_PRIVILEGE_MISSING */
export function requirePrivileges(): void {
  const missing = missingCapabilities();
  if (missing.length === 0) return;
  throw new BackstayError('BS_PRIVILEGE_MISSING', `The daemon lacks ${missing.join(' and ')}.`);
}
