/**
 * Memory that the kernel and libcrypto read and write, allocated once.
 *
 * Contract: an arena is mapped below 2 GiB, so every address in it is a small integer to V8, can be passed through FFI
 * without allocating, and has 32 bits. Nothing is ever freed: an arena lives as long as its thread; one that is not needed
 * any more can be emptied. Views on it
 * (`bytes`, `data`) share the memory; an address is `arena.address + offset`.
 */
import { BackstayError } from '../errors.ts';
import { bind, errno, errnoName, viewMemory } from './ffi.ts';

const mmap = bind<
  (hint: number, length: number, protection: number, flags: number, fd: number, offset: number) => number
>('uintptr_t mmap(uintptr_t hint, size_t length, int protection, int flags, int fd, int64_t offset)');

const madvise = bind<(address: number, length: number, advice: number) => number>(
  'int madvise(uintptr_t address, size_t length, int advice)',
);

const PROT_READ_WRITE = 3;
const MADV_DONTNEED = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FIXED_NOREPLACE = 0x100000;

/** Where to look for room: far above the program's image when it is not position-independent, below 2 GiB. */
const LOWEST_HINT = 0x5000_0000;
const HIGHEST_HINT = 0x7ff0_0000;
/** How far to go on when something lies there. */
const HINT_STEP = 0x1_0000;
let nextHint = LOWEST_HINT;

const PAGE = 4096;
/** What is larger than this comes in pages of this size, where the machine lets us: far fewer translations to keep. */
const HUGE_PAGE = 2 * 1024 * 1024;
const MADV_HUGEPAGE = 14;

export class Arena {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly data: DataView;
  #used = 0;

  /** @param length bytes, rounded up to whole pages */
  constructor(length: number) {
    const size = Math.ceil(length / PAGE) * PAGE;
    this.address = mapLow(size);
    const memory = viewMemory(this.address, size);
    this.bytes = new Uint8Array(memory);
    this.data = new DataView(memory);
  }

  /** Reserves zeroed bytes. @returns their offset in the arena */
  reserve(length: number, alignment = 8): number {
    const offset = Math.ceil(this.#used / alignment) * alignment;
    if (offset + length > this.bytes.length) throw new RangeError('arena is too small for what is reserved');
    this.#used = offset + length;
    return offset;
  }

  /** Gives the memory back to the machine; every byte is zero from then on. */
  empty(): void {
    madvise(this.address, this.bytes.length, MADV_DONTNEED);
  }

  /** Writes a pointer (a 64-bit little-endian address) into the arena. Allocates nothing. */
  setPointer(offset: number, address: number): void {
    this.data.setUint32(offset, address >>> 0, true);
    this.data.setUint32(offset + 4, Math.floor(address / 0x1_0000_0000), true);
  }

  /** Writes a size_t below 4 GiB. */
  setSize(offset: number, size: number): void {
    this.data.setUint32(offset, size, true);
    this.data.setUint32(offset + 4, 0, true);
  }
}

/**
 * Maps private memory below 2 GiB, readable and writable.
 * @param size whole pages
 * @returns its address
 */
export function mapLow(size: number): number {
  const huge = size >= HUGE_PAGE;
  const first = huge ? Math.ceil(nextHint / HUGE_PAGE) * HUGE_PAGE : nextHint;
  // Other threads and libraries map here as well: what is taken is stepped over.
  for (let hint = first; hint + size < HIGHEST_HINT; hint += huge ? HUGE_PAGE : HINT_STEP) {
    const flags = MAP_PRIVATE_ANONYMOUS | MAP_FIXED_NOREPLACE;
    const address = mmap(hint, size, PROT_READ_WRITE, flags, -1, 0);
    if (address !== hint) continue;
    nextHint = hint + size;
    if (huge) madvise(address, size, MADV_HUGEPAGE);
    return address;
  }
  throw new BackstayError('BS_INTERNAL', `no memory below 2 GiB for packet buffers (${errnoName(errno())}).`);
}
