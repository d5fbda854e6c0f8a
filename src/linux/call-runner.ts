/**
 * Runs a row of C calls that is written down in memory: see `call-list.ts` for what a record holds.
 *
 * Contract: `run(first, end)` makes the calls from the record at `first` up to, not including, `end`, in order, and
 * returns the address of the first whose result is below what it must be at least, or `end`. Addresses are absolute.
 * On x86-64 this is 67 bytes of machine code in a page of its own that is written first and made executable then, never
 * both at once; elsewhere, and where the machine forbids executable memory, the calls are made one by one through FFI.
 * Source: System V ABI, AMD64 supplement, 3.2.3 (arguments in rdi, rsi, rdx, rcx, r8, r9; rbx and rbp are kept).
 */
import { mapLow } from './arena.ts';
import { bind, bindAddress, viewMemory } from './ffi.ts';

export type CallRunner = (first: number, end: number) => number;
type SixArguments = (a: number, b: number, c: number, d: number, e: number, f: number) => number;

/** Bytes of a record: the function, six arguments, the result, what it must be at least. */
export const RECORD_SIZE = 64;
export const FIRST_ARGUMENT = 8;
export const ARGUMENTS = 6;
export const RESULT = 56;
export const AT_LEAST = 60;

const PROT_READ_EXECUTE = 5;
const PAGE = 4096;

const mprotect = bind<(address: number, length: number, protection: number) => number>(
  'int mprotect(uintptr_t address, size_t length, int protection)',
);

// biome-ignore format: one instruction a line
const x64 = [
  0x53,                               // push rbx
  0x55,                               // push rbp
  0x48, 0x83, 0xec, 0x08,             // sub  rsp, 8             the stack is aligned to 16 at a call
  0x48, 0x89, 0xfb,                   // mov  rbx, rdi           rbx: the record at hand
  0x48, 0x89, 0xf5,                   // mov  rbp, rsi           rbp: the end
  // next:
  0x48, 0x39, 0xeb,                   // cmp  rbx, rbp
  0x74, 0x28,                         // je   done
  0x48, 0x8b, 0x7b, 0x08,             // mov  rdi, [rbx+8]
  0x48, 0x8b, 0x73, 0x10,             // mov  rsi, [rbx+16]
  0x48, 0x8b, 0x53, 0x18,             // mov  rdx, [rbx+24]
  0x48, 0x8b, 0x4b, 0x20,             // mov  rcx, [rbx+32]
  0x4c, 0x8b, 0x43, 0x28,             // mov  r8, [rbx+40]
  0x4c, 0x8b, 0x4b, 0x30,             // mov  r9, [rbx+48]
  0xff, 0x13,                         // call [rbx]
  0x89, 0x43, 0x38,                   // mov  [rbx+56], eax
  0x3b, 0x43, 0x3c,                   // cmp  eax, [rbx+60]
  0x7c, 0x06,                         // jl   done
  0x48, 0x83, 0xc3, 0x40,             // add  rbx, 64
  0xeb, 0xd3,                         // jmp  next
  // done:
  0x48, 0x89, 0xd8,                   // mov  rax, rbx
  0x48, 0x83, 0xc4, 0x08,             // add  rsp, 8
  0x5d,                               // pop  rbp
  0x5b,                               // pop  rbx
  0xc3,                               // ret
];

/** @returns undefined where there is no machine code for this processor, or the machine forbids it */
export function nativeRunner(architecture: string = process.arch): CallRunner | undefined {
  if (architecture !== 'x64') return undefined;
  const page = mapLow(PAGE);
  new Uint8Array(viewMemory(page, PAGE)).set(x64);
  if (mprotect(page, PAGE, PROT_READ_EXECUTE) !== 0) return undefined;
  return bindAddress<CallRunner>(page, 'uintptr_t', ['uintptr_t', 'uintptr_t']);
}

/** The same through FFI, call by call; the records lie in `data`, whose first byte has the address `origin`. */
export function ffiRunner(data: DataView, origin: number): CallRunner {
  const functions = new Map<number, SixArguments>();
  const word = (at: number) => data.getUint32(at, true) + data.getUint32(at + 4, true) * 0x1_0000_0000;
  const callAt = (record: number): number => {
    const address = word(record);
    let call = functions.get(address);
    if (call === undefined) {
      call = bindAddress<SixArguments>(address, 'int', sixArguments);
      functions.set(address, call);
    }
    const argument = (index: number) => word(record + FIRST_ARGUMENT + 8 * index);
    return call(argument(0), argument(1), argument(2), argument(3), argument(4), argument(5));
  };
  return (first, end) => {
    for (let at = first; at < end; at += RECORD_SIZE) {
      const record = at - origin;
      const result = callAt(record);
      data.setInt32(record + RESULT, result, true);
      if (result < data.getInt32(record + AT_LEAST, true)) return at;
    }
    return end;
  };
}

/** In the calling conventions of Linux an argument too many does no harm: it lies in a register that nobody reads. */
const sixArguments = Array.from({ length: ARGUMENTS }, () => 'uintptr_t');
