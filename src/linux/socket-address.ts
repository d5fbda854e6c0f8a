/**
 * `struct sockaddr_in` and `sockaddr_in6` in an arena.
 *
 * IPv4: family u16 (host order), port u16 (network order), 4 bytes. IPv6: family, port, flow u32, 16 bytes, scope u32.
 * Source: ip(7), ipv6(7).
 */
import type { Arena } from './arena.ts';

/** Room for either kind. */
export const SOCKET_ADDRESS_LENGTH = 28;

const AF_INET = 2;
const AF_INET6 = 10;

/** @param address 4 or 16 bytes. @returns the length of what was written */
export function writeSocketAddress(arena: Arena, offset: number, address: Uint8Array, port: number): number {
  const ipv6 = address.length === 16;
  arena.bytes.fill(0, offset, offset + SOCKET_ADDRESS_LENGTH);
  arena.data.setUint16(offset, ipv6 ? AF_INET6 : AF_INET, true);
  arena.data.setUint16(offset + 2, port);
  arena.bytes.set(address, offset + (ipv6 ? 8 : 4));
  return ipv6 ? 28 : 16;
}

/** A copy of the address: allocates, for rare use. */
export function readSocketAddress(arena: Arena, offset: number): { address: Uint8Array; port: number } {
  const ipv6 = arena.data.getUint16(offset, true) === AF_INET6;
  const from = offset + (ipv6 ? 8 : 4);
  return {
    address: arena.bytes.slice(from, from + (ipv6 ? 16 : 4)),
    port: arena.data.getUint16(offset + 2),
  };
}

/** Same family, port and address; allocates nothing. */
export function sameSocketAddress(a: DataView, aOffset: number, b: DataView, bOffset: number): boolean {
  if (a.getInt32(aOffset) !== b.getInt32(bOffset)) return false;
  if (a.getUint16(aOffset, true) === AF_INET) return a.getInt32(aOffset + 4) === b.getInt32(bOffset + 4);
  for (let at = 8; at < 24; at += 4) {
    if (a.getInt32(aOffset + at) !== b.getInt32(bOffset + at)) return false;
  }
  return true;
}
