import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fingerprintOf } from './fingerprint.ts';
import { createIdentity, generateIdentity, readIdentity } from './identity.ts';

describe('identity', () => {
  let directory: string;
  let path: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'backstay-identity-'));
    path = join(directory, 'identity.pem');
  });
  after(() => rmSync(directory, { recursive: true }));

  function write(name: string, contents: string, mode = 0o600): string {
    const file = join(directory, name);
    writeFileSync(file, contents, { mode });
    chmodSync(file, mode);
    return file;
  }

  it('is written for its owner only and read back the same', () => {
    const created = createIdentity(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readIdentity(path), created);
    assert.match(created.fingerprint, /^SHA256:[A-Za-z0-9_-]{43}$/);
  });

  it('never overwrites a file', () => {
    const before = readFileSync(path);
    assert.throws(() => createIdentity(path), { code: 'BS_IDENTITY_EXISTS', place: path });
    assert.deepEqual(readFileSync(path), before);
  });

  it('names a place that cannot be written', () => {
    const missing = join(directory, 'absent', 'identity.pem');
    assert.throws(() => createIdentity(missing), { code: 'BS_IDENTITY_UNWRITABLE', place: missing });
  });

  it('tells a missing file from one that cannot be opened', () => {
    assert.throws(() => readIdentity(join(directory, 'absent')), { code: 'BS_IDENTITY_MISSING' });
    assert.throws(() => readIdentity('\0'), { code: 'BS_IDENTITY_UNREADABLE' });
  });

  it('refuses a key that others can reach', () => {
    for (const mode of [0o640, 0o604, 0o620, 0o601]) {
      const file = write(`mode-${mode.toString(8)}`, readFileSync(path, 'latin1'), mode);
      assert.throws(() => readIdentity(file), { code: 'BS_IDENTITY_EXPOSED', place: file });
    }
  });

  it('refuses what is not one key with its own certificate', () => {
    const whole = readFileSync(path, 'latin1');
    const other = generateIdentity();
    const mine = readIdentity(path);
    const damaged: Record<string, string> = {
      empty: '',
      'cut short': whole.slice(0, whole.length - 40),
      'key only': mine.privateKeyPem,
      'certificate only': mine.certificatePem,
      'certificate of another key': mine.privateKeyPem + other.certificatePem,
      'two keys': whole + other.privateKeyPem,
      'altered certificate': mine.privateKeyPem + alterBase64(mine.certificatePem),
      'altered key': mine.privateKeyPem.replace(/\n.{8}/, '\nAAAAAAAA') + mine.certificatePem,
      'too large': whole + ' '.repeat(100_000),
      binary: '\0\x01\xff'.repeat(1000),
    };
    for (const [name, contents] of Object.entries(damaged)) {
      assert.throws(() => readIdentity(write(name, contents)), { code: 'BS_IDENTITY_INVALID' }, name);
    }
    assert.throws(() => readIdentity('/dev/null'), { code: 'BS_IDENTITY_INVALID' });
  });

  it('keeps its fingerprint when the certificate is made anew', () => {
    const { certificatePem, fingerprint } = generateIdentity();
    assert.equal(fingerprintOf(new X509Certificate(certificatePem).publicKey), fingerprint);
    assert.notEqual(generateIdentity().fingerprint, fingerprint);
  });
});

function alterBase64(pem: string): string {
  const position = pem.length - 60;
  const replacement = pem[position] === 'A' ? 'B' : 'A';
  return pem.slice(0, position) + replacement + pem.slice(position + 1);
}
