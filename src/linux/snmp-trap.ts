/**
 * SNMP traps by UDP: the keys of version 3, and sending.
 *
 * Contract: a trap is not answered, so sent is all that is known; a port that nobody listens on is an error where the far
 * machine says so (ICMP) within a moment. Keys are made once, from passwords that are kept nowhere else.
 * Throws: BS_ALARM_UNDELIVERED. Source: RFC 3414 appendix A.2 (keys), RFC 7860 section 9.3, RFC 3826 section 3.1.
 */
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { UsmAuthentication, UsmPrivacy } from '../alarm/snmp/snmp-message.ts';
import type { Endpoint } from '../config/index.ts';
import { BackstayError } from '../errors.ts';

/** The hash, and how much of its code is sent. */
const codeBytes = { sha1: 12, sha256: 24, sha512: 48 } as const;
export type UsmHash = keyof typeof codeBytes;

/** The key of a user for one engine. */
export function localisedKey(hash: UsmHash, password: string, engineId: Uint8Array): Uint8Array {
  const repeated = createHash(hash);
  const chunk = Buffer.from(password.repeat(Math.ceil(keyStretchChunkBytes / password.length)), 'utf8');
  for (let left = keyStretchBytes; left > 0; left -= chunk.length)
    repeated.update(left >= chunk.length ? chunk : chunk.subarray(0, left));
  const key = repeated.digest();
  return createHash(hash).update(key).update(engineId).update(key).digest();
}

/** RFC 3414 A.2: the password again and again until there are 1,048,576 bytes. */
const keyStretchBytes = 1_048_576;
const keyStretchChunkBytes = 4_096;

export function usmAuthentication(hash: UsmHash, key: Uint8Array): UsmAuthentication {
  return {
    codeBytes: codeBytes[hash],
    sign: (message) => createHmac(hash, key).update(message).digest(),
  };
}

/** A salt of its own for each message: random at first, then counted. @param key at least 16 bytes */
export function usmPrivacy(key: Uint8Array): () => UsmPrivacy {
  let counter = randomBytes(8).readBigUInt64BE();
  return () => {
    counter = BigInt.asUintN(64, counter + 1n);
    const salt = Buffer.alloc(8);
    salt.writeBigUInt64BE(counter);
    return {
      salt,
      encrypt: (plain, iv) => {
        const cipher = createCipheriv('aes-128-cfb', key.subarray(0, 16), iv);
        return Buffer.concat([cipher.update(plain), cipher.final()]);
      },
    };
  };
}

/** An ICMP error of a machine on the same continent is here by then. */
const REFUSAL_MILLIS = 200;

export function sendTrap({ address, port }: Endpoint, message: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = createSocket(address.family === 4 ? 'udp4' : 'udp6');
  const fail = (error: NodeJS.ErrnoException) => reject(undelivered(error));
  // Only a connected socket is told that nobody listens.
  socket.once('error', fail);
  socket.connect(port, address.text, () => {
    socket.send(message, (error) => (error ? fail(error) : setTimeout(resolve, REFUSAL_MILLIS)));
  });
  return promise.finally(() => {
    socket.removeAllListeners('error').on('error', () => {});
    socket.close();
  });
}

function undelivered(cause: NodeJS.ErrnoException): BackstayError {
  const why = cause.code === 'ECONNREFUSED' ? 'nobody listens there' : (cause.code ?? cause.message);
  return new BackstayError('BS_ALARM_UNDELIVERED', `the trap could not be sent: ${why}`, { cause });
}
