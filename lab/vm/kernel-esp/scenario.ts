/**
 * What the scenarios of kernel ESP have in common: addresses, associations, and the ping that judges.
 *
 * Addresses are of the documentation ranges. Keys are fixed, so that a capture can be read at any time.
 */
import { createHash } from 'node:crypto';
import type { Namespace } from '../../namespace.ts';
import type { Association, InnerEnd } from './kernel-end.ts';

export type Family = 'ipv4' | 'ipv6';
export type ScenarioReport = {
  readonly name: string;
  readonly elapsedMillis: number;
  readonly error?: string;
};

export const outer = {
  ipv4: { left: '192.0.2.1', right: '192.0.2.2', length: 24 },
  ipv6: { left: '2001:db8::1', right: '2001:db8::2', length: 64 },
} as const;

export const inner: { readonly left: InnerEnd; readonly right: InnerEnd } = {
  left: { ipv4: '10.1.0.1', ipv6: 'fd00:1::1' },
  right: { ipv4: '10.2.0.1', ipv6: 'fd00:2::1' },
};

/** Leaves each direction a few packets before its number outgrows 32 bits. */
export const beforeBorder = (1n << 32n) - 6n;

export function association(name: string, spi: number, lastSequence: bigint): Association {
  const material = createHash('sha512').update(`backstay laboratory ${name}`).digest();
  return { spi, key: material.subarray(0, 32), salt: material.subarray(32, 36), lastSequence };
}

/** Three echoes, all of which must be answered; @param size octets after the ICMP header */
export async function ping(namespace: Namespace, from: string, to: string, size: number): Promise<void> {
  const bounds = ['-c', '3', '-i', '0.05', '-w', '8'];
  await namespace.run('ping', ['-q', '-n', ...bounds, '-s', String(size), '-I', from, to]);
}
