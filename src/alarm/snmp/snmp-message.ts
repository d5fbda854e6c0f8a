/**
 * A PDU as a whole SNMP message: version 2c with a community, version 3 with the User-based Security Model.
 *
 * Contract: pure; the cryptography comes in as functions. The sender of a trap is the authoritative engine: its identifier,
 * boots and time are in the message, and the receiver's user must belong to this engine. Source: RFC 3412 section 6, RFC 3414
 * sections 2.4, 3.1 and 6.3, RFC 3826 section 3.1.2 (AES), RFC 7860 section 4.2 (SHA-2); RFC 1901 (2c).
 */

import { berInteger, berOctets, berSequence, joinBytes } from './ber.ts';

const VERSION_2C = 1;
const VERSION_3 = 3;
const USM = 3;
/** The largest payload of UDP over IPv4: what this end could take if anything were sent to it. */
const MAX_MESSAGE_BYTES = 65_507;
const AUTHENTICATED = 1;
const ENCRYPTED = 2;

export function communityMessage(community: string, pdu: Uint8Array): Uint8Array {
  return berSequence(berInteger(VERSION_2C), berOctets(community), pdu);
}

export type UsmSender = {
  readonly user: string;
  /** 5 to 32 bytes. */
  readonly engineId: Uint8Array;
  /** Rises with every start of the engine. */
  readonly boots: number;
  /** Seconds since that start. */
  readonly timeSeconds: number;
  /** undefined: neither authenticated nor encrypted. */
  readonly authentication: UsmAuthentication | undefined;
  readonly privacy: UsmPrivacy | undefined;
};

export type UsmAuthentication = {
  /** Of the truncated code: 12 for SHA-1, 24 for SHA-256, 48 for SHA-512. */
  readonly codeBytes: number;
  /** @returns at least `codeBytes` bytes */
  readonly sign: (message: Uint8Array) => Uint8Array;
};

export type UsmPrivacy = {
  /** 8 bytes, never the same twice with the same boots and time. */
  readonly salt: Uint8Array;
  /** AES-128 in CFB mode with the localised key. @param iv 16 bytes */
  readonly encrypt: (plain: Uint8Array, iv: Uint8Array) => Uint8Array;
};

/** @param messageId 31 bits */
export function usmMessage(sender: UsmSender, messageId: number, pdu: Uint8Array): Uint8Array {
  const { authentication } = sender;
  const unsigned = messageWith(sender, messageId, pdu, new Uint8Array(authentication?.codeBytes ?? 0));
  if (authentication === undefined) return unsigned;
  const code = authentication.sign(unsigned).subarray(0, authentication.codeBytes);
  return messageWith(sender, messageId, pdu, code);
}

/** Codes of equal length give messages of equal length: the code is signed as zeros in its own place. */
function messageWith(sender: UsmSender, messageId: number, pdu: Uint8Array, code: Uint8Array): Uint8Array {
  const { authentication, privacy, engineId, boots, timeSeconds, user } = sender;
  const flags = (authentication ? AUTHENTICATED : 0) | (privacy ? ENCRYPTED : 0);
  const header = berSequence(
    berInteger(messageId),
    berInteger(MAX_MESSAGE_BYTES),
    berOctets(Uint8Array.of(flags)),
    berInteger(USM),
  );
  const security = berSequence(
    berOctets(engineId),
    berInteger(boots),
    berInteger(timeSeconds),
    berOctets(user),
    berOctets(code),
    berOctets(privacy?.salt ?? new Uint8Array()),
  );
  const scoped = berSequence(berOctets(engineId), berOctets(''), pdu);
  const data = privacy === undefined ? scoped : berOctets(privacy.encrypt(scoped, ivOf(sender, privacy)));
  return berSequence(berInteger(VERSION_3), header, berOctets(security), data);
}

function ivOf({ boots, timeSeconds }: UsmSender, { salt }: UsmPrivacy): Uint8Array {
  const counters = new Uint8Array(8);
  const view = new DataView(counters.buffer);
  view.setUint32(0, boots);
  view.setUint32(4, timeSeconds);
  return joinBytes([counters, salt]);
}
