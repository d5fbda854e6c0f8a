/**
 * AES-256-GCM for packets, by the libcrypto inside Node.js.
 *
 * Contract: one key per security association and direction, made once and freed with `close`; per packet only the
 * nonce is set. Addresses are numbers from an arena. 12-byte nonce, 12-byte associated data (ESP with extended
 * sequence numbers), 16-byte tag (RFC 4106). Allocates nothing per packet. A packet takes five calls, made in one crossing
 * (`call-list.ts`): here for a lone packet, in `aead-row.ts` for several.
 *
 * Source: RFC 4106; OpenSSL EVP_EncryptInit(3).
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import type { CallList } from './call-list.ts';
import { bind, symbolAddress } from './ffi.ts';

export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
export const NONCE_LENGTH = 12;
export const ASSOCIATED_DATA_LENGTH = 12;
/** Nonce and associated data, one behind the other. */
export const AEAD_BLOCK_LENGTH = NONCE_LENGTH + ASSOCIATED_DATA_LENGTH;
/** Calls in the list of a sealer. */
export const AEAD_CALLS = 5;

export const EVP_CTRL_AEAD_GET_TAG = 0x10;
export const EVP_CTRL_AEAD_SET_TAG = 0x11;

type Pointer = number;
type Init = (context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, iv: Pointer) => number;

const newContext = bind<() => Pointer>('uintptr_t EVP_CIPHER_CTX_new()');
const freeContext = bind<(context: Pointer) => void>('void EVP_CIPHER_CTX_free(uintptr_t context)');
const fetchCipher = bind<(library: Pointer, name: string, properties: Pointer) => Pointer>(
  'uintptr_t EVP_CIPHER_fetch(uintptr_t library, const char *name, uintptr_t properties)',
);
const pointers5 = '(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)';
const encryptInit = bind<Init>(`int EVP_EncryptInit_ex${pointers5}`);
const decryptInit = bind<Init>(`int EVP_DecryptInit_ex${pointers5}`);

/** What libcrypto's functions return when they succeed. */
export const SUCCESS = 1;
/** The numbers of the arguments that change from packet to packet; see the manual pages of the functions. */
const INIT_IV = 4;
const UPDATE_OUT = 1;
const UPDATE_INPUT = 3;
const UPDATE_LENGTH = 4;
const FINAL_OUT = 1;
const CONTROL_DATA = 3;

/** The functions' addresses, for call lists, and an int that nobody reads. */
export type AeadFunctions = {
  readonly encryptInit: Pointer;
  readonly encryptUpdate: Pointer;
  readonly encryptFinal: Pointer;
  readonly decryptInit: Pointer;
  readonly decryptUpdate: Pointer;
  readonly decryptFinal: Pointer;
  readonly control: Pointer;
  readonly lengthAddress: Pointer;
};

type Library = { cipher: Pointer; scratch: Arena; keyOffset: number; functions: AeadFunctions };
let shared: Library | undefined;

/** A key inside libcrypto. */
export class PacketKey {
  /** libcrypto's cipher context; 0 once closed. */
  context: Pointer;
  /** No other key of this thread has it; from 1. */
  readonly serial: number;
  /** Offset of a nonce and associated data that have what is the same for all packets of this key. */
  readonly block: number;

  constructor(key: Uint8Array, use: 'seal' | 'open', block: number) {
    if (key.length !== KEY_LENGTH) throw new RangeError(`an AES-256 key has ${KEY_LENGTH} bytes`);
    const { cipher, scratch, keyOffset } = library();
    const init = use === 'seal' ? encryptInit : decryptInit;
    this.block = block;
    this.serial = nextSerial++;
    this.context = newContext();
    scratch.bytes.set(key, keyOffset);
    const done =
      this.context !== 0 && init(this.context, cipher, 0, scratch.address + keyOffset, 0) === SUCCESS;
    scratch.bytes.fill(0, keyOffset, keyOffset + KEY_LENGTH);
    if (!done) throw new BackstayError('BS_INTERNAL', 'libcrypto refused a packet key.');
  }

  close(): void {
    if (this.context !== 0) freeContext(this.context);
    this.context = 0;
  }
}

let nextSerial = 1;

/** Seals lone packets under one key. The nonce must never repeat: the caller derives it from the sequence number. */
export class Sealer {
  readonly #calls: CallList;
  readonly #init: number;
  readonly #associate: number;
  readonly #update: number;
  readonly #final: number;
  readonly #tag: number;

  /** @param calls an empty list for `AEAD_CALLS` calls, this sealer's own */
  constructor({ context }: PacketKey, calls: CallList) {
    const { encryptInit, encryptUpdate, encryptFinal, control, lengthAddress } = aeadFunctions();
    this.#calls = calls;
    this.#init = calls.add(encryptInit, SUCCESS, context);
    this.#associate = calls.add(encryptUpdate, SUCCESS, context, 0, lengthAddress, 0, ASSOCIATED_DATA_LENGTH);
    this.#update = calls.add(encryptUpdate, SUCCESS, context, 0, lengthAddress);
    this.#final = calls.add(encryptFinal, SUCCESS, context, 0, lengthAddress);
    this.#tag = calls.add(control, SUCCESS, context, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH);
  }

  /** Encrypts `length` bytes from `input` to `out` (they may be the same) and writes the tag behind them. */
  seal(nonce: Pointer, associatedData: Pointer, input: Pointer, length: number, out: Pointer): boolean {
    const calls = this.#calls;
    calls.set(this.#init, INIT_IV, nonce);
    calls.set(this.#associate, UPDATE_INPUT, associatedData);
    calls.set(this.#update, UPDATE_OUT, out);
    calls.set(this.#update, UPDATE_INPUT, input);
    calls.set(this.#update, UPDATE_LENGTH, length);
    calls.set(this.#final, FINAL_OUT, out + length);
    calls.set(this.#tag, CONTROL_DATA, out + length);
    return calls.runAll();
  }
}

export function aeadFunctions(): AeadFunctions {
  return library().functions;
}

function library(): Library {
  if (shared !== undefined) return shared;
  const scratch = new Arena(4096);
  const keyOffset = scratch.reserve(KEY_LENGTH);
  const cipher = fetchCipher(0, 'AES-256-GCM', 0);
  if (cipher === 0) throw new BackstayError('BS_INTERNAL', 'libcrypto has no AES-256-GCM.');
  const functions = {
    encryptInit: symbolAddress('EVP_EncryptInit_ex'),
    encryptUpdate: symbolAddress('EVP_EncryptUpdate'),
    encryptFinal: symbolAddress('EVP_EncryptFinal_ex'),
    decryptInit: symbolAddress('EVP_DecryptInit_ex'),
    decryptUpdate: symbolAddress('EVP_DecryptUpdate'),
    decryptFinal: symbolAddress('EVP_DecryptFinal_ex'),
    control: symbolAddress('EVP_CIPHER_CTX_ctrl'),
    lengthAddress: scratch.address + scratch.reserve(8),
  };
  shared = { cipher, scratch, keyOffset, functions };
  return shared;
}
