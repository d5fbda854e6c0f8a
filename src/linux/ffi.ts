/**
 * The one place where FFI is loaded: functions of libc and of the libcrypto inside Node.js.
 *
 * Contract: pointers are declared `uintptr_t` and travel as numbers (36 ns a call; 65 ns with a buffer argument).
 * They come from `arena.ts`, whose memory lies below 2 GiB so that an address is a small integer to V8 and passing
 * it allocates nothing. A function here fails as its man page says: -1 and `errno()`, which must be read at once.
 */
import koffi from 'koffi';

const program = koffi.load(null);

/** Declares a C function; `Arguments` and the result must match the C declaration in `signature`. */
export function bind<Call extends (...args: never[]) => unknown>(signature: string): Call {
  return program.func(signature) as unknown as Call;
}

/** A C function by its address; `result` and `parameters` are C types. */
export function bindAddress<Call extends (...args: never[]) => unknown>(
  address: number,
  result: string,
  parameters: readonly string[],
): Call {
  return koffi.decode(address, koffi.proto(result, [...parameters])) as Call;
}

/** Where a function of libc or of Node.js's libcrypto lies. @throws RangeError when there is none of that name */
export function symbolAddress(name: string): number {
  const address = dlsym(0, name);
  if (address === 0) throw new RangeError(`no C function ${name} in this program`);
  return address;
}

const dlsym = bind<(library: number, name: string) => number>(
  'uintptr_t dlsym(uintptr_t library, const char *name)',
);

/** The calling thread's errno, as the last failing call left it. */
export const errno: () => number = () => koffi.errno();

/** `EAGAIN` for 11, `E123` for what has no name here. */
export function errnoName(value: number): string {
  return errnoNames.get(value) ?? `E${value}`;
}

/** A view of native memory; it stays valid as long as the memory is mapped. */
export function viewMemory(address: number, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

export const errnoValue = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  ENOTTY: 25,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

const errnoNames = new Map<number, string>(Object.entries(errnoValue).map(([name, value]) => [value, name]));
