/**
 * What both ends of a control channel ask of TLS, and how they know each other.
 *
 * Contract: TLS 1.3 only, both certificates shown, no certificate authority, no resumption. TLS itself proves that the
 * other side holds the private key of the certificate it shows; `presentedKey` says which key that is.
 */
import { constants } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type Fingerprint, fingerprintOf } from './fingerprint.ts';
import type { Identity } from './identity.ts';

/** So that a gateway never talks to another kind of TLS server by accident (RFC 7301). */
const applicationProtocol = 'backstay/1';

export function tlsOptions(identity: Identity) {
  return {
    key: identity.privateKeyPem,
    cert: identity.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // The tunnel's AES-256 keys come out of this session: it must not be weaker than they are.
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    // The first one is hybrid: what is recorded today stays closed to a quantum computer.
    ecdhCurve: 'X25519MLKEM768:X25519:prime256v1',
    ALPNProtocols: [applicationProtocol],
    requestCert: true,
    // There is no authority to ask; the pinned key decides, and it decides before anything else is done.
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

/** The fingerprint of the key that the other side has proved to hold; otherwise why there is none. */
export function presentedKey(
  socket: TLSSocket,
):
  | { readonly fingerprint: Fingerprint }
  | { readonly missing: 'noCertificate' | 'wrongProtocol' | 'resumed' } {
  if (socket.alpnProtocol !== applicationProtocol) return { missing: 'wrongProtocol' };
  // A resumed session proves that the other side once held the key, not that it is pinned still.
  if (socket.isSessionReused()) return { missing: 'resumed' };
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined
    ? { missing: 'noCertificate' }
    : { fingerprint: fingerprintOf(certificate.publicKey) };
}
