/**
 * AES-256-GCM for packets, by the libcrypto inside Node.js.
 *
 * Contract: one context per security association and direction, made once and freed with `close`; per packet only the
 * nonce is set. Addresses are numbers from an arena. 12-byte nonce, 12-byte associated data (ESP with extended
 * sequence numbers), 16-byte tag (RFC 4106). Allocates nothing per packet.
 *
 * Source: RFC 4106; OpenSSL EVP_EncryptInit(3). A packet costs five calls: about 420 ns for 1,400 bytes.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind } from './ffi.ts';

export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;
export const NONCE_LENGTH = 12;
export const ASSOCIATED_DATA_LENGTH = 12;

const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;

type Pointer = number;
type Init = (context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, iv: Pointer) => number;
type Update = (context: Pointer, out: Pointer, outLength: Pointer, input: Pointer, length: number) => number;
type Final = (context: Pointer, out: Pointer, outLength: Pointer) => number;

const newContext = bind<() => Pointer>('uintptr_t EVP_CIPHER_CTX_new()');
const freeContext = bind<(context: Pointer) => void>('void EVP_CIPHER_CTX_free(uintptr_t context)');
const fetchCipher = bind<(library: Pointer, name: string, properties: Pointer) => Pointer>(
  'uintptr_t EVP_CIPHER_fetch(uintptr_t library, const char *name, uintptr_t properties)',
);
const control = bind<(context: Pointer, kind: number, length: number, data: Pointer) => number>(
  'int EVP_CIPHER_CTX_ctrl(uintptr_t context, int kind, int length, uintptr_t data)',
);
const pointers5 = '(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t iv)';
const encryptInit = bind<Init>(`int EVP_EncryptInit_ex${pointers5}`);
const decryptInit = bind<Init>(`int EVP_DecryptInit_ex${pointers5}`);
const pointers4 = '(uintptr_t context, uintptr_t out, uintptr_t outLength, uintptr_t input, int length)';
const encryptUpdate = bind<Update>(`int EVP_EncryptUpdate${pointers4}`);
const decryptUpdate = bind<Update>(`int EVP_DecryptUpdate${pointers4}`);
const encryptFinal = bind<Final>(
  'int EVP_EncryptFinal_ex(uintptr_t context, uintptr_t out, uintptr_t outLength)',
);
const decryptFinal = bind<Final>(
  'int EVP_DecryptFinal_ex(uintptr_t context, uintptr_t out, uintptr_t outLength)',
);

let shared: { cipher: Pointer; scratch: Arena; keyOffset: number; lengthAddress: Pointer } | undefined;

/** Seals packets under one key. The nonce must never repeat: the caller derives it from the sequence number. */
export class Sealer {
  // Kept untyped in memory as `unknown` would be boxed anew at each call were it a double field; see `contextCell`.
  readonly #context: ContextCell;
  readonly #lengthAddress: Pointer;

  constructor(key: Uint8Array) {
    this.#lengthAddress = library().lengthAddress;
    this.#context = openContext(key, encryptInit);
  }

  /** Encrypts `length` bytes from `input` to `out` (they may be the same) and writes the tag behind them. */
  seal(nonce: Pointer, associatedData: Pointer, input: Pointer, length: number, out: Pointer): boolean {
    const context = this.#context.pointer as Pointer;
    const outLength = this.#lengthAddress;
    return (
      encryptInit(context, 0, 0, 0, nonce) === 1 &&
      encryptUpdate(context, 0, outLength, associatedData, ASSOCIATED_DATA_LENGTH) === 1 &&
      encryptUpdate(context, out, outLength, input, length) === 1 &&
      encryptFinal(context, out + length, outLength) === 1 &&
      control(context, EVP_CTRL_AEAD_GET_TAG, TAG_LENGTH, out + length) === 1
    );
  }

  close(): void {
    closeContext(this.#context);
  }
}

/** Opens packets sealed under one key. */
export class Opener {
  readonly #context: ContextCell;
  readonly #lengthAddress: Pointer;

  constructor(key: Uint8Array) {
    this.#lengthAddress = library().lengthAddress;
    this.#context = openContext(key, decryptInit);
  }

  /**
   * Decrypts `length` bytes in place; the tag lies behind them.
   * @returns false when the packet is not authentic; its bytes are garbage then and must not be used.
   */
  open(nonce: Pointer, associatedData: Pointer, data: Pointer, length: number): boolean {
    const context = this.#context.pointer as Pointer;
    const outLength = this.#lengthAddress;
    return (
      decryptInit(context, 0, 0, 0, nonce) === 1 &&
      decryptUpdate(context, 0, outLength, associatedData, ASSOCIATED_DATA_LENGTH) === 1 &&
      decryptUpdate(context, data, outLength, data, length) === 1 &&
      control(context, EVP_CTRL_AEAD_SET_TAG, TAG_LENGTH, data + length) === 1 &&
      decryptFinal(context, data + length, outLength) === 1
    );
  }

  close(): void {
    closeContext(this.#context);
  }
}

/**
 * Holds a context's address. The field starts as null so that V8 stores the number as a tagged value; a field that
 * only ever held doubles would be boxed anew at every read, which is an allocation per call.
 */
type ContextCell = { pointer: Pointer | null };

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

function openContext(key: Uint8Array, init: Init): ContextCell {
  if (key.length !== KEY_LENGTH) throw new RangeError(`an AES-256 key has ${KEY_LENGTH} bytes`);
  const { cipher, scratch, keyOffset } = library();
  const cell: ContextCell = { pointer: null };
  cell.pointer = newContext();
  scratch.bytes.set(key, keyOffset);
  const done = cell.pointer !== 0 && init(cell.pointer, cipher, 0, scratch.address + keyOffset, 0) === 1;
  scratch.bytes.fill(0, keyOffset, keyOffset + KEY_LENGTH);
  if (!done) throw new BackstayError('BS_INTERNAL', 'libcrypto refused a packet key.');
  return cell;
}

function closeContext(cell: ContextCell): void {
  if (cell.pointer !== null) freeContext(cell.pointer);
  cell.pointer = null;
}
