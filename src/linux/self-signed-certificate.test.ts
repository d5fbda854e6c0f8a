import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { selfSignedCertificate } from './self-signed-certificate.ts';

const { privateKey } = generateKeyPairSync('ed25519');

describe('self-signed certificate', () => {
  it('is an X.509 certificate of the key, signed with it', () => {
    const certificate = new X509Certificate(selfSignedCertificate(privateKey, randomBytes(16)));
    assert.equal(certificate.subject, 'CN=backstay');
    assert.equal(certificate.issuer, 'CN=backstay');
    assert.equal(certificate.ca, false);
    assert.equal(certificate.verify(createPublicKey(privateKey)), true);
    assert.equal(certificate.checkPrivateKey(privateKey), true);
    assert.equal(certificate.validFromDate.getTime(), 0);
    assert.equal(certificate.validToDate.getUTCFullYear(), 9999);
  });

  it('writes every serial as a positive number in its shortest form', () => {
    const serials: [number[], string][] = [
      [[0x01], '01'],
      [[0x80], '80'],
      [[0x00, 0x00, 0x7f], '7F'],
      [[0x00, 0xff, 0x00], 'FF00'],
      [Array(20).fill(0x7f), '7F'.repeat(20)],
    ];
    for (const [bytes, text] of serials) {
      const certificate = new X509Certificate(selfSignedCertificate(privateKey, Uint8Array.from(bytes)));
      assert.equal(certificate.serialNumber, text);
    }
  });

  it('no longer verifies when its body is altered', () => {
    const der = selfSignedCertificate(privateKey, Uint8Array.of(0x55));
    const serialAt = der.indexOf(Uint8Array.of(0x02, 0x01, 0x55)) + 2;
    der[serialAt] = 0x56;
    assert.equal(new X509Certificate(der).verify(createPublicKey(privateKey)), false);
  });

  it('is read by openssl', { skip: spawnSync('openssl', ['version']).status !== 0 }, () => {
    const der = selfSignedCertificate(privateKey, Uint8Array.of(0xab, 0xcd));
    const printed = spawnSync('openssl', ['x509', '-inform', 'DER', '-noout', '-text'], { input: der });
    assert.equal(printed.status, 0, printed.stderr.toString());
    for (const expected of [
      'Version: 3 (0x2)',
      'Signature Algorithm: ED25519',
      'Not After : Dec 31 23:59:59 9999 GMT',
      'CA:FALSE',
      'Digital Signature',
    ]) {
      assert.ok(printed.stdout.includes(expected), expected);
    }
  });
});
