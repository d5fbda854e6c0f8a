/**
 * Writes the self-signed X.509 certificate that carries a gateway's Ed25519 key through a TLS handshake.
 *
 * Contract: gives the DER bytes of a version 3 certificate for `CN=backstay`, signed with the key itself. Peers pin
 * the key and look at nothing else, so the dates span all of time and a machine with a wrong clock still connects.
 * Source: RFC 5280 sections 4.1 and 4.2.1, RFC 8410 (Ed25519 in certificates), X.690 (DER).
 */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';

const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/** Contents of the object identifiers, already in their base-128 form. */
const oid = {
  ed25519: [0x2b, 0x65, 0x70], // 1.3.101.112
  commonName: [0x55, 0x04, 0x03], // 2.5.4.3
  keyUsage: [0x55, 0x1d, 0x0f], // 2.5.29.15
  basicConstraints: [0x55, 0x1d, 0x13], // 2.5.29.19
} as const;

/** @param serial 1 to 20 bytes, read as an unsigned number that is not zero */
export function selfSignedCertificate(privateKey: KeyObject, serial: Uint8Array): Buffer {
  const toBeSigned = certificateBody(createPublicKey(privateKey), serial);
  const signature = sign(null, toBeSigned, privateKey);
  return sequence(toBeSigned, signatureAlgorithm(), bitString(0, signature));
}

function certificateBody(publicKey: KeyObject, serial: Uint8Array): Buffer {
  const name = sequence(
    element(tag.set, sequence(objectIdentifier(oid.commonName), text(tag.utf8String, 'backstay'))),
  );
  return sequence(
    element(tag.version, positiveInteger([2])),
    positiveInteger(serial),
    signatureAlgorithm(),
    name,
    validity(),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(tag.extensions, sequence(notAnAuthority(), signsOnly())),
  );
}

function validity(): Buffer {
  // 99991231235959Z is RFC 5280's "no well-defined expiration date" (4.1.2.5).
  return sequence(text(tag.utcTime, '700101000000Z'), text(tag.generalizedTime, '99991231235959Z'));
}

function signatureAlgorithm(): Buffer {
  return sequence(objectIdentifier(oid.ed25519));
}

function notAnAuthority(): Buffer {
  return criticalExtension(oid.basicConstraints, sequence());
}

function signsOnly(): Buffer {
  const digitalSignature = bitString(7, Uint8Array.of(0x80));
  return criticalExtension(oid.keyUsage, digitalSignature);
}

function criticalExtension(identifier: readonly number[], value: Uint8Array): Buffer {
  const critical = element(tag.boolean, Uint8Array.of(0xff));
  return sequence(objectIdentifier(identifier), critical, element(tag.octetString, value));
}

function positiveInteger(bytes: Uint8Array | readonly number[]): Buffer {
  const significant = Buffer.from(bytes);
  const first = significant.findIndex((byte) => byte !== 0);
  const magnitude = significant.subarray(first);
  const needsSignByte = (magnitude[0] ?? 0) >= 0x80;
  return element(tag.integer, needsSignByte ? Buffer.concat([Uint8Array.of(0), magnitude]) : magnitude);
}

function objectIdentifier(content: readonly number[]): Buffer {
  return element(tag.objectIdentifier, Uint8Array.from(content));
}

function bitString(unusedBits: number, bytes: Uint8Array): Buffer {
  return element(tag.bitString, Uint8Array.of(unusedBits), bytes);
}

function text(tagNumber: number, value: string): Buffer {
  return element(tagNumber, Buffer.from(value, 'ascii'));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(tag.sequence, ...parts);
}

function element(tagNumber: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Uint8Array.of(tagNumber, ...lengthOctets(content.length)), content]);
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  if (length <= 0xff) return [0x81, length];
  return [0x82, length >> 8, length & 0xff];
}
