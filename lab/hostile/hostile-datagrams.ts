/**
 * Datagrams that a stranger on the way could send to a gateway's UDP port, made out of real ones.
 *
 * Contract: pure; randomness comes in. None of them may be accepted, and each kind has its own reason:
 * `random` (no association), `truncated` (cut off: malformed, seen before, or not authentic), `replayed` (seen before),
 * `flipped` (one bit behind the SPI turned over), `forged` (right SPI, any sequence number, so that the seal has to be
 * checked: the most expensive one for the gateway).
 */
export const hostileKinds = ['random', 'truncated', 'replayed', 'flipped', 'forged'] as const;
export type HostileKind = (typeof hostileKinds)[number];

/** Evenly distributed in [0, below). */
export type RandomInteger = (below: number) => number;

const SPI_LENGTH = 4;
const SEQUENCE_OFFSET = 4;
const HEADER_LENGTH = 8;
/** What fits an outer packet of 1500 bytes. */
const LONGEST = 1472;
/** A datagram of one byte 0xFF is NAT keepalive, which is no attack. */
const SHORTEST = 2;

/** @param real ESP datagrams that the gateway has accepted before, of at least 8 bytes */
export function hostileDatagrams(
  kind: HostileKind,
  count: number,
  real: readonly Uint8Array[],
  random: RandomInteger,
): Uint8Array[] {
  if (real.length === 0) throw new RangeError('real datagrams are needed');
  return Array.from({ length: count }, () => hostileDatagram(kind, real[random(real.length)]!, random));
}

function hostileDatagram(kind: HostileKind, real: Uint8Array, random: RandomInteger): Uint8Array {
  switch (kind) {
    case 'random':
      return randomBytes(SHORTEST + random(LONGEST - SHORTEST), random);
    case 'truncated':
      return real.slice(0, SHORTEST + random(real.length - SHORTEST));
    case 'replayed':
      return real.slice();
    case 'flipped':
      return withBitFlipped(real, random);
    case 'forged':
      return withSequence(real, randomBytes(HEADER_LENGTH - SEQUENCE_OFFSET, random));
  }
}

function randomBytes(length: number, random: RandomInteger): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

function withBitFlipped(real: Uint8Array, random: RandomInteger): Uint8Array {
  const changed = real.slice();
  const at = SPI_LENGTH + random(real.length - SPI_LENGTH);
  changed[at] = changed[at]! ^ (1 << random(8));
  return changed;
}

function withSequence(real: Uint8Array, sequence: Uint8Array): Uint8Array {
  const changed = real.slice();
  changed.set(sequence, SEQUENCE_OFFSET);
  return changed;
}
