/**
 * A gateway's identity: one PEM file with a private key and its self-signed certificate.
 *
 * Contract: `createIdentity` never overwrites a file and never lets another user read it, not even for a moment.
 * `readIdentity` refuses a file that others can reach, so that a key that may have leaked is noticed.
 * Throws: BS_IDENTITY_EXISTS, BS_IDENTITY_UNWRITABLE; BS_IDENTITY_MISSING, BS_IDENTITY_UNREADABLE,
 * BS_IDENTITY_EXPOSED, BS_IDENTITY_INVALID. The messages never contain anything of the file's contents.
 */
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { BackstayError, type ErrorCode } from '../errors.ts';
import { type Fingerprint, fingerprintOf } from './fingerprint.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

/** `certificatePem` and `privateKeyPem` are what a TLS endpoint is given. */
export type Identity = {
  readonly fingerprint: Fingerprint;
  readonly privateKeyPem: string;
  readonly certificatePem: string;
};

/** A real file is under 1 KiB; the bound keeps a wrong path (a device, a log) from being read whole. */
const maxFileBytes = 64 * 1024;

/** 128 random bits: unique serials without a register (RFC 5280 4.1.2.2 allows 20 bytes). */
const serialBytes = 16;

export function createIdentity(path: string): Identity {
  const identity = generateIdentity();
  const file = openNewFile(path);
  try {
    writeSync(file, identity.privateKeyPem + identity.certificatePem);
    fsyncSync(file);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(path, { force: true });
    throw failure('BS_IDENTITY_UNWRITABLE', path, 'The new identity cannot be written.', cause);
  } finally {
    closeSync(file);
  }
  return identity;
}

export function generateIdentity(): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const certificate = new X509Certificate(selfSignedCertificate(privateKey, randomBytes(serialBytes)));
  return {
    fingerprint: fingerprintOf(publicKey),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: certificate.toString(),
  };
}

export function readIdentity(path: string): Identity {
  const pem = readPrivateFile(path);
  const privateKeyPem = pemBlock(pem, 'PRIVATE KEY');
  const certificatePem = pemBlock(pem, 'CERTIFICATE');
  if (privateKeyPem === undefined || certificatePem === undefined) {
    throw failure('BS_IDENTITY_INVALID', path, 'It needs one private key and one certificate in PEM form.');
  }
  const { privateKey, certificate } = parsePair(path, privateKeyPem, certificatePem);
  if (!certificate.verify(certificate.publicKey)) {
    throw failure('BS_IDENTITY_INVALID', path, 'The certificate is damaged.');
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw failure('BS_IDENTITY_INVALID', path, 'The certificate belongs to another key.');
  }
  return { fingerprint: fingerprintOf(certificate.publicKey), privateKeyPem, certificatePem };
}

function openNewFile(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') {
      throw failure('BS_IDENTITY_EXISTS', path, 'There is a file already; it was left as it is.', cause);
    }
    throw failure('BS_IDENTITY_UNWRITABLE', path, 'The file cannot be created.', cause);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function readPrivateFile(path: string): string {
  // A FIFO in place of the file must not stop the daemon: hence O_NONBLOCK.
  const file = openExisting(path);
  try {
    const status = fstatSync(file);
    if (!status.isFile()) throw failure('BS_IDENTITY_INVALID', path, 'It is not a regular file.');
    if ((status.mode & 0o077) !== 0) {
      const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
      throw failure('BS_IDENTITY_EXPOSED', path, `Its mode is ${mode}.`);
    }
    if (status.size > maxFileBytes) throw failure('BS_IDENTITY_INVALID', path, 'It is too large.');
    return readFileSync(file, 'latin1');
  } finally {
    closeSync(file);
  }
}

function openExisting(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw failure('BS_IDENTITY_MISSING', path, 'There is no such file.', cause);
    }
    throw failure('BS_IDENTITY_UNREADABLE', path, `It cannot be opened (${code}).`, cause);
  }
}

/** The only block with this label, or undefined when there are none or several. */
function pemBlock(pem: string, label: string): string | undefined {
  const blocks = pem.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? [];
  return blocks.length === 1 ? `${blocks[0]}\n` : undefined;
}

function parsePair(path: string, privateKeyPem: string, certificatePem: string) {
  try {
    const privateKey: KeyObject = createPrivateKey(privateKeyPem);
    return { privateKey, certificate: new X509Certificate(certificatePem) };
  } catch (cause) {
    throw failure('BS_IDENTITY_INVALID', path, 'The key or the certificate is damaged.', cause);
  }
}

function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

function failure(code: ErrorCode, path: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError(code, message, { place: path, cause });
}
