/**
 * AES-256-GCM for packets, by the libcrypto inside Node.js.
 *
 * Contract: one context per security association and direction, made once and freed with `close`; per packet only the
 * nonce is set. Addresses are numbers from an arena. 12-byte nonce, 12-byte associated data (ESP with extended
 * sequence numbers), 16-byte tag (RFC 4106). Allocates nothing per packet.
 *
 * Source: RFC 4106; OpenSSL EVP_EncryptInit(3). A packet takes five calls, made in one crossing (`call-list.ts`).
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import type { CallList } from './call-list.ts';
import { bind, symbolAddress } from './ffi.ts';

export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
export const NONCE_LENGTH = 12;
export const ASSOCIATED_DATA_LENGTH = 12;
/** Calls in the list of a sealer or opener. */
export const AEAD_CALLS = 5;

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;

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
const SUCCESS = 1;
/** The numbers of the arguments that change from packet to packet; see the manual pages of the functions. */
const INIT_IV = 4;
const UPDATE_OUT = 1;
const UPDATE_INPUT = 3;
const UPDATE_LENGTH = 4;
const FINAL_OUT = 1;
const CONTROL_DATA = 3;

let shared: { cipher: Pointer; scratch: Arena; keyOffset: number; lengthAddress: Pointer } | undefined;

/** Seals packets under one key. The nonce must never repeat: the caller derives it from the sequence number. */
export class Sealer {
  readonly #calls: CallList;
  readonly #context: Context;
  readonly #init: number;
  readonly #associate: number;
  readonly #update: number;
  readonly #final: number;
  readonly #tag: number;

  /** @param calls an empty list for `AEAD_CALLS` calls, this sealer's own */
  constructor(key: Uint8Array, calls: CallList) {
    const { lengthAddress } = library();
    const context = new Context(key, encryptInit);
    const { pointer } = context;
    const update = symbolAddress('EVP_EncryptUpdate');
    this.#context = context;
    this.#calls = calls;
    this.#init = calls.add(symbolAddress('EVP_EncryptInit_ex'), SUCCESS, pointer);
    this.#associate = calls.add(update, SUCCESS, pointer, 0, lengthAddress, 0, ASSOCIATED_DATA_LENGTH);
    this.#update = calls.add(update, SUCCESS, pointer, 0, lengthAddress);
    this.#final = calls.add(symbolAddress('EVP_EncryptFinal_ex'), SUCCESS, pointer, 0, lengthAddress);
    const control = symbolAddress('EVP_CIPHER_CTX_ctrl');
    this.#tag = calls.add(control, SUCCESS, pointer, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH);
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
    return calls.run();
  }

  close(): void {
    this.#context.close();
  }
}

/** Opens packets sealed under one key. */
export class Opener {
  readonly #calls: CallList;
  readonly #context: Context;
  readonly #init: number;
  readonly #associate: number;
  readonly #update: number;
  readonly #tag: number;
  readonly #final: number;

  /** @param calls an empty list for `AEAD_CALLS` calls, this opener's own */
  constructor(key: Uint8Array, calls: CallList) {
    const { lengthAddress } = library();
    const context = new Context(key, decryptInit);
    const { pointer } = context;
    const update = symbolAddress('EVP_DecryptUpdate');
    this.#context = context;
    this.#calls = calls;
    this.#init = calls.add(symbolAddress('EVP_DecryptInit_ex'), SUCCESS, pointer);
    this.#associate = calls.add(update, SUCCESS, pointer, 0, lengthAddress, 0, ASSOCIATED_DATA_LENGTH);
    this.#update = calls.add(update, SUCCESS, pointer, 0, lengthAddress);
    const control = symbolAddress('EVP_CIPHER_CTX_ctrl');
    this.#tag = calls.add(control, SUCCESS, pointer, EVP_CTRL_AEAD_SET_TAG, TAG_LENGTH);
    this.#final = calls.add(symbolAddress('EVP_DecryptFinal_ex'), SUCCESS, pointer, 0, lengthAddress);
  }

  /**
   * Decrypts `length` bytes in place; the tag lies behind them.
   * @returns false when the packet is not authentic; its bytes are garbage then and must not be used.
   */
  open(nonce: Pointer, associatedData: Pointer, data: Pointer, length: number): boolean {
    const calls = this.#calls;
    calls.set(this.#init, INIT_IV, nonce);
    calls.set(this.#associate, UPDATE_INPUT, associatedData);
    calls.set(this.#update, UPDATE_OUT, data);
    calls.set(this.#update, UPDATE_INPUT, data);
    calls.set(this.#update, UPDATE_LENGTH, length);
    calls.set(this.#tag, CONTROL_DATA, data + length);
    calls.set(this.#final, FINAL_OUT, data + length);
    return calls.run();
  }

  close(): void {
    this.#context.close();
  }
}

function library(): NonNullable<typeof shared> {
  if (shared === undefined) {
    const scratch = new Arena(4096);
    const keyOffset = scratch.reserve(KEY_LENGTH);
    const lengthAddress = scratch.address + scratch.reserve(8);
    const cipher = fetchCipher(0, 'AES-256-GCM', 0);
    if (cipher === 0) throw new BackstayError('BS_INTERNAL', 'libcrypto has no AES-256-GCM.');
    shared = { cipher, scratch, keyOffset, lengthAddress };
  }
  return shared;
}

/** libcrypto's cipher context with its key. */
class Context {
  /** 0 once closed. */
  pointer: Pointer;

  constructor(key: Uint8Array, init: Init) {
    if (key.length !== KEY_LENGTH) throw new RangeError(`an AES-256 key has ${KEY_LENGTH} bytes`);
    const { cipher, scratch, keyOffset } = library();
    this.pointer = newContext();
    scratch.bytes.set(key, keyOffset);
    const done =
      this.pointer !== 0 && init(this.pointer, cipher, 0, scratch.address + keyOffset, 0) === SUCCESS;
    scratch.bytes.fill(0, keyOffset, keyOffset + KEY_LENGTH);
    if (!done) throw new BackstayError('BS_INTERNAL', 'libcrypto refused a packet key.');
  }

  close(): void {
    if (this.pointer !== 0) freeContext(this.pointer);
    this.pointer = 0;
  }
}
