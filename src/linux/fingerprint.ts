/**
 * The name by which a peer's key is pinned.
 *
 * Contract: `SHA256:` and 43 characters of base64url without padding: SHA-256 over the DER SubjectPublicKeyInfo of
 * the key. It depends on the key alone, so a certificate may be made anew without telling the peers.
 */
import { createHash, type KeyObject } from 'node:crypto';

export type Fingerprint = string;

export function fingerprintOf(publicKey: KeyObject): Fingerprint {
  const information = publicKey.export({ type: 'spki', format: 'der' });
  return `SHA256:${createHash('sha256').update(information).digest('base64url')}`;
}
