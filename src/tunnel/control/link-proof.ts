/**
 * What one end of a path sends to the other to prove that it has the path's key.
 *
 * Contract: a proof is a MAC over the prover's role, the tunnel instance, the path, the challenge that it answers and the
 * prover's own challenge. The roles' labels are different, so that nobody proves himself with what he was sent. All
 * parts have a fixed length: no two inputs read the same.
 * Source: seed row S4.4 ("the challenge is based on a hashing algorithm"), RFC 2104.
 */
import type { Role } from './key-schedule.ts';

/** HMAC-SHA-256 with the path's key. */
export type Mac = (bytes: Uint8Array) => Uint8Array;

/** The path that is at stake, as both ends know it. */
export type ProvenPath = {
  readonly tunnelInstance: Uint8Array;
  readonly pathId: number;
  readonly mac: Mac;
};

/** Of each side, the challenge that it made. */
export type Challenges = { readonly [Side in Role]: Uint8Array };

const labels = { initiator: 'backstay-link-initiator', responder: 'backstay-link-responder' } as const;

export function proofOf(
  prover: Role,
  { tunnelInstance, pathId, mac }: ProvenPath,
  challenges: Challenges,
): Uint8Array {
  const other = prover === 'initiator' ? 'responder' : 'initiator';
  return mac(
    Uint8Array.of(
      ...new TextEncoder().encode(labels[prover]),
      ...tunnelInstance,
      pathId >>> 8,
      pathId,
      ...challenges[other],
      ...challenges[prover],
    ),
  );
}

/** Takes the same time wherever the two differ, so that nobody finds a proof byte by byte. */
export function isSameProof(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (const [index, byte] of one.entries()) difference |= byte ^ (other[index] ?? 0);
  return difference === 0;
}
